"""What is logged of a transaction as a whole, and what that asks of its writer: nothing.

The keys of each statement are the business of ``test_declared_capture.py``.
"""

from typing import Any

import psycopg
import pytest

from tests.neutral.application import fill

LEND = "INSERT INTO loan (member_id, day, branch, fee_cents) VALUES (%s, %s, 'north', 1)"
LOANS = "SELECT user_id, day::text FROM frontview.change_log WHERE source = 'loans_1'"


@pytest.fixture
def c(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Members 1 and 2 without loans, and an empty log."""
    fill(connection, members=2)
    connection.execute("TRUNCATE loan CASCADE")
    connection.execute("TRUNCATE frontview.change_log")
    return connection


def logged(c: psycopg.Connection[Any]) -> list[tuple[int | None, str]]:
    """Return and forget what was logged of loans, duplicates and all."""
    rows = c.execute(LOANS).fetchall()
    c.execute("TRUNCATE frontview.change_log")
    return sorted(rows, key=str)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_session_logs_statements_of_one_row_and_of_many_alike(c: psycopg.Connection[Any], rows: int) -> None:
    """Plans are made at a session's first statement and kept."""
    for count in (rows, 1, 3, 2, 1):
        c.execute(
            "INSERT INTO loan (member_id, day, branch, fee_cents) "
            "SELECT 1, '2026-03-01'::date + g, 'north', 1 FROM generate_series(0, %s) g",
            (count - 1,),
        )
        keys = [(1, f"2026-03-0{day}") for day in range(1, count + 1)]
        assert logged(c) == keys
        c.execute("UPDATE loan SET fee_cents = 7")
        assert logged(c) == keys
        c.execute("DELETE FROM loan")
        assert logged(c) == keys


def test_a_statement_that_changes_no_row_logs_nothing(c: psycopg.Connection[Any]) -> None:
    c.execute("UPDATE loan SET fee_cents = 7")
    c.execute("DELETE FROM loan")

    assert logged(c) == []


def test_what_is_rolled_back_logs_nothing(c: psycopg.Connection[Any]) -> None:
    with c.transaction(force_rollback=True):
        c.execute(LEND, (1, "2026-03-01"))
    with c.transaction():
        c.execute(LEND, (1, "2026-03-02"))
        with c.transaction(force_rollback=True):
            c.execute(LEND, (2, "2026-03-03"))

    assert logged(c) == [(1, "2026-03-02")]


def test_rows_are_logged_under_the_top_transaction_even_inside_a_savepoint(c: psycopg.Connection[Any]) -> None:
    """Snapshots list top transactions; a subtransaction's own id would be looked for in vain."""
    with c.transaction():
        top = c.execute("SELECT pg_current_xact_id()::text").fetchone()
        with c.transaction():
            c.execute(LEND, (1, "2026-03-01"))

    assert c.execute("SELECT DISTINCT xid::text FROM frontview.change_log").fetchone() == top


def test_a_replica_role_session_still_logs(c: psycopg.Connection[Any]) -> None:
    c.execute("SET session_replication_role = replica")

    c.execute(LEND, (2, "2026-03-01"))

    assert logged(c) == [(2, "2026-03-01")]


def test_a_writers_search_path_leads_capture_nowhere_else(c: psycopg.Connection[Any]) -> None:
    c.execute("CREATE SCHEMA mine; CREATE TABLE mine.change_log (LIKE frontview.change_log)")
    c.execute("CREATE FUNCTION mine.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'")
    c.execute("SET search_path = mine, public, pg_catalog")

    c.execute(LEND, (2, "2026-03-01"))

    c.execute("RESET search_path")
    assert logged(c) == [(2, "2026-03-01")]
    assert c.execute("SELECT count(*) FROM mine.change_log").fetchone() == (0,)


def test_writers_notify_nobody(c: psycopg.Connection[Any], database_url: str) -> None:
    """NOTIFY takes one lock for the whole server until the commit is flushed."""
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN frontview")
        c.execute(LEND, (1, "2026-03-01"))
        c.execute("UPDATE loan SET fee_cents = 1; DELETE FROM loan; TRUNCATE loan CASCADE")
        c.execute("NOTIFY frontview, 'the end'")

        first = next(listener.notifies(timeout=10))

    assert first.payload == "the end"
