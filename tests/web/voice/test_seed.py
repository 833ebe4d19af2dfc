"""``frontview seed`` on a real, migrated database."""

import json

import psycopg
import pytest
from click.testing import CliRunner

from models.engine import connect
from web.cli import main
from web.voice.seed import SeedPlan, write_seed
from web.voice.seed.writer import TABLES, SeedError

LOST_CONSISTENCY = """
    SELECT count(*) FROM agent_analytics a FULL JOIN (
        SELECT agent_id, day, sum(duration_seconds) FILTER (WHERE status = 'completed') AS talk
        FROM calls JOIN users u ON u.id = user_id, date(started_at AT TIME ZONE u.timezone) AS day
        GROUP BY agent_id, day
    ) c ON (c.agent_id, c.day) = (a.agent_id, a.day)
    WHERE a.talk_seconds IS DISTINCT FROM COALESCE(c.talk, 0)
"""

ROWS_BEFORE_AN_EARLIER_DAY = """
    SELECT count(*) FROM (
        SELECT day, lag(day) OVER (ORDER BY c.ctid) AS before
        FROM calls c JOIN users u ON u.id = user_id, date(started_at AT TIME ZONE u.timezone) AS day
    ) AS rows WHERE day < before
"""


def one(connection: psycopg.Connection, query: str) -> object:
    return connection.execute(query).fetchone()[0]


def test_what_was_made_is_there(connection: psycopg.Connection) -> None:
    counted = []
    result = write_seed(connection, SeedPlan(users=30, calls=4000, days=60), counted.append)
    assert sum(counted) == 4000
    assert result.rows == {table: one(connection, f"SELECT count(*) FROM {table}") for table in TABLES}
    assert result.rows["calls"] == 4000
    assert one(connection, "SELECT count(*) FROM calls WHERE started_at > now()") == 0
    assert one(connection, LOST_CONSISTENCY) == 0
    assert (
        one(
            connection,
            "SELECT count(*) FROM calls c JOIN agents a ON a.id = agent_id WHERE a.user_id <> c.user_id",
        )
        == 0
    )


def test_rows_lie_in_the_order_of_their_day(connection: psycopg.Connection) -> None:
    write_seed(connection, SeedPlan(users=30, calls=4000, days=60))
    assert one(connection, ROWS_BEFORE_AN_EARLIER_DAY) == 0


def test_a_second_seed_adds_to_the_first_and_to_rows_of_others(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO users (email, name) VALUES ('own@example.com', 'Own')")
    first = write_seed(connection, SeedPlan(users=10, calls=200, days=5))
    second = write_seed(connection, SeedPlan(users=10, calls=200, days=5))
    assert (first.first_user_id, second.first_user_id) == (2, 12)
    assert one(connection, "SELECT count(*) FROM users") == 21
    connection.execute("INSERT INTO users (email, name) VALUES ('later@example.com', 'Later')")
    assert one(connection, "SELECT max(id) FROM users") == 22


def test_ids_taken_beside_a_busy_writer_are_ours_alone(connection: psycopg.Connection, database_url: str) -> None:
    with connect(database_url, "frontview-test") as other:
        write_seed(connection, SeedPlan(users=5, calls=50, days=3), lambda _: None)
        other.execute("INSERT INTO users (email, name) VALUES ('x@example.com', 'X')")
        write_seed(connection, SeedPlan(users=5, calls=50, days=3), lambda _: None)
    assert one(connection, "SELECT count(DISTINCT id) FROM users") == 11


def test_users_without_calls(connection: psycopg.Connection) -> None:
    result = write_seed(connection, SeedPlan(users=3, calls=0, days=5))
    assert result.rows["users"] == 3
    assert result.rows["calls"] == 0


@pytest.fixture
def _configured(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)


@pytest.mark.usefixtures("_configured")
def test_the_command_says_what_was_made() -> None:
    result = CliRunner().invoke(main, ["seed", "--users", "5", "--calls", "100", "--days", "3", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["rows"]["calls"] == 100
    result = CliRunner().invoke(main, ["seed", "--users", "5", "--calls", "1000", "--days", "3"])
    assert "1,000 calls" in result.stdout


@pytest.mark.parametrize("damage", ["DROP TABLE agent_analytics", "ALTER TABLE calls DROP COLUMN cost_cents CASCADE"])
def test_a_table_of_another_application_is_not_filled(connection: psycopg.Connection, damage: str) -> None:
    connection.execute("DROP SCHEMA frontview CASCADE")
    connection.execute(damage)
    with pytest.raises(SeedError, match=r"others of these names: (agent_analytics|calls)\."):
        write_seed(connection, SeedPlan(users=1, calls=1))
    assert one(connection, "SELECT count(*) FROM users") == 0


def test_a_database_without_the_tables_is_named_so(monkeypatch: pytest.MonkeyPatch, empty_url: str) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", empty_url)
    result = CliRunner().invoke(main, ["seed", "--users", "5", "--calls", "100"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: A seed fills the tables of the bundled application, and this ")
    assert "agent_analytics, agents, calls, lead_analytics, users. `frontview demo` makes them" in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_server_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", "postgresql://me:hidden-word@127.0.0.1:1/none")
    result = CliRunner().invoke(main, ["seed", "--users", "5", "--calls", "100"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database cannot be used: ")
    assert "hidden-word" not in result.stderr
    assert result.stderr.count("\n") == 1
