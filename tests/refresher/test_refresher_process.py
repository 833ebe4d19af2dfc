"""``python -m refresher`` as an operator runs it: it leads, stops at once, hands over, and says what is wrong."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from models.engine import connect
from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS
from tests.fix_postgres import ROOT, Server
from tests.migrations.project_stage import DECLARED, project
from tests.neutral.application import lend
from tests.neutral.reads import ORACLE
from tests.waiting import until

pytestmark = pytest.mark.proof  # each test starts processes

FAST = {"FRONTVIEW_REFRESH_MIN_SECONDS": "0.2", "FRONTVIEW_REFRESH_DUTY": "1", "FRONTVIEW_LOG_FORMAT": "json"}
LEADER_PID = """
SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted AND a.datname = current_database()
"""
EPOCH = "SELECT epoch FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"
DRAIN_AGE = (
    "SELECT clock_timestamp() - drained_at < interval '1 second' FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"
)


def _without_the_tests_own(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without variables of the tests, of which a refresher would log that they set nothing."""
    return {name: value for name, value in environment.items() if not name.startswith("FRONTVIEW_TEST_")}


class Refreshers:
    """Processes of one test, and a connection to their database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, url: str | None = None) -> subprocess.Popen[str]:
        log = self.folder / f"refresher-{len(self.processes)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "refresher"],
                cwd=ROOT,
                env=_without_the_tests_own(os.environ) | FAST | {"FRONTVIEW_DATABASE_URL": url or self.url},
                stdout=subprocess.DEVNULL,
                stderr=file,
                text=True,
            )
        self.processes.append(process)
        return process

    def log(self, process: subprocess.Popen[str]) -> str:
        return (self.folder / f"refresher-{self.processes.index(process)}.log").read_text()


@pytest.fixture
def watcher(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url, "test-watcher") as opened:
        yield opened


@pytest.fixture
def refreshers(database_url: str, tmp_path: Path) -> Iterator[Refreshers]:
    made = Refreshers(database_url, tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def value(c: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = c.execute(query, values).fetchone()
    return row[0] if row else None


def leader(c: psycopg.Connection[Any]) -> int | None:
    """Return the backend that holds the leader's lock."""
    return value(c, LEADER_PID, LOCK_CLASS, LEADER_LOCK)


def await_leader(c: psycopg.Connection[Any], *, besides: int | None = None, seconds: float = 20.0) -> int:
    def found() -> int | None:
        pid = leader(c)
        return pid if pid != besides and value(c, EPOCH) else None

    return int(until(found, "leader", seconds=seconds) or 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_time_with_the_lock_released(
    refreshers: Refreshers, watcher: psycopg.Connection[Any], number: signal.Signals
) -> None:
    process = refreshers.start()
    await_leader(watcher)

    asked_at = time.monotonic()
    process.send_signal(number)

    assert process.wait(5) == 0, refreshers.log(process)
    assert time.monotonic() - asked_at < 5
    assert leader(watcher) is None
    assert "Traceback" not in refreshers.log(process)


def test_a_signal_stops_it_while_a_refresh_waits_for_a_lock(
    refreshers: Refreshers, watcher: psycopg.Connection[Any], database_url: str
) -> None:
    with psycopg.connect(database_url) as blocker:
        blocker.execute("LOCK TABLE loan IN ACCESS EXCLUSIVE MODE")
        process = refreshers.start()
        blocked = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frontview-refresher-maintenance' "
            "AND wait_event_type = 'Lock'"
        )
        until(lambda: value(watcher, blocked), "refresh that waits", seconds=20)
        process.terminate()

        assert process.wait(5) == 0, refreshers.log(process)
        assert leader(watcher) is None
        until(lambda: value(watcher, blocked) == 0, "end of its connection")


def test_after_a_kill_of_the_leader_the_standby_leads(refreshers: Refreshers, watcher: psycopg.Connection[Any]) -> None:
    first = refreshers.start()
    pid = await_leader(watcher)
    second = refreshers.start()
    standing_by = "SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name = 'frontview-refresher-drain'"
    until(lambda: value(watcher, standing_by), "standby", seconds=20)
    epoch = value(watcher, EPOCH)
    assert leader(watcher) == pid, "one leads"
    assert second.poll() is None

    first.send_signal(signal.SIGKILL)
    killed_at = time.monotonic()
    await_leader(watcher, besides=pid)
    until(lambda: value(watcher, EPOCH) > epoch, "greater epoch", seconds=3)

    assert time.monotonic() - killed_at < 3
    until(lambda: value(watcher, DRAIN_AGE), "drain of the new leader")


def test_losing_its_connection_ends_the_term_and_begins_a_new_one(
    refreshers: Refreshers, watcher: psycopg.Connection[Any]
) -> None:
    process = refreshers.start()
    pid = await_leader(watcher)
    epoch = value(watcher, EPOCH)

    watcher.execute("SELECT pg_terminate_backend(%s)", (pid,))

    await_leader(watcher, besides=pid)
    until(lambda: value(watcher, EPOCH) > epoch, "greater epoch")
    assert process.poll() is None


def test_what_is_written_is_drained_refreshed_and_forgotten(
    refreshers: Refreshers, watcher: psycopg.Connection[Any]
) -> None:
    refreshers.start()
    watcher.execute("INSERT INTO member (name) VALUES ('A')")
    for days in (0, 20, 400):
        lend(watcher, 1, days)
    settled = (
        "SELECT (SELECT count(*) FROM frontview.stale_key) = 0 AND (SELECT count(*) FROM frontview.change_log) = 0 "
        "AND (SELECT bool_and(through IS NOT NULL) FROM frontview.view_state)"
    )
    until(lambda: value(watcher, settled), "end of staleness", seconds=30)

    watcher.execute("UPDATE loan SET fee_cents = 9")
    assert value(watcher, "SELECT sum(m_fees) FROM frontview.loans_1_live") == 27
    until(lambda: value(watcher, settled), "end of staleness", seconds=30)

    tiers = (
        "SELECT (SELECT sum(m_fees) FROM frontview.loans_1_recent) "
        "+ (SELECT sum(m_fees) FROM frontview.loans_1_archive)"
    )
    assert value(watcher, tiers) == 27
    tally = ORACLE.compare_every_read(watcher, [1])
    assert tally.differences == []
    assert set(tally.sources) == {"materialized_view", "database"}
    assert tally.sources["database"] == 1  # A list has no tiers.
    outcomes = "SELECT count(*) FROM frontview.refresh_log WHERE outcome LIKE 'failed%%'"
    assert value(watcher, outcomes) == 0


def one_line(text: str) -> str:
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    return text


def test_a_database_that_is_not_migrated_is_named_in_one_line(empty_url: str, refreshers: Refreshers) -> None:
    process = refreshers.start(empty_url)

    assert process.wait(20) == 1
    assert "not migrated" in one_line(refreshers.log(process))


@pytest.mark.parametrize("host", ["127.0.0.1", "/nowhere"])
def test_a_server_that_cannot_be_reached_is_named_in_one_line(refreshers: Refreshers, host: str) -> None:
    process = refreshers.start(f"postgresql://somebody:geheim@/nothing?host={host}&port=9")

    assert process.wait(20) == 1
    line = one_line(refreshers.log(process))
    assert host in line
    assert "geheim" not in line


def test_a_database_that_does_not_exist_is_named_in_one_line(database_url: str, refreshers: Refreshers) -> None:
    process = refreshers.start(database_url.replace("/test_", "/nothing_"))

    assert process.wait(20) == 1
    assert "does not exist" in one_line(refreshers.log(process))


def test_a_role_without_rights_is_told_so_in_one_line(
    database_url: str, refreshers: Refreshers, watcher: psycopg.Connection[Any]
) -> None:
    role = f"nobody_{database_url.partition('/test_')[2][:8]}"
    watcher.execute(f"CREATE ROLE {role} LOGIN")
    try:
        process = refreshers.start(database_url.replace("postgres:@", f"{role}:@"))

        assert process.wait(20) == 1
        assert "permission denied" in one_line(refreshers.log(process))
    finally:
        watcher.execute(f"DROP ROLE {role}")


def test_a_setting_that_cannot_be_is_named(refreshers: Refreshers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_DRAIN_SECONDS", "nine")

    process = refreshers.start()

    assert process.wait(20) == 1
    assert "FRONTVIEW_DRAIN_SECONDS" in refreshers.log(process)
    assert "Traceback" not in refreshers.log(process)


def test_it_names_limits_that_it_cannot_lift_and_leads_all_the_same(
    refreshers: Refreshers, watcher: psycopg.Connection[Any]
) -> None:
    for setting in ("temp_file_limit = '64MB'", "default_transaction_read_only = on", "statement_timeout = '50ms'"):
        watcher.execute(f"ALTER DATABASE {watcher.info.dbname} SET {setting}".encode())
    process = refreshers.start()
    await_leader(watcher)
    assert "temp_file_limit is 64MB" in refreshers.log(process)


def test_it_refreshes_the_views_of_the_installed_declaration(embedded_server: Server, tmp_path: Path) -> None:
    with project(embedded_server, tmp_path) as shop:
        shop.run("plan", "--write")
        shop.run("migrate")
        running = Refreshers(shop.url, tmp_path)
        process = running.start()
        try:
            unpopulated = "SELECT count(*) FROM frontview.view_state WHERE through IS NULL"
            until(lambda: shop.rows(unpopulated) == [(0,)], "populated views", seconds=30)
        finally:
            process.terminate()
            assert process.wait(15) == 0, running.log(process)


def test_a_declaration_whose_view_cannot_be_made_waits_for_somebody_and_then_answers(
    embedded_server: Server, tmp_path: Path
) -> None:
    active = "SELECT number FROM frontview.declaration WHERE active"
    plan = "SELECT it ->> 'code' FROM frontview.leader_note, jsonb_array_elements(content) it WHERE it ->> 'view' = %s"
    with project(embedded_server, tmp_path) as shop:
        shop.run("plan", "--write")
        shop.run("migrate")
        shop.c.execute("""INSERT INTO "Shop"."User" (id) VALUES (1)""")
        shop.c.execute("""INSERT INTO "Shop"."Order" ("customerId", "createdAt", total) VALUES (1, now(), 1)""")
        running = Refreshers(shop.url, tmp_path)
        process = running.start()
        try:
            unpopulated = "SELECT count(*) FROM frontview.view_state WHERE through IS NULL"
            until(lambda: shop.rows(unpopulated) == [(0,)], "populated views", seconds=30)
            shop.declare(DECLARED.replace('orders = "count"', 'orders = "count"\ninverse = { sum = "1 / total" }'))
            shop.run("plan", "--write")
            shop.c.execute("""UPDATE "Shop"."Order" SET total = 0""")
            shop.run("migrate")
            until(lambda: ("given_up",) in shop.rows(plan, "orders_2"), "a view that is given up", seconds=40)
            assert ("refresh_failing", "orders_2/recent") in shop.rows("SELECT kind, subject FROM frontview.alarm")
            assert shop.rows(active) == [(1,)]

            shop.c.execute("""UPDATE "Shop"."Order" SET total = 2""")
            shop.run("refresh", "orders_2")

            until(lambda: shop.rows(active) == [(2,)], "the other declaration", seconds=30)
            shop.c.execute("UPDATE frontview.declaration SET retired_at = retired_at - interval '2 days'")
            gone = "SELECT to_regclass('frontview.orders_1_live')"
            until(lambda: shop.rows(gone) == [(None,)], "a dropped declaration", seconds=80)
            assert running.log(process).count('"declaration_used"') > 1
        finally:
            process.terminate()
            assert process.wait(15) == 0, running.log(process)
