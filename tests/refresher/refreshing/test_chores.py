"""The application's chores: each is called in its own transaction, and only while this process leads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.connection import Connection
from refresher.leader.drain import Drain
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from refresher.refreshing.chores import Chores
from tests.refresher.leading import drain_in, session_of
from tests.waiting import until


@pytest.fixture
def drain(term: Term) -> Drain:
    return drain_in(term)


@pytest.fixture
def session(drain: Drain, database_url: str) -> Iterator[LeaderSession]:
    made = session_of(drain, database_url)
    yield made
    made.stop()


def test_the_chores_of_the_application_are_called(connection: Connection, session: LeaderSession) -> None:
    connection.execute(
        "CREATE TABLE called (xid xid8 DEFAULT pg_current_xact_id());"
        "CREATE FUNCTION first() RETURNS void LANGUAGE sql AS 'INSERT INTO called DEFAULT VALUES';"
        "CREATE FUNCTION second() RETURNS void LANGUAGE sql AS 'INSERT INTO called DEFAULT VALUES'"
    )
    chores = Chores(session, ("public.first", "public.second"))

    chores.run()
    chores.run()

    assert connection.execute("SELECT count(DISTINCT xid) FROM called").fetchone() == (4,)


def test_none_begins_once_the_term_has_ended(
    connection: Connection, session: LeaderSession, drain: Drain, term: Term
) -> None:
    connection.execute(
        "CREATE TABLE called (name text);"
        "CREATE FUNCTION first() RETURNS void LANGUAGE sql AS "
        "$$SELECT pg_advisory_xact_lock(7); INSERT INTO called VALUES ('first')$$;"
        "CREATE FUNCTION second() RETURNS void LANGUAGE sql AS $$INSERT INTO called VALUES ('second')$$"
    )
    connection.execute("SELECT pg_advisory_lock(7)")
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(Chores(session, ("public.first", "public.second")).run)
        until(lambda: _waits(connection), "first chore that waits")
        drain.term = Term(term.epoch + 1, 1)
        connection.execute("SELECT pg_advisory_unlock(7)")
        running.result(10)

    assert connection.execute("SELECT name FROM called").fetchall() == [("first",)]


def _waits(connection: Connection) -> bool:
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
    return connection.execute(waiting).fetchone() is not None
