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
from tests.neutral.catalog import CATALOG
from tests.waiting import until
from web.process.worker import Worker
from web.telemetry.worker_reports import WorkerReports
from web.telemetry.worker_statistics import WorkerReport, WorkerStatistics


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url, "frontview-web", pool_size=1)
    yield made
    made.dispose()


def rows(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    query = "SELECT worker_id, pid, extract(epoch FROM started_at)::float8, statistics FROM frontview.worker"
    return connection.execute(query).fetchall()


def report(pid: int) -> WorkerReport:
    return WorkerReport(WorkerStatistics(pid=pid))


def test_a_report_is_one_row_that_is_replaced_by_the_next(engine: Engine, connection: psycopg.Connection[Any]) -> None:
    reported = [report(1), report(2)]
    reports = WorkerReports(engine, lambda: reported.pop(0), 1_790_000_000.25)
    assert reports.send()
    assert rows(connection) == [(reports.worker_id, os.getpid(), 1_790_000_000.25, json.loads(report(1).as_json()))]
    seen = connection.execute("SELECT seen_at FROM frontview.worker").fetchone()
    assert reports.send()
    assert rows(connection)[0][3] == json.loads(report(2).as_json())
    assert connection.execute("SELECT seen_at FROM frontview.worker").fetchone() > seen  # type: ignore[operator]


def test_reports_go_on_after_one_that_failed(engine: Engine, connection: psycopg.Connection[Any]) -> None:
    failing = [KeyError("a defect"), float("nan"), float("inf")]

    def next_report() -> WorkerReport:
        if failing:
            found = failing.pop()
            if isinstance(found, Exception):
                raise found
            return WorkerReport(WorkerStatistics(started_at=found))
        return report(1)

    reports = WorkerReports(engine, next_report, time.time(), every_seconds=0.01)
    reports.thread.start()
    try:
        until(lambda: rows(connection), "a report")
    finally:
        reports.thread.stop()
    assert not failing
    assert rows(connection)[0][3]["pid"] == 1


def test_a_connection_that_died_is_replaced(engine: Engine, connection: psycopg.Connection[Any]) -> None:
    reports = WorkerReports(engine, WorkerReport, time.time())
    assert reports.send()
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'frontview-web' AND datname = current_database()"
    )
    until(reports.send, "a report")


def test_without_a_schema_it_only_says_no(empty_url: str) -> None:
    engine = make_engine(empty_url, "frontview-web", pool_size=1)
    assert not WorkerReports(engine, WorkerReport, time.time()).send()
    engine.dispose()


def test_a_worker_reports_its_statistics(database_url: str, connection: psycopg.Connection[Any]) -> None:
    worker = Worker(load_settings(database_url=database_url, pool_size=1), CATALOG)
    try:
        worker.ensure_started()
        ((_, pid, _, statistics),) = until(lambda: rows(connection), "a report")
    finally:
        worker.stop()
    assert pid == os.getpid()
    assert set(statistics) == set(json.loads(worker.report().as_json()))
    assert set(statistics["cache"]["regions"]) == {"default", "desk", "shelf"}
    assert worker.regions == ("default", "desk", "shelf")
