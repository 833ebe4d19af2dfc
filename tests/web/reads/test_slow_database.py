"""A worker on a database that works, but slowly: requests wait for a place as long as a statement may take."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from models.engine import CONNECT_SECONDS, POOL_SECONDS
from models.settings import load_settings
from tests.faults.load.readers import TIMEOUT_SECONDS
from tests.neutral.catalog import CATALOG
from tests.waiting import until
from web.process.worker import Worker, admitted
from web.reads.computing import STALLED_SECONDS, WAIT_SECONDS

DASHBOARDS = ("view.loans", "view.renewals", "view.account")


def test_while_every_place_is_taken_by_slow_reads_another_read_waits_for_one(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    worker = Worker(load_settings(database_url=database_url, pool_size=1), CATALOG)
    assert len(DASHBOARDS) == admitted(1) + 1
    admission = worker.read_path.admission
    read = worker.read_path.read
    try:
        with ThreadPoolExecutor() as threads:
            with connection.transaction():
                connection.execute("LOCK TABLE member IN ACCESS EXCLUSIVE MODE")
                readings = [threads.submit(read, name, 1, {}) for name in DASHBOARDS[:2]]
                until(lambda: admission.statistics().inside == 2, "reads that take all places")
                stalled_at = time.monotonic() + STALLED_SECONDS
                until(lambda: time.monotonic() > stalled_at, "second without movement")
                until(worker.follower.database_answers, "answer to the follower")
                readings.append(threads.submit(read, DASHBOARDS[2], 1, {}))
                until(lambda: admission.waiting or readings[2].done(), "waiter")
            assert {reading.result(10).source for reading in readings} == {"database"}
    finally:
        worker.stop()
    assert admission.statistics().refused == 0


def test_a_read_that_waits_for_all_there_is_behind_a_silent_link_ends_before_its_client_gives_up() -> None:
    """It waits for a place, for a connection of the pool, and for one that has to be opened."""
    assert WAIT_SECONDS + POOL_SECONDS + CONNECT_SECONDS < TIMEOUT_SECONDS
