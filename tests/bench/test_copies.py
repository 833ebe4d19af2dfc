"""A history that was multiplied is as good as a seeded one, and captured again afterwards."""

from typing import Any, LiteralString

import psycopg
import pytest

from bench.system.copies import multiply, without_capture
from web.voice.seed import SeedPlan, write_seed

CALLS, COPIES = 3_000, 4
DAYS: LiteralString = (
    "(SELECT c.id, c.agent_id, (c.started_at AT TIME ZONE u.timezone)::date AS day "
    "FROM calls c JOIN users u ON u.id = c.user_id)"
)
WRONG: dict[str, LiteralString] = {
    "future": "SELECT id FROM calls WHERE started_at > now()",
    "leads": "SELECT id FROM lead_analytics l WHERE NOT EXISTS (SELECT FROM calls c WHERE "
    "(c.id, c.user_id, c.agent_id) = (l.call_id, l.user_id, l.agent_id) AND l.analyzed_at > c.started_at)",
    # An hour more where clocks changed in between can lead to the day before.
    "seed's days": f"SELECT c.day FROM {DAYS} c, "
    f"(SELECT min(day) AS first, max(day) AS last FROM {DAYS} d WHERE id <= 3000) s "
    "WHERE c.day NOT BETWEEN s.first - 1 AND s.last",
    "capture": "SELECT * FROM frontview.check_capture()",
}


@pytest.fixture
def multiplied(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    with without_capture(connection):
        write_seed(connection, SeedPlan(users=50, calls=CALLS))
        multiply(connection, COPIES)
    return connection


def numbers(connection: psycopg.Connection[Any], query: LiteralString) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


def test_nothing_contradicts_other_rows(multiplied: psycopg.Connection[Any]) -> None:
    assert {what: multiplied.execute(query).fetchall() for what, query in WRONG.items()} == {what: [] for what in WRONG}


def test_copies_are_as_many_and_mostly_keys_of_their_own(multiplied: psycopg.Connection[Any]) -> None:
    calls, ids, seeded, keys = numbers(
        multiplied,
        "SELECT count(*), count(DISTINCT id), count(DISTINCT (agent_id, day)) FILTER (WHERE id <= 3000), "
        f"count(DISTINCT (agent_id, day)) FROM {DAYS} d",
    )
    assert (calls, ids) == (CALLS * COPIES, CALLS * COPIES)
    assert keys > 0.75 * COPIES * seeded


def test_users_are_as_different_as_in_the_seed(multiplied: psycopg.Connection[Any]) -> None:
    assert numbers(
        multiplied,
        "SELECT bool_and(of_all = 4 * of_seed) FROM (SELECT count(*) AS of_all, "
        "count(*) FILTER (WHERE id <= 3000) AS of_seed FROM calls GROUP BY user_id) u",
    ) == (True,)


def test_a_call_written_afterwards_has_a_new_id_and_is_captured(multiplied: psycopg.Connection[Any]) -> None:
    new = numbers(
        multiplied,
        "INSERT INTO calls (user_id, agent_id, status) SELECT user_id, id, 'busy' FROM agents LIMIT 1 RETURNING id",
    )
    assert new == (CALLS * COPIES + 1,)
    assert numbers(multiplied, "SELECT count(*) FROM frontview.change_log WHERE source = 'calls_1'") == (1,)
