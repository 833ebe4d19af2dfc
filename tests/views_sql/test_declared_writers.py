"""Writers of a declared table under limits of their own: they fail where they would without us, and nowhere else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.views_sql.declared_stage import KINDS, MAKE, NOON, Stage, T, captured, of_kind
from tests.waiting import until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture(scope="module")
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template)
    yield made
    any_server.drop(made)


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest, any_server: Server, url: str) -> Iterator[Stage]:
    with captured(any_server, url, MAKE[request.param], [of_kind(request.param)]) as opened:
        opened.insert((1, 1, NOON), (2, 2, NOON))
        opened.logged()
        yield opened


def _raise(amount: int, row: int) -> bytes:
    return f'UPDATE {T} SET "total %" = {amount} WHERE id = {row}'.encode()


def test_of_two_writers_in_a_deadlock_one_goes_on_and_is_logged(stage: Stage) -> None:
    with stage.other() as one, stage.other() as two, ThreadPoolExecutor(1) as pool:
        for c, row in ((one, 1), (two, 2)):
            c.execute("SET deadlock_timeout = '20ms'; BEGIN")
            c.execute(_raise(5, row))
        waiting = pool.submit(one.execute, _raise(6, 2))
        until(lambda: stage.c.execute(WAITING).fetchone() == (1,), "the first to wait")
        failed = 0
        for c, attempt in ((two, lambda: two.execute(_raise(7, 1))), (one, waiting.result)):
            try:
                attempt()
            except psycopg.errors.DeadlockDetected:
                failed += 1
            c.execute("COMMIT")  # A transaction that failed is rolled back by it.
    assert failed == 1
    assert set(stage.logged()) == {(1, "2026-03-01"), (2, "2026-03-01")}


def test_two_writers_of_one_key_do_not_wait_for_each_other(stage: Stage) -> None:
    stage.insert((3, 1, NOON))
    with stage.other() as one, stage.other() as two:
        for c, row in ((one, 1), (two, 3)):
            c.execute("SET lock_timeout = '2s'; BEGIN")
            c.execute(_raise(5, row))
            c.execute(f"INSERT INTO {T} VALUES ({row + 10}, 1, '{NOON}')".encode())
        two.execute("COMMIT")
        one.execute("COMMIT")


def test_a_writer_that_may_use_no_temporary_file_writes_what_fits_in_its_memory(stage: Stage) -> None:
    with stage.other() as c:
        c.execute("SET work_mem = '64kB'; SET temp_file_limit = 0")
        rows = f"SELECT g, g % 7, '{NOON}'::timestamptz, 1 FROM generate_series(11, 90) g"
        for statement in (f"INSERT INTO {T} {rows}", f'UPDATE {T} SET "total %" = 2', f"DELETE FROM {T}"):
            c.execute(statement.encode())
    assert {user for user, _ in stage.logged()} == set(range(7))
