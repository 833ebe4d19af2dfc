"""Connections that stop answering are cut under their waiting threads, unless the server still works for them."""

import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from models.deadlines import Connection, Deadlines
from models.engine import connect, limit_use, make_engine, open_connections
from refresher.leader.connections import still_works
from tests.refresher.front_cache.cache_fakes import Clock
from tests.waiting import until

SLEEP = "SELECT pg_sleep(60)"
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadlines(clock: Clock) -> Deadlines:
    return Deadlines(monotonic=clock)


@pytest.fixture
def watched(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "frontview-test") as opened:
        yield opened


def look_when_asleep(connection: psycopg.Connection, pid: int, deadlines: Deadlines) -> threading.Thread:
    def look() -> None:
        until(lambda: connection.execute(SLEEPING, (pid,)).fetchone() == (1,), "statement in progress")
        deadlines.check()

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_who_waits_too_long_sees_a_lost_connection(
    connection: psycopg.Connection, watched: Connection, deadlines: Deadlines, clock: Clock
) -> None:
    with deadlines.watch(watched, 5.0):
        clock.advance(5.0)
        looking = look_when_asleep(connection, watched.info.backend_pid, deadlines)
        with pytest.raises(psycopg.OperationalError):
            watched.execute(SLEEP)
    looking.join()
    assert deadlines.cuts == 1


def test_a_statement_the_server_works_on_gets_as_much_time_again(
    connection: psycopg.Connection, watched: Connection, database_url: str, deadlines: Deadlines, clock: Clock
) -> None:
    pid = watched.info.backend_pid
    with deadlines.watch(watched, 5.0, lambda _: still_works(database_url, pid)):
        clock.advance(5.0)
        looking = look_when_asleep(connection, watched.info.backend_pid, deadlines)

        def end_it() -> None:
            looking.join()
            connection.execute("SELECT pg_cancel_backend(%s)", (pid,))

        ending = threading.Thread(target=end_it)
        ending.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            watched.execute(SLEEP)
        ending.join()
    assert deadlines.cuts == 0


def test_a_backend_that_is_gone_does_not_work(watched: Connection, database_url: str) -> None:
    assert still_works(database_url, watched.info.backend_pid)
    assert not still_works(database_url, 0)


def test_a_refusal_says_nothing_against_a_backend(watched: Connection) -> None:
    assert still_works("postgresql://nobody@127.0.0.1:1/none", watched.info.backend_pid)


def test_about_whom_nobody_answers_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.engine.CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not still_works(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none", 1)


def test_what_ended_in_time_is_left_alone(watched: Connection, deadlines: Deadlines, clock: Clock) -> None:
    with deadlines.watch(watched, 5.0):
        clock.advance(4.0)
        deadlines.check()
    clock.advance(60.0)
    deadlines.check()
    assert watched.execute("SELECT 1").fetchone() == (1,)


def test_a_pooled_connection_is_cut_and_replaced(
    connection: psycopg.Connection, database_url: str, deadlines: Deadlines, clock: Clock
) -> None:
    engine = make_engine(database_url, "frontview-test", pool_size=1)
    limit_use(engine, deadlines, 5.0)
    open_connections(engine, 1, threading.Event())
    with engine.connect() as pooled:
        pid = pooled.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        clock.advance(5.0)
        looking = look_when_asleep(connection, pid, deadlines)
        with pytest.raises(DBAPIError) as caught:
            pooled.exec_driver_sql(SLEEP)
        assert caught.value.connection_invalidated
    looking.join()
    with engine.connect() as pooled:
        assert pooled.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()
    assert deadlines.cuts == 1


def test_a_session_whose_client_is_dead_is_noticed_by_the_server_too(database_url: str) -> None:
    with connect(database_url, "frontview-test") as opened:
        settings = dict(opened.execute("SELECT name, setting FROM pg_settings WHERE source = 'client'").fetchall())
    assert {"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"} <= set(
        settings
    )
