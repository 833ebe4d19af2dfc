"""Warming: who reads is reported and planned for, and the planned, the invalidated and the old are filled ahead."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import ProgrammingError

from models.settings import load_settings
from refresher.front_cache.entry import EntryKey
from refresher.process import RefresherProcess
from refresher.warming.asked import plan_asked
from refresher.warming.plan import WarmingPlanner, capacity_of
from tests.neutral.application import fill
from tests.neutral.catalog import CATALOG
from tests.waiting import until
from web.cli import main
from web.process.worker import Worker
from web.reads.background_fills import WantedFill
from web.reads.exact_read import ReadQuestion
from web.reads.read_path import ReadPolicy
from web.telemetry.worker_statistics import WarmingStatistics

pytestmark = pytest.mark.proof  # whole workers, many of them with a refresher

CAPACITY = capacity_of(CATALOG, {}, 500)
PLANNED = "SELECT user_id, dashboard, reason FROM frontview.warm_plan ORDER BY priority DESC, user_id, dashboard"
USERS = 6
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%warm_plan%%'"
WAITING_FOR_ADVICE = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 77"
WORKERS_THREADS = ("frontview-warming", "frontview-accesses")


class Site:
    """A database with data, a refresher and one worker, all in this process."""

    def __init__(self, url: str, connection: psycopg.Connection[Any], **settings: Any) -> None:
        self.c = connection
        fill(connection, members=USERS)
        self.settings = load_settings(database_url=url, refresh_min_seconds=0.5, warming_duty=1.0, **settings)
        self.refresher = RefresherProcess(self.settings, CATALOG, url)
        self.refresher.start()
        unpopulated = "SELECT count(*) FROM frontview.view_state WHERE through IS NULL"
        until(lambda: self.value(unpopulated) == 0, "populated view", seconds=30)
        self.worker = Worker(self.settings, CATALOG)

    def start_worker(self) -> None:
        self.worker.ensure_started()
        until(lambda: self.worker.follower.status().trusted, "trust")

    def close(self) -> None:
        self.worker.stop()
        self.refresher.stop()

    def value(self, query: str, *parameters: Any) -> Any:
        row = self.c.execute(query.encode(), parameters).fetchone()
        return row[0] if row else None

    def read(self, user: int, dashboard: str = "view.loans") -> str:
        return self.worker.read_path.read(dashboard, user, CATALOG.dashboard(dashboard).defaults).source

    def key(self, user: int, dashboard: str = "view.loans") -> EntryKey:
        return self.worker.read_path.key(dashboard, user, CATALOG.dashboard(dashboard).defaults)

    def holds(self, user: int, dashboard: str = "view.loans") -> bool:
        return self.worker.cache.holds(self.key(user, dashboard))

    def warming(self) -> WarmingStatistics:
        return self.worker.statistics().warming

    def plan(self) -> list[tuple[int, str, str]]:
        return self.c.execute(PLANNED.encode()).fetchall()

    def add_access(
        self, user: int, dashboard: str = "view.loans", weight: float = 50.0, hour: int | None = None
    ) -> None:
        """A habit of this hour, or of hour ``hour`` of the week."""
        self.c.execute(
            "INSERT INTO frontview.access VALUES (%s, %s, COALESCE(%s, (EXTRACT(ISODOW FROM now()) - 1) * 24 "
            "+ EXTRACT(HOUR FROM now())), %s, now())",
            (user, dashboard, hour, weight),
        )

    def change(self, user: int) -> None:
        with self.c.transaction():
            self.c.execute("UPDATE member SET points = points + 1 WHERE id = %s", (user,))
            self.c.execute(
                "UPDATE loan SET fee_cents = fee_cents + 1 WHERE member_id = %s AND day > CURRENT_DATE - 2", (user,)
            )


@pytest.fixture
def site(database_url: str, connection: psycopg.Connection[Any]) -> Iterator[Site]:
    connection.execute("SET timezone = 'UTC'")
    site = Site(database_url, connection)
    yield site
    site.close()


def test_reads_are_reported_planned_and_warm_on_another_worker(site: Site) -> None:
    site.start_worker()
    for _ in range(2):
        site.read(1)
    assert site.worker.read_path.hit(site.key(1), time.monotonic()) is not None  # as the layer before Flask asks
    assert site.worker.read_path.hit(site.key(3), time.monotonic()) is None
    site.read(2, "view.renewals")
    site.worker.stop()  # reports at the orderly stop
    assert site.c.execute("SELECT user_id, dashboard, weight FROM frontview.access ORDER BY 1").fetchall() == [
        (1, "view.loans", 3.0),
        (2, "view.renewals", 1.0),
    ]
    assert site.value("SELECT sum(reads) FROM frontview.traffic") == 4

    WarmingPlanner(CAPACITY).work(site.c)
    assert [(user, dashboard) for user, dashboard, _ in site.plan()] == [(1, "view.loans"), (2, "view.renewals")]
    site.worker = Worker(site.settings, CATALOG)
    site.start_worker()
    until(lambda: site.holds(1) and site.holds(2, "view.renewals"), "planned answers in the cache")
    assert site.read(1) == "cache"
    assert site.read(2, "view.renewals") == "cache"


def test_what_is_asked_together_is_what_each_question_says_alone(site: Site) -> None:
    site.start_worker()
    questions = [(user, dashboard) for dashboard in CATALOG.dashboards for user in range(1, USERS + 1)]
    wishes = [WantedFill(site.key(user, dashboard.name), "predicted") for user, dashboard in questions]
    site.change(2)  # which the warmed answer sees, drained or not
    read_path = site.worker.read_path
    until(lambda: set(read_path.warm(wishes)) <= {"stored", "held"}, "all answers in the cache")
    for user, dashboard in questions:
        cached = read_path.read(dashboard.name, user, dashboard.defaults)
        alone = read_path.read(dashboard.name, user, dashboard.defaults, ReadPolicy(exact=True))
        assert (cached.source, cached.data, cached.etag) == ("cache", alone.data, alone.etag)
        assert cached.parameters == alone.parameters


def test_what_is_asked_together_has_one_snapshot(site: Site) -> None:
    """A change that commits while they are computed is in none of the answers, or in all."""
    reads = site.worker.read_path._computing._reads
    account = CATALOG.dashboard("view.account")
    (waiting,) = site.c.execute("SELECT pg_advisory_lock(77) IS NOT NULL").fetchone() or (None,)
    assert waiting
    site.c.execute(
        "CREATE FUNCTION frontview.wait_here(p_user frontview.user_key, text[], text[], text, integer, boolean, "
        "p_base boolean) RETURNS frontview.answer "
        "LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM pg_advisory_lock(77), pg_advisory_unlock(77); "
        "RETURN frontview.account_1_read(p_user, $2, $3, $4, $5, $6, p_base); END $$"
    )
    slow = replace(account, function="frontview.wait_here")
    found: list[Any] = []
    asked = [ReadQuestion(it, 1, (None,) * 5) for it in (slow, account)]
    thread = threading.Thread(target=lambda: found.extend(reads.ask_together(asked)))
    thread.start()
    until(lambda: site.value(WAITING_FOR_ADVICE), "the first question")
    site.change(1)
    site.c.execute("SELECT pg_advisory_unlock(77)")
    thread.join(10)
    assert found[0].body == found[1].body
    assert found[0].sent == found[1].sent


def test_warming_counts_no_access(site: Site) -> None:
    site.add_access(1)
    WarmingPlanner(CAPACITY).work(site.c)
    site.start_worker()
    until(lambda: site.holds(1), "planned answer")
    site.worker.stop()
    assert site.value("SELECT count(*) FROM frontview.traffic") == 0


def test_a_read_answer_that_was_invalidated_is_filled_again(site: Site) -> None:
    site.start_worker()
    site.read(1)
    assert site.read(1) == "cache"
    site.change(1)
    until(lambda: site.warming().warmed.get("invalidated"), "fill after the invalidation")
    assert site.read(1) == "cache"


def test_stopping_takes_no_longer_than_two_seconds_whoever_holds_the_tables(site: Site) -> None:
    site.start_worker()
    site.read(1)
    with psycopg.connect(site.settings.database_url or "") as holder:
        holder.execute("LOCK TABLE frontview.warm_plan, frontview.access IN ACCESS EXCLUSIVE MODE")
        until(lambda: site.value(WAITING), "a reader of the plan that waits")
        began = time.monotonic()
        site.worker.stop()
        assert time.monotonic() - began < 2
        assert not any(thread.name in WORKERS_THREADS for thread in threading.enumerate())


def test_reads_go_on_while_nothing_can_be_reported(site: Site) -> None:
    site.start_worker()
    site.c.execute("ALTER FUNCTION frontview.report_accesses RENAME TO gone")
    site.read(1)
    reporter = site.worker._started().reporter
    with pytest.raises(ProgrammingError):
        reporter.report()
    assert reporter.statistics().unreported_reads == 1
    assert site.read(1) == "cache"
    site.c.execute("ALTER FUNCTION frontview.gone RENAME TO report_accesses")

    def reported() -> bool:
        reporter.report()  # later, while others use every connection
        return bool(reporter.statistics().reported_reads == 1)

    until(reported, "the second read's report")


def test_a_forked_child_warms_with_threads_and_connections_of_its_own(site: Site) -> None:
    site.start_worker()
    site.add_access(1)
    WarmingPlanner(CAPACITY, predictive=True).work(site.c)
    until(lambda: site.holds(1), "planned answer in the parent")
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        status = 1
        try:
            site.start_worker()
            until(lambda: site.holds(1), "planned answer in the child")
            site.worker.stop()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    site.change(1)
    until(lambda: site.warming().warmed["predicted"] >= 2, "another fill in the parent")


def test_an_answer_that_nobody_read_again_is_filled_once(site: Site) -> None:
    site.start_worker()
    site.read(1)
    site.read(1)
    site.change(1)
    until(lambda: site.warming().warmed.get("invalidated") == 1 and site.holds(1), "fill after the invalidation")
    site.change(1)
    until(lambda: not site.holds(1), "second invalidation")
    site.read(2)
    site.read(2)
    site.change(2)
    until(lambda: site.holds(2) and site.warming().warmed["invalidated"] == 2, "the other's fill")
    assert not site.holds(1)


def test_what_is_read_is_renewed_before_it_expires(database_url: str, connection: psycopg.Connection[Any]) -> None:
    limits = {name: {"ttl_seconds": 12} for name in ("default", "desk", "shelf")}
    site = Site(database_url, connection, regions=limits, refresh_threshold=0.1)
    try:
        site.start_worker()
        site.read(1)
        assert site.read(1) == "cache"
        until(lambda: site.warming().renewed, "renewal")
        assert site.read(1) == "cache"
        assert "invalidated" not in site.warming().warmed
    finally:
        site.close()


def test_nothing_is_warmed_while_real_reads_need_the_places(site: Site) -> None:
    site.worker.ensure_started()
    admission = site.worker.read_path.admission
    released = threading.Event()
    inside = threading.Semaphore(0)

    def sit() -> None:
        with admission.slot():
            inside.release()
            released.wait(30)

    readers = [threading.Thread(target=sit) for _ in range(admission.statistics().capacity // 2 + 1)]
    for reader in readers:
        reader.start()
    for _ in readers:
        inside.acquire()
    try:
        site.add_access(1)
        WarmingPlanner(CAPACITY).work(site.c)
        until(lambda: site.warming().skipped["busy"], "warming that stands back")
        assert not site.holds(1)
        assert site.warming().warmed == {}
    finally:
        released.set()
        for reader in readers:
            reader.join()
    until(lambda: site.holds(1), "planned answer, once there is room")


def test_a_system_without_habits_of_this_hour_warms_the_most_active(site: Site) -> None:
    other_hour = (int(site.value("SELECT EXTRACT(ISODOW FROM now())")) - 1) * 24 + 100
    site.add_access(3, weight=50.0, hour=other_hour % 168)
    site.add_access(4, weight=5.0, hour=other_hour % 168)
    WarmingPlanner(CAPACITY, predictive=True).work(site.c)
    assert site.plan() == [(3, "view.loans", "most_active"), (4, "view.loans", "most_active")]


def test_habits_of_the_hour_are_not_planned_unless_predictions_are_switched_on(site: Site) -> None:
    site.add_access(3)
    WarmingPlanner(CAPACITY, predictive=True).work(site.c)
    assert site.plan() == [(3, "view.loans", "predicted")]
    WarmingPlanner(CAPACITY).work(site.c)
    assert site.plan() == [(3, "view.loans", "most_active")]


def test_low_traffic_widens_the_plan(site: Site) -> None:
    now = datetime.now(UTC).replace(minute=10)
    later = (now.weekday() * 24 + now.hour + 2) % 168
    site.add_access(5, hour=later)
    site.c.execute(
        "INSERT INTO frontview.traffic SELECT date_trunc('minute', %s::timestamptz) - make_interval(mins => g), 100 "
        "FROM generate_series(1, 1000) g",
        (now,),
    )
    WarmingPlanner(CAPACITY).work(site.c, now)
    assert [reason for *_, reason in site.plan()] == ["most_active"]
    site.c.execute(
        "UPDATE frontview.traffic SET reads = 10 WHERE minute > %s::timestamptz - interval '7 minutes'", (now,)
    )
    site.c.execute("DELETE FROM frontview.access")
    site.add_access(5, hour=later)
    site.add_access(6, hour=now.weekday() * 24 + now.hour)
    few = capacity_of(CATALOG, {}, 5)  # Half a user's worth of the most active: none.
    planner = WarmingPlanner(few, predictive=True)
    planner.work(site.c, now)
    assert site.plan() == [(6, "view.loans", "predicted"), (5, "view.loans", "low_traffic")]


def test_what_was_asked_by_hand_outlives_the_next_plan(site: Site) -> None:
    assert plan_asked(site.c, {"user_ids": [4, "5"]}, CAPACITY) == "planned 2 users"
    asked = site.plan()
    assert {(user, reason) for user, _, reason in asked} == {(4, "asked"), (5, "asked")}
    assert {dashboard for _, dashboard, _ in asked} == {it.name for it in CATALOG.dashboards}
    site.add_access(4)
    WarmingPlanner(CAPACITY).work(site.c)
    assert site.plan() == asked


def test_the_most_active_are_asked_for_by_number(site: Site) -> None:
    for user, weight in ((1, 2.0), (2, 9.0), (3, 5.0)):
        site.add_access(user, weight=weight)
    assert plan_asked(site.c, {"most_active": 2}, CAPACITY) == "planned 2 users"
    assert {user for user, *_ in site.plan()} == {2, 3}


def test_frontview_warm_reaches_the_workers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", site.settings.database_url or "")
    site.start_worker()
    asked = CliRunner().invoke(main, ["warm", "--user", "4", "--user", "5", "--wait", "--json"])
    assert asked.exit_code == 0, asked.output
    document = next(line for line in asked.stdout.splitlines() if line.startswith("{"))  # the refresher logs beside it
    (task,) = json.loads(document)["tasks"]
    assert (task["argument"], task["outcome"]) == ({"user_ids": [4, 5]}, "planned 2 users")
    until(lambda: site.holds(4, "view.account") and site.holds(5), "answers that were asked for")
    assert site.read(5) == "cache"
    assert site.read(4, "view.account") == "cache"


def test_frontview_warm_says_what_it_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", site.settings.database_url or "")
    site.add_access(3)
    asked = CliRunner().invoke(main, ["warm", "--most-active", "2", "--wait"])
    assert asked.exit_code == 0, asked.output
    assert "warming of the 2 most active: planned 1 user\n" in asked.stdout
    assert CliRunner().invoke(main, ["warm"]).exit_code == 2
    assert CliRunner().invoke(main, ["warm", "--user", "1", "--most-active", "2"]).exit_code == 2


@pytest.mark.parametrize(
    "argument", [{}, {"user_ids": ["x"]}, {"most_active": True}, {"most_active": 0}, {"user_ids": 7}]
)
def test_an_ill_formed_wish_is_refused(site: Site, argument: dict[str, Any]) -> None:
    assert plan_asked(site.c, argument, CAPACITY).startswith("refused")
    assert site.plan() == []


def test_old_habits_and_traffic_are_forgotten(site: Site) -> None:
    site.add_access(1)
    site.add_access(2)
    site.c.execute("UPDATE frontview.access SET counted_at = now() - interval '1 year' WHERE user_id = 2")
    site.c.execute("INSERT INTO frontview.traffic VALUES (now() - interval '9 days', 5), (now(), 5)")
    site.c.execute(
        "INSERT INTO frontview.warm_plan "
        "SELECT 3, 'view.loans', now() - interval '2 h', now() - interval '1 h', 1, 'asked'"
    )
    WarmingPlanner(CAPACITY).work(site.c)
    assert site.value("SELECT string_agg(user_id::text, ' ') FROM frontview.access") == "1"
    assert site.value("SELECT count(*) FROM frontview.traffic") == 1
    assert {user for user, *_ in site.plan()} == {1}


def test_a_plan_that_did_not_change_is_not_written_again(site: Site) -> None:
    site.add_access(1)
    planner = WarmingPlanner(CAPACITY)
    planner.work(site.c)
    version = site.value("SELECT array_agg(xmin::text) FROM frontview.warm_plan")
    planner.work(site.c)
    assert site.value("SELECT array_agg(xmin::text) FROM frontview.warm_plan") == version
