"""A web process reports itself to the database, whatever happens there, and stops at once."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from models.engine import make_engine
from models.settings import load_settings
from tests.waiting import until
from views_sql.voice.catalog import CATALOG
from web.process.worker import Worker
from web.telemetry.worker_reports import WorkerReports


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url, "frontview-web", pool_size=1)
    yield made
    made.dispose()


def rows(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    query = "SELECT worker_id, pid, extract(epoch FROM started_at)::float8, statistics FROM frontview.worker"
    return connection.execute(query).fetchall()


def test_a_report_is_one_row_that_is_replaced_by_the_next(engine: Engine, connection: psycopg.Connection[Any]) -> None:
    counted = {"hits": 1}
    reports = WorkerReports(engine, lambda: counted, 1_790_000_000.25)
    assert reports.report()
    assert rows(connection) == [(reports.worker_id, os.getpid(), 1_790_000_000.25, {"hits": 1})]
    seen = connection.execute("SELECT seen_at FROM frontview.worker").fetchone()
    counted["hits"] = 2
    assert reports.report()
    assert rows(connection)[0][3] == {"hits": 2}
    assert connection.execute("SELECT seen_at FROM frontview.worker").fetchone() > seen  # type: ignore[operator]


def test_reports_go_on_after_one_that_failed(engine: Engine, connection: psycopg.Connection[Any]) -> None:
    failing = [KeyError("a defect"), float("nan"), float("inf")]

    def statistics() -> dict[str, Any]:
        if failing:
            found = failing.pop()
            if isinstance(found, Exception):
                raise found
            return {"value": found}
        return {"value": 1}

    reports = WorkerReports(engine, statistics, time.time(), every_seconds=0.01)
    reports.thread.start()
    try:
        until(lambda: rows(connection), "a report")
    finally:
        reports.thread.stop()
    assert not failing
    assert rows(connection)[0][3] == {"value": 1}


def test_a_connection_that_died_is_replaced(engine: Engine, connection: psycopg.Connection[Any]) -> None:
    reports = WorkerReports(engine, lambda: {}, time.time())
    assert reports.report()
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'frontview-web' AND datname = current_database()"
    )
    until(reports.report, "a report")


def test_without_a_schema_it_only_says_no(empty_url: str) -> None:
    engine = make_engine(empty_url, "frontview-web", pool_size=1)
    assert not WorkerReports(engine, lambda: {}, time.time()).report()
    engine.dispose()


def test_a_worker_reports_its_statistics(database_url: str, connection: psycopg.Connection[Any]) -> None:
    worker = Worker(load_settings(database_url=database_url, pool_size=1), CATALOG)
    try:
        worker.ensure_started()
        ((_, pid, _, statistics),) = until(lambda: rows(connection), "a report")
    finally:
        worker.stop()
    assert pid == os.getpid()
    assert set(statistics) == set(json.loads(json.dumps(worker.statistics())))
    assert set(statistics["cache"]["regions"]) == {"dashboard", "agent", "performance"}
    assert worker.regions == ("dashboard", "agent", "performance")
