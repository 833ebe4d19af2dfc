"""The feed follower and the worker against a real server: wake-ups, polls, lost links, stopping."""

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from models.deadlines import Deadlines
from models.engine import make_engine
from models.errors import DatabaseUnavailable, InvalidParameters, NotFound, NotMigrated
from models.settings import load_settings
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.feed import FeedRow, Poll
from refresher.front_cache.follower import ANSWERING_SECONDS, FeedFollower
from refresher.front_cache.limits import RegionLimits
from refresher.leader.drain import drain_once, wake_followers
from tests.fix_postgres import ROOT
from tests.leading import lead
from tests.neutral.application import lend
from tests.neutral.catalog import CATALOG
from tests.refresher.front_cache.cache_fakes import fill, make_entry, make_key
from tests.waiting import until
from web.process.worker import Worker
from web.reads.read_path import ReadPath, ReadPolicy

SECONDS = 10
NEVER_BY_ITSELF = 60.0
LOGGED = "INSERT INTO frontview.change_log (source, user_id, day) VALUES ('loans_1', 1, %s)"
ODD_DAYS = ("20000-01-01", "5874897-12-31", "infinity", "-infinity", "0044-03-15 BC", "4714-11-24 BC")


class WatchedCache(FrontCache):
    """Hands every applied poll to the test."""

    def __init__(self, **options: Any) -> None:
        super().__init__([RegionLimits("dashboard", 100, 1_000_000)], **options)
        self.applied_polls: queue.Queue[tuple[Poll, bool]] = queue.Queue()

    def apply(self, poll: Poll, *, reconnected: bool = False) -> bool:
        flushed = super().apply(poll, reconnected=reconnected)
        self.applied_polls.put((poll, flushed))
        return flushed

    def next_poll(self) -> tuple[Poll, bool]:
        return self.applied_polls.get(timeout=SECONDS)


@contextmanager
def following(url: str, **options: Any) -> Iterator[tuple[FeedFollower, WatchedCache]]:
    cache = WatchedCache()
    follower = FeedFollower(url, cache, **options)
    follower.start()
    try:
        yield follower, cache
    finally:
        assert follower.stop(SECONDS)


def append_drain(connection: psycopg.Connection[Any], *rows: tuple[object, ...], drain_id: int) -> None:
    with connection.transaction():
        connection.execute(
            "INSERT INTO frontview.drain"
            " (drain_id, epoch, nonce, snapshot, drained_at, system_identifier, key_count, marked)"
            " SELECT %s, 1, 7, pg_current_snapshot(), now(), 1, 0, pg_current_snapshot()",
            (drain_id,),
        )
        for row in rows:
            connection.execute("INSERT INTO frontview.feed VALUES (%s, %s, %s, %s, %s)", (drain_id, *row))
    connection.execute("NOTIFY frontview")


def test_a_notification_wakes_the_follower(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (_, cache):
        cache.next_poll()
        append_drain(connection, (7, "loans_1", "2026-03-01", "2026-03-02"), drain_id=2)
        poll, flushed = cache.next_poll()
    assert not flushed
    assert poll.rows == [FeedRow(2, 7, "loans_1", date(2026, 3, 1), date(2026, 3, 2))]
    assert (poll.since, poll.drains_since) == (1, 1)


def test_who_waits_for_changes_is_told_after_the_cache_has_them(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    append_drain(connection, drain_id=1)
    told: list[tuple[list[FeedRow], bool, bool]] = []
    cache = WatchedCache()

    def note(poll: Poll, flushed: bool) -> None:
        told.append((poll.rows, flushed, cache.applied == poll.newest))

    follower = FeedFollower(database_url, cache, poll_seconds=NEVER_BY_ITSELF, on_applied=note)
    follower.start()
    try:
        until(lambda: told == [([], True, True)], "start")
        append_drain(connection, (7, "loans_1", "2026-03-01", "2026-03-01"), drain_id=2)
        row = FeedRow(2, 7, "loans_1", date(2026, 3, 1), date(2026, 3, 1))
        until(lambda: told[1:] == [([row], False, True)], "change")
    finally:
        assert follower.stop(SECONDS)


def test_polls_come_without_notifications(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=0.02) as (follower, cache):
        polls = [cache.next_poll()[0] for _ in range(4)]
        assert follower.status().trusted
        assert follower.status().polls >= 4
    gaps = [b.seen.sent - a.seen.sent for a, b in pairwise(polls) if a.seen and b.seen]
    assert all(gap >= 0.02 for gap in gaps)


def test_a_flood_of_notifications_is_no_flood_of_polls(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (_, cache):
        cache.next_poll()
        began = time.monotonic()
        for _ in range(2000):
            connection.execute("NOTIFY frontview, 'forged'")
        took = time.monotonic() - began
        polls = cache.applied_polls.qsize()
    assert polls <= took / 0.01 + 2


def test_changes_of_everyone_and_without_a_day_come_through(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (_, cache):
        cache.next_poll()
        append_drain(connection, (None, "account_1", "-infinity", "-infinity"), drain_id=2)
        assert cache.next_poll()[0].rows == [FeedRow(2, None, "account_1", None, None)]


def test_the_age_of_the_newest_drain_is_the_databases(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    connection.execute("UPDATE frontview.drain SET drained_at = now() - interval '30 seconds'")
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (follower, cache):
        poll, _ = cache.next_poll()
        assert poll.seen is not None
        assert 30 <= poll.seen.age < 35
        assert not follower.status().trusted
        assert follower.status().lag_seconds >= 30


def test_a_database_without_drains_is_not_trusted(database_url: str) -> None:
    with following(database_url, poll_seconds=0.02) as (follower, cache):
        for _ in range(3):
            cache.next_poll()
        assert not follower.status().trusted


def test_a_killed_connection_is_replaced_and_everything_flushed(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (follower, cache):
        cache.next_poll()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'frontview-feed' AND datname = current_database()"
        )
        poll, flushed = cache.next_poll()
        assert flushed
        assert poll.since is None
        assert follower.status().reconnects >= 1
        assert cache.statistics().flushes == {"start": 1, "reconnect": 1}


def test_the_feed_of_fifty_thousand_users_is_read_in_well_under_a_second(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (_, cache):
        cache.next_poll()
        connection.execute(
            "INSERT INTO frontview.feed SELECT 2, n, 'loans_1', '2026-03-01', '2026-03-01'"
            " FROM generate_series(1, 50000) n"
        )
        append_drain(connection, drain_id=2)
        poll, flushed = cache.next_poll()
    assert poll.seen is not None
    assert ([len(bulk.users) for bulk in poll.bulks], poll.rows, flushed) == ([50_000], [], False)
    assert poll.seen.received - poll.seen.sent < 1.0


def blocked_poll(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frontview-feed'"
        " AND datname = current_database() AND wait_event_type = 'Lock'"
    ).fetchone()
    return row is not None and row[0] == 1


def test_it_stops_at_once_while_it_waits(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (follower, cache):
        cache.next_poll()
        began = time.monotonic()
        assert follower.stop(5)
    assert time.monotonic() - began < 1.0


def test_it_stops_at_once_while_a_poll_is_blocked(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    with (
        psycopg.connect(database_url) as other,
        following(database_url, poll_seconds=0.02) as (follower, cache),
    ):
        cache.next_poll()
        other.execute("LOCK TABLE frontview.drain IN ACCESS EXCLUSIVE MODE")
        until(lambda: blocked_poll(connection), "blocked poll")
        began = time.monotonic()
        assert follower.stop(5)
        assert time.monotonic() - began < 1.0


def test_a_declaration_that_another_thread_still_reads_is_no_defect(
    database_url: str, connection: psycopg.Connection[Any]
) -> None:
    append_drain(connection, drain_id=1)
    refusals: list[Exception] = []

    def read_declaration(_connection: psycopg.Connection[Any], _stamp: str | None) -> None:
        if refusals:
            raise refusals.pop()

    with following(database_url, poll_seconds=0.02, on_declaration=read_declaration) as (follower, cache):
        cache.next_poll()
        refusals.append(DatabaseUnavailable("The declaration is being read from the database."))
        until(lambda: follower.status().reconnects or follower.status().failures, "refusal")
        until(lambda: follower.status().connected, "another connection")
        assert (follower.status().reconnects, follower.status().failures) == (1, 0)
        assert "failure" not in cache.statistics().flushes


def test_it_stops_while_there_is_no_database() -> None:
    with following("postgresql://nobody@127.0.0.1:1/none") as (follower, _):
        until(lambda: follower.status().reconnects, "failed attempt")
        assert not follower.status().connected


def test_a_poll_without_an_answer_is_cut(database_url: str, connection: psycopg.Connection[Any]) -> None:
    append_drain(connection, drain_id=1)
    now = [time.monotonic()]
    deadlines = Deadlines(monotonic=lambda: now[0])
    with (
        psycopg.connect(database_url) as other,
        following(database_url, poll_seconds=0.02, deadlines=deadlines) as (follower, cache),
    ):
        cache.next_poll()
        other.execute("LOCK TABLE frontview.drain IN ACCESS EXCLUSIVE MODE")
        until(lambda: blocked_poll(connection), "blocked poll")
        deadlines.check()
        assert deadlines.cuts == 0
        now[0] += 60
        began = time.monotonic()
        deadlines.check()
        until(lambda: follower.status().reconnects, "reconnect")
        assert deadlines.cuts == 1
        assert time.monotonic() - began < 2.0, "that was the statement timeout"


# --- the read path and the worker


def test_the_database_counts_as_answering_until_polls_are_overdue(database_url: str) -> None:
    later = [0.0]
    with following(database_url, poll_seconds=0.05, monotonic=lambda: time.monotonic() + later[0]) as (follower, _):
        until(follower.database_answers, "answered poll")
        assert follower.stop()
        assert follower.database_answers()
        later[0] = 0.05 + ANSWERING_SECONDS
        assert not follower.database_answers()
        assert not FeedFollower(database_url, WatchedCache()).database_answers()


@pytest.fixture
def led(database_url: str, connection: psycopg.Connection[Any]) -> Callable[[], None]:
    """A database with one user and a leader; the result drains once and wakes everybody."""
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    term = lead(connection)

    def drain() -> None:
        drain_once(connection, term)
        wake_followers(connection)

    drain()
    return drain


@contextmanager
def worker_of(url: str, **settings: Any) -> Iterator[Worker]:
    # a generous H, so that a test on a busy machine need not hurry
    options = {"trust_seconds": 30, "poll_seconds": NEVER_BY_ITSELF / 6} | settings
    worker = Worker(load_settings(database_url=url, **options), CATALOG)
    try:
        yield worker
    finally:
        worker.stop()


def trusted(worker: Worker) -> bool:
    return bool(worker.follower.status().trusted)


def test_a_drained_write_takes_the_cached_answer_away(
    database_url: str, connection: psycopg.Connection[Any], led: Callable[[], None]
) -> None:
    with worker_of(database_url) as worker:
        worker.ensure_started()
        until(lambda: trusted(worker), "trust")
        first = until(lambda: (r := worker.read_path.read("view.loans", 1, {})).source == "cache" and r, "hit")
        lend(connection, 1)
        led()
        fresh = until(lambda: (r := worker.read_path.read("view.loans", 1, {})).data != first.data and r, "change")
        assert fresh.etag != first.etag
        exact = worker.read_path.read("view.loans", 1, {}, ReadPolicy(exact=True))
        assert exact.data == fresh.data
        statistics = worker.statistics()
        assert statistics.cache.regions["shelf"].evictions["invalidated"] >= 1
        assert statistics.feed.connected


def test_a_day_outside_of_pythons_calendar_takes_the_entries_of_its_own_user_only(
    database_url: str, connection: psycopg.Connection[Any], led: Callable[[], None]
) -> None:
    mine, another = make_key(1), make_key(2)
    with following(database_url, poll_seconds=NEVER_BY_ITSELF) as (follower, cache):
        cache.next_poll()
        for day in ODD_DAYS:
            applied = cache.applied
            assert applied is not None
            facts = {"epoch": applied.epoch, "sources": frozenset({"loans_1"}), "began": time.monotonic()}
            for key in (mine, another):
                fill(cache, key, make_entry(applied.drain_id, key=key, **facts))
                assert cache.holds(key), day
            connection.execute(LOGGED, (day,))
            led()
            _, flushed = cache.next_poll()
            assert (flushed, cache.holds(mine), cache.holds(another)) == (False, False, True), day
        assert follower.status().reconnects == 0


def test_refusals_of_the_functions_become_our_errors(database_url: str, led: Callable[[], None]) -> None:
    with worker_of(database_url) as worker:
        wrong = {"from": date(2026, 3, 2), "to": date(2026, 3, 1)}
        with pytest.raises(InvalidParameters) as caught:
            worker.read_path.read("view.loans", 1, wrong)
        assert caught.value.detail
        with pytest.raises(NotFound):
            worker.read_path.read("view.loans", 999, {})
        reading = worker.read_path.read("view.renewals", 1, {"from": date(2026, 3, 2), "to": date(2026, 3, 8)})
        dates = {"from": "2026-03-02", "to": "2026-03-08"}
        assert json.loads(reading.parameters) == dates | {"group_by": [], "measures": ["renewals", "books", "furthest"]}


def test_an_empty_database_is_not_migrated(empty_url: str) -> None:
    engine = make_engine(empty_url, "frontview-test")
    cache = FrontCache([RegionLimits(region.name, 10, 10_000) for region in CATALOG.regions])
    try:
        with pytest.raises(NotMigrated):
            ReadPath(engine, cache, CATALOG).read("view.loans", 1, {})
    finally:
        engine.dispose()


def test_a_worker_starts_nothing_before_it_is_asked_to() -> None:
    worker = Worker(load_settings(database_url="postgresql://nobody@127.0.0.1:1/none"), CATALOG)
    assert worker._running is None
    worker.stop()


def test_a_forked_child_starts_parts_of_its_own(database_url: str, led: Callable[[], None]) -> None:
    with worker_of(database_url) as worker:
        until(lambda: trusted(worker), "trust")
        ours = worker.read_path
        child = os.fork()
        if child == 0:  # no assertion here may reach pytest
            try:
                right = worker.read_path is not ours and worker.read_path.read("view.loans", 1, {}).data
                right = right and bool(until(lambda: trusted(worker), "trust in the child")) and worker.follower.stop()
                os._exit(0 if right else 3)
            finally:
                os._exit(4)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert worker.read_path is ours
        assert worker.read_path.read("view.loans", 1, {}, ReadPolicy(exact=True)).data


def test_a_process_that_forgets_to_stop_it_ends_all_the_same(database_url: str) -> None:
    program = (
        "import sys; from models.settings import load_settings; from tests.neutral.catalog import CATALOG;"
        "from web.process.worker import Worker;"
        "Worker(load_settings(database_url=sys.argv[1]), CATALOG).ensure_started()"
    )
    ended = subprocess.run([sys.executable, "-c", program, database_url], cwd=ROOT, timeout=20, check=False)
    assert ended.returncode == 0


def test_reads_still_in_work_when_the_worker_stops_are_answered(database_url: str, led: Callable[[], None]) -> None:
    with worker_of(database_url) as worker:
        read_path = worker.read_path
        worker.stop()
        assert read_path.read("view.loans", 1, {}, ReadPolicy(exact=True)).data
        assert worker.read_path is read_path
