"""Which rows may go once days are sealed: foreign keys may take rows of other days with them."""

from datetime import date
from typing import Any

import psycopg
import pytest

from models.engine import connect
from web.operators.seals import SealedTable, sealed_tables

DROP = "ALTER TABLE lead_analytics DROP CONSTRAINT fk_lead_analytics_call_id_calls"


def calls(database_url: str, *statements: str) -> SealedTable:
    """Return what is told about the table of calls, after some statements."""
    with connect(database_url, "frontview-test") as connection:
        for statement in statements:
            connection.execute(statement.encode())
        (table,) = sealed_tables(connection, "call_daily", date(2020, 1, 1))
    return table


def test_a_reference_without_an_action_takes_nothing(database_url: str) -> None:
    table = calls(database_url, DROP, "ALTER TABLE lead_analytics ADD FOREIGN KEY (call_id) REFERENCES calls")

    assert (table.cascades_to, table.cascading_views) == ([], [])


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_rows_of_other_days_go_or_change_with_a_reference(database_url: str, action: str) -> None:
    added = f"ALTER TABLE lead_analytics ADD FOREIGN KEY (call_id) REFERENCES calls ON DELETE {action}"

    table = calls(database_url, DROP, added)

    assert (table.cascades_to, table.cascading_views) == (["lead_analytics"], ["lead_daily"])


@pytest.mark.parametrize(("action", "reached"), [("CASCADE", ["lead_analytics"]), ("SET NULL", [])])
def test_a_reference_is_followed_through_tables_that_nothing_counts(
    database_url: str, action: str, reached: list[str]
) -> None:
    table = calls(
        database_url,
        DROP,
        f"CREATE TABLE recording (id bigint PRIMARY KEY, call_id bigint REFERENCES calls ON DELETE {action})",
        "ALTER TABLE lead_analytics ADD FOREIGN KEY (call_id) REFERENCES recording ON DELETE CASCADE",
    )

    assert table.cascades_to == reached


def test_a_reference_of_a_child_is_one_of_its_parent(database_url: str) -> None:
    table = calls(
        database_url,
        DROP,
        "CREATE TABLE lead_child () INHERITS (lead_analytics)",
        "ALTER TABLE lead_child ADD FOREIGN KEY (call_id) REFERENCES calls ON DELETE CASCADE",
    )

    assert table.cascades_to == ["lead_analytics"]


def test_leads_of_a_later_day_are_lost_with_the_call_that_they_refer_to(database_url: str) -> None:
    """What the command warns of, in the voice application."""
    with connect(database_url, "frontview-test") as connection:
        _call_that_is_analyzed_later(connection)
        leads = "SELECT count(*) FROM frontview.lead_daily_live WHERE day > CURRENT_DATE - 50"
        before = connection.execute(leads).fetchone()
        connection.execute("DELETE FROM calls WHERE local_day < CURRENT_DATE - 80")

        assert (before, connection.execute(leads).fetchone()) == ((1,), (0,))


def _call_that_is_analyzed_later(connection: psycopg.Connection[Any]) -> None:
    connection.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")
    connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'x')")
    connection.execute(
        "WITH c AS (INSERT INTO calls (user_id, agent_id, started_at, status, cost_cents) "
        "VALUES (1, 1, now() - interval '100 days', 'completed', 5) RETURNING id) "
        "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
        "SELECT id, 1, 1, now() - interval '1 day', 50, 'qualified' FROM c"
    )
