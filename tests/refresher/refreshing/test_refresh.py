"""Refreshes, and the bookkeeping around them: what each step may change, forget and delete."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import psycopg
import pytest

from models.engine import connect
from refresher.leader.drain import Drain, drain_once
from refresher.leader.leadership import LOCK_CLASS, Term, try_to_lead
from refresher.refreshing import maintenance as maintenance_module
from refresher.refreshing.maintenance import Maintenance
from refresher.refreshing.refresh import refresh, tiers_together
from refresher.refreshing.tier_states import Failures, read_tier_states
from tests.neutral.catalog import BOOKS, CATALOG, LOANS
from tests.refresher.leading import drain_in, session_of
from tests.refresher.refreshing.refreshed import Refreshed, fail
from tests.waiting import until


class TestOneRefresh:
    def test_contents_and_watermark_become_visible_together(self, db: Refreshed) -> None:
        before, loans = db.state("recent").through, db.loans_in("recent")
        db.lend(1, 0)
        drained = db.drain()

        with db.refresh_held_before_its_end("recent") as outcomes:
            assert (db.state("recent").through, db.loans_in("recent")) == (before, loans)
            db.check_reads()

        assert outcomes == ["refreshed"]
        assert (db.state("recent").through, db.loans_in("recent")) == (drained, loans + 1)
        db.check_reads()

    def test_it_covers_no_drain_later_than_its_snapshot(self, db: Refreshed) -> None:
        db.lend(1, 0)
        drained = db.drain()

        with db.refresh_held_before_its_end("recent"):
            db.lend(1, 1)
            later = db.drain()
            assert later > drained

        assert db.state("recent").through == drained
        db.collect()
        assert db.stale_days() == [str(db.today - timedelta(days=1))]
        db.check_reads()

    def test_a_later_epoch_fences_it(self, db: Refreshed) -> None:
        db.c.execute("UPDATE frontview.view_state SET epoch = 9 WHERE view = 'loans_1'")
        before, loans = db.state("recent").through, db.loans_in("recent")
        db.lend(1, 0)
        db.drain()

        assert db.refresh("loans_1", "recent") == "fenced"

        assert (db.state("recent").through, db.loans_in("recent")) == (before, loans)
        assert db.state("recent").epoch == 9
        db.check_reads()

    def test_one_fenced_tier_fences_all_tiers_of_the_refresh(self, db: Refreshed) -> None:
        db.c.execute("UPDATE frontview.view_state SET epoch = 9 WHERE view = 'loans_1' AND tier = 'total'")
        before = db.state("archive").through
        db.lend(1, 100)
        db.drain()

        assert db.refresh("loans_1", "archive", "total") == "fenced"

        assert db.state("archive").through == before
        db.check_reads()

    def test_a_taken_gate_makes_it_busy_and_lets_go_of_the_other_gates(self, db: Refreshed) -> None:
        attempts = db.state("archive").attempts
        with connect(db.url, "frontview-other") as other:
            other.execute("SELECT pg_advisory_lock(%s, hashtext('loans_1/total'))", (LOCK_CLASS,))

            assert db.refresh("loans_1", "archive", "total") == "busy"
            assert other.execute(
                "SELECT pg_try_advisory_lock(%s, hashtext('loans_1/archive'))", (LOCK_CLASS,)
            ).fetchone() == (True,)

        assert db.state("archive").attempts == attempts

    def test_it_is_announced_while_it_runs(self, db: Refreshed) -> None:
        """The drain marks keys again only while it sees an odd number."""
        assert db.state("recent").attempts % 2 == 0

        with db.refresh_held_before_its_end("recent"):
            assert db.state("recent").attempts % 2 == 1

        assert db.state("recent").attempts % 2 == 0

    def test_each_tier_is_logged_with_its_rows(self, db: Refreshed) -> None:
        db.c.execute("DELETE FROM frontview.refresh_log")
        db.lend(1, 100)
        db.drain()

        db.refresh("loans_1", "archive", "total")

        rows = db.c.execute(
            "SELECT view, tier, row_count, outcome, duration_ms >= 0, now() - started_at < interval '1 minute' "
            "FROM frontview.refresh_log ORDER BY tier"
        ).fetchall()
        assert rows == [
            ("loans_1", "archive", 4, "refreshed", True, True),
            ("loans_1", "total", 2, "refreshed", True, True),
        ]

    def test_the_number_of_rows_is_known_without_counting_them(self, db: Refreshed) -> None:
        """Rows come, change and go; what the log says beforehand is wrong by 1000, and stays wrong by 1000."""

        def logged() -> dict[str, int]:
            query = "SELECT tier, row_count FROM frontview.refresh_log WHERE view = 'loans_1' ORDER BY refresh_id"
            return dict(db.c.execute(query).fetchall())

        def counted() -> dict[str, int]:
            return {it: db.value(f"SELECT count(*) FROM frontview.loans_1_{it}") for it in LOANS.tiers}

        assert logged() == counted()
        db.c.execute("UPDATE frontview.refresh_log SET row_count = row_count + 1000")
        for statement in (
            "INSERT INTO loan (member_id, day) SELECT 1, CURRENT_DATE - 9 * n FROM generate_series(0, 9) n",
            "UPDATE loan SET fee_cents = fee_cents + 1",
            "DELETE FROM loan WHERE member_id = 2",
        ):
            db.c.execute(statement)
            db.drain()
            assert db.refresh("loans_1", *LOANS.tiers) == "refreshed"
            assert logged() == {tier: rows + 1000 for tier, rows in counted().items()}

        moved_to = db.horizon - timedelta(days=30)
        assert db.refresh("loans_1", *LOANS.tiers, horizon=moved_to) == "moved"
        wrong = {"archive": 1000, "total": 1000}
        known = {tier: rows + wrong.get(tier, 0) for tier, rows in counted().items()}
        assert logged() == known, "a move of the horizon counts the recent tier"

    def test_each_tier_is_logged_with_its_own_duration(self, db: Refreshed) -> None:
        """Only the sums wait for a lock."""
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frontview-late' AND wait_event = %s"

        def run() -> None:
            with connect(db.url, "frontview-late") as connection:
                refresh(connection, LOANS, ("recent", "by_day"), db.term.epoch)

        with connect(db.url, "frontview-holding") as holding, holding.transaction():
            holding.execute("ANALYZE frontview.loans_1_by_day")
            thread = threading.Thread(target=run)
            thread.start()
            until(lambda: db.value(waiting, "relation"), "refresh that waits for the lock")
            db.c.execute("SELECT pg_sleep(0.5)")
        thread.join()

        query = "SELECT tier, duration_ms FROM frontview.refresh_log ORDER BY refresh_id DESC LIMIT 2"
        durations = dict(db.c.execute(query).fetchall())
        assert durations["by_day"] >= 500
        assert durations["recent"] < 250

    def test_a_wait_at_most_doubles_what_it_is_said_to_cost(self, db: Refreshed) -> None:
        db.c.execute("UPDATE frontview.view_state SET duration_ms = 50")
        with db.refresh_held_before_its_end("recent"):
            db.c.execute("SELECT pg_sleep(0.5)")
        assert db.state("recent").duration_ms == 100
        assert db.value("SELECT max(duration_ms) FROM frontview.refresh_log WHERE outcome = 'refreshed'") >= 250

    def test_a_failure_is_logged_with_its_sqlstate_and_changes_nothing(self, db: Refreshed) -> None:
        before, loans = db.state("recent"), db.loans_in("recent")
        db.lend(1, 0)
        db.drain()
        fail(db)

        assert db.refresh("loans_1", "recent") == "failed: FVX01"

        after = db.state("recent")
        assert (after.through, after.duration_ms, db.loans_in("recent")) == (before.through, before.duration_ms, loans)
        assert after.attempts % 2 == 0
        assert db.value("SELECT outcome FROM frontview.refresh_log ORDER BY refresh_id DESC LIMIT 1") == "failed: FVX01"
        db.check_reads()

    def test_its_gates_are_free_after_success_and_failure(self, db: Refreshed) -> None:
        db.refresh("loans_1", "recent")
        fail(db)
        db.refresh("loans_1", "recent")

        mine = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid <> 0"
        assert db.value(mine, LOCK_CLASS) == 0

    @pytest.mark.parametrize("tier", ["archive", "total"])
    def test_the_archive_is_never_refreshed_without_its_totals(self, db: Refreshed, tier: str) -> None:
        """A read takes the totals less the stale days of the archive: both must cover the same drain."""
        db.lend(1, 100)
        drained = db.drain()

        assert db.refresh("loans_1", tier) == "refreshed"

        assert db.state("archive").through == db.state("total").through == drained
        db.check_reads()

    def test_totals_go_with_the_archive(self) -> None:
        assert tiers_together("archive") == tiers_together("total") == ("archive", "total")
        assert tiers_together("recent") == tiers_together("by_day") == ("recent", "by_day")
        assert tiers_together("whole") == ("whole",)


class TestHorizon:
    @pytest.mark.parametrize("days", [0, 3, 61, 400])
    def test_a_move_divides_the_days_anew_and_stays_exact(self, db: Refreshed, days: int) -> None:
        horizon = db.today - timedelta(days=days)
        db.lend(1, 60)
        db.drain()
        db.lend(2, 100)

        assert db.refresh("loans_1", *LOANS.tiers, horizon=horizon) == "moved"

        assert db.state("recent").first_day == horizon
        assert db.state("archive").before_day == db.state("total").before_day == horizon
        assert db.value("SELECT bool_and(day >= %s) IS NOT FALSE FROM frontview.loans_1_recent", horizon)
        assert db.value("SELECT bool_and(day < %s) IS NOT FALSE FROM frontview.loans_1_archive", horizon)
        assert db.loans_in("total") == db.loans_in("archive")
        db.check_reads()

    def test_a_failed_move_leaves_the_horizon(self, db: Refreshed) -> None:
        fail(db)

        assert db.refresh("loans_1", *LOANS.tiers, horizon=db.today).startswith("failed")

        assert db.state("recent").first_day == db.horizon
        db.check_reads()


class TestMaintenance:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        clock = SimpleNamespace(now=1000.0)
        clock.monotonic = lambda: clock.now
        monkeypatch.setattr(maintenance_module, "time", clock)
        return clock

    @pytest.fixture
    def drain(self, db: Refreshed) -> Drain:
        return drain_in(db.term)

    @pytest.fixture
    def maintenance(self, db: Refreshed, drain: Drain, clock: SimpleNamespace) -> Iterator[Maintenance]:
        session = session_of(drain, db.url)
        yield Maintenance(session, CATALOG, duty=1.0, min_seconds=0.0, recent_days=45)
        session.stop()

    def refreshes(self, db: Refreshed) -> list[tuple[str, str, str]]:
        query = "DELETE FROM frontview.refresh_log RETURNING view, tier, outcome"
        return sorted(db.c.execute(query).fetchall())

    def test_only_stale_tiers_are_refreshed(self, db: Refreshed, maintenance: Maintenance) -> None:
        self.refreshes(db)
        maintenance.refresh_due()
        assert self.refreshes(db) == []

        db.lend(1, 0)
        db.drain()
        maintenance.refresh_due()

        assert self.refreshes(db) == [("loans_1", tier, "refreshed") for tier in ("by_day", "recent")]

    @pytest.mark.parametrize("wait", [0.0, 3600.0])
    def test_a_move_by_a_day_that_may_wait_comes_with_a_refresh_that_is_due(
        self, db: Refreshed, maintenance: Maintenance, monkeypatch: pytest.MonkeyPatch, wait: float
    ) -> None:
        yesterdays = db.horizon - timedelta(days=1)
        for view in ("loans_1", "renewals_1"):
            db.refresh(view, *CATALOG.view(view).tiers, horizon=yesterdays)
        monkeypatch.setattr(maintenance_module, "move_waits_seconds", lambda *_: wait)
        db.c.execute("UPDATE frontview.view_state SET refreshed_at = now() - interval '1 hour'")
        db.lend(1, 0)
        db.drain()
        self.refreshes(db)

        maintenance.refresh_due()

        assert {(view, outcome) for view, tier, outcome in self.refreshes(db) if tier == "recent"} == (
            {("loans_1", "moved")} if wait else {("loans_1", "moved"), ("renewals_1", "moved")}
        )
        assert db.state("recent").first_day == db.horizon
        assert db.state("recent", "renewals_1").first_day == (yesterdays if wait else db.horizon)
        db.check_reads()

    def test_a_failed_refresh_is_tried_again_later_and_not_before(
        self, db: Refreshed, maintenance: Maintenance, clock: SimpleNamespace
    ) -> None:
        db.lend(1, 0)
        db.drain()
        fail(db)
        self.refreshes(db)

        maintenance.refresh_due()
        maintenance.refresh_due()
        assert self.refreshes(db) == [("loans_1", tier, "failed: FVX01") for tier in ("by_day", "recent")]
        clock.now += 2.1
        maintenance.refresh_due()
        assert self.refreshes(db) == [("loans_1", tier, "failed: FVX01") for tier in ("by_day", "recent")]
        clock.now += 2.1  # the second wait is longer
        maintenance.refresh_due()
        assert self.refreshes(db) == []
        db.c.execute("DROP TRIGGER refuse ON frontview.view_state")
        clock.now += 2.1
        maintenance.refresh_due()

        assert self.refreshes(db) == [("loans_1", tier, "refreshed") for tier in ("by_day", "recent")]

    def test_a_refresh_that_takes_its_connection_down_waits_and_raises_the_alarm(
        self, db: Refreshed, maintenance: Maintenance, clock: SimpleNamespace
    ) -> None:
        db.c.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';"
            "CREATE TRIGGER die BEFORE UPDATE OF through ON frontview.view_state "
            "FOR EACH ROW EXECUTE FUNCTION die()"
        )
        db.lend(1, 0)
        db.drain()
        attempts = [db.state("recent").attempts]
        for seconds in (0.0, 0.1, 10.0, 20.0):
            clock.now += seconds
            maintenance.refresh_due()
            attempts.append(db.state("recent").attempts)
        assert [after > before for before, after in pairwise(attempts)] == [True, False, True, True]
        db.c.execute("DROP TRIGGER die ON frontview.view_state")
        clock.now += 40.0
        alarm = "SELECT count(*) FROM frontview.alarm WHERE kind = 'refresh_failing'"
        assert db.value(alarm) == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(maintenance_module, "refresh", lambda *_, **__: pytest.fail("the report comes first"))
            with pytest.raises(pytest.fail.Exception):
                maintenance.refresh_due()
        assert db.value(alarm) == 2
        maintenance.refresh_due()
        assert db.value(alarm) == 0

    def test_who_does_not_lead_refreshes_nothing(self, db: Refreshed, drain: Drain, maintenance: Maintenance) -> None:
        db.lend(1, 0)
        db.drain()
        self.refreshes(db)
        drain.term = None

        maintenance.refresh_due()

        assert self.refreshes(db) == []

    def test_the_sums_of_a_tier_add_to_its_duration(self, db: Refreshed) -> None:
        db.c.execute(
            "UPDATE frontview.view_state SET duration_ms = d.ms FROM (VALUES ('archive', 1000), ('total', 200), "
            "('recent', 30), ('by_day', 4), ('whole', 5)) d (tier, ms) WHERE view_state.tier = d.tier"
        )

        states = {(it.view, it.tier): it.duration_seconds for it in read_tier_states(db.c, Failures(), 0.0)}

        assert states["loans_1", "archive"] == 1.2
        assert states["loans_1", "recent"] == 0.034
        assert states["account_1", "whole"] == 0.005

    def test_a_dropped_view_is_left_alone(self, db: Refreshed) -> None:
        db.c.execute("DROP MATERIALIZED VIEW frontview.loans_1_recent CASCADE")

        states = read_tier_states(db.c, Failures(), 0.0)

        assert ("loans_1", "recent") not in {(state.view, state.tier) for state in states}
        assert ("loans_1", "archive") in {(state.view, state.tier) for state in states}

    def test_a_truncate_makes_every_key_stale(self, db: Refreshed) -> None:
        db.c.execute("TRUNCATE renewal")
        db.drain()

        states = {(s.view, s.tier): s for s in read_tier_states(db.c, Failures(), 0.0)}

        assert states["renewals_1", "recent"].every_key
        assert states["renewals_1", "archive"].every_key
        assert not states["loans_1", "recent"].stale


class TestCollecting:
    def test_a_key_is_forgotten_once_the_tier_of_its_day_has_it(self, db: Refreshed) -> None:
        db.lend(1, 0)
        db.lend(1, 100)
        db.drain()
        db.collect()
        assert len(db.stale_days()) == 2, "nothing has covered them yet"

        db.refresh("loans_1", "recent")
        db.collect()
        assert db.stale_days() == [str(db.today - timedelta(days=100))]

        db.refresh("loans_1", "archive", "total")
        db.collect()
        assert db.stale_days() == []

    def test_a_key_changed_again_after_the_refresh_stays(self, db: Refreshed) -> None:
        db.lend(1, 0)
        db.drain()
        db.refresh("loans_1", "recent")
        db.lend(1, 0)
        db.drain()

        db.collect()

        assert len(db.stale_days()) == 1
        db.check_reads()

    @pytest.mark.parametrize("order", [("recent", "archive"), ("archive", "recent")])
    def test_an_every_key_mark_stays_until_every_tier_has_it(self, db: Refreshed, order: tuple[str, str]) -> None:
        db.c.execute("TRUNCATE renewal")
        db.drain()
        marks = "SELECT count(*) FROM frontview.stale_key WHERE user_id IS NULL AND source = 'renewals_1'"
        db.refresh(BOOKS.name, *BOOKS.tiers)

        db.refresh("renewals_1", order[0])
        db.collect()
        assert db.value(marks) == 1
        db.refresh("renewals_1", order[1])
        db.collect()

        assert db.value(marks) == 0

    def test_a_source_that_no_view_names_is_forgotten_at_once(self, db: Refreshed) -> None:
        db.c.execute("INSERT INTO member (name) VALUES ('C')")
        db.drain()
        assert db.stale_days(3, "existence_1_of_user")

        db.collect()

        assert not db.stale_days(3, "existence_1_of_user")
        assert db.stale_days(3, "account_1")

    def test_a_pass_in_small_batches_reaches_every_key(self, db: Refreshed) -> None:
        for days in range(12):
            db.lend(1, days)
            db.drain()
        db.refresh("loans_1", "recent")

        assert db.collect(batch=3) > 2

        assert db.stale_days() == []


class TestPruning:
    def log_size(self, db: Refreshed) -> int:
        return int(db.value("SELECT count(*) FROM frontview.change_log"))

    def prune(self, db: Refreshed, since: str | None = None) -> str:
        return str(db.value("SELECT pruned::text FROM frontview.prune_change_log(%s, 1000)", since))

    @pytest.mark.parametrize("incremental", [False, True])
    def test_a_row_is_deleted_only_when_a_drain_has_seen_it(self, db: Refreshed, incremental: bool) -> None:
        seen = self.prune(db)
        assert self.log_size(db) == 0
        with connect(db.url, "frontview-open") as other, other.transaction():
            db.lend(1, 3, other)  # open across everything below
            db.lend(2, 0)
            db.drain()
            db.lend(2, 1)  # committed, not drained
            seen = self.prune(db, seen if incremental else None)
            assert self.log_size(db) == 1
            db.drain()
            seen = self.prune(db, seen if incremental else None)
            assert self.log_size(db) == 0
        assert self.log_size(db) == 1
        self.prune(db, seen if incremental else None)
        assert self.log_size(db) == 1, "its transaction was open at the last drain"
        db.check_reads()

        db.drain()
        self.prune(db, seen if incremental else None)

        assert self.log_size(db) == 0
        assert str(db.today - timedelta(days=3)) in db.stale_days()
        db.check_reads()

    def test_before_any_drain_nothing_is_deleted(self, database_url: str) -> None:
        with connect(database_url, "frontview-test") as c:
            c.execute("INSERT INTO member (name) VALUES ('A')")
            c.execute("SELECT frontview.prune_change_log(NULL, 1000)")
            assert c.execute("SELECT count(*) FROM frontview.change_log").fetchone() == (3,)


class TestForgetting:
    def test_the_newest_drain_stays_however_old_it_is(self, db: Refreshed) -> None:
        for days in range(3):
            db.lend(1, days)
            newest = db.drain()
        db.c.execute("UPDATE frontview.drain SET drained_at = now() - interval '1 day'")

        db.c.execute("SELECT frontview.forget_feed('5 minutes', 0, 1000)")

        assert db.c.execute("SELECT drain_id FROM frontview.drain").fetchall() == [(newest,)]
        assert db.c.execute("SELECT DISTINCT drain_id FROM frontview.feed").fetchall() == [(newest,)]
        db.check_reads()

    def test_nothing_younger_than_asked_for_is_forgotten(self, db: Refreshed) -> None:
        for _ in range(3):
            db.lend(1, 0)
            db.drain()
        drains = db.value("SELECT count(*) FROM frontview.drain")
        rows = db.value("SELECT count(*) FROM frontview.feed")
        assert db.value("SELECT frontview.forget_feed('5 minutes', 0, 1000)") is None
        assert (db.value("SELECT count(*) FROM frontview.drain"), db.value("SELECT count(*) FROM frontview.feed")) == (
            drains,
            rows,
        )

    def test_what_is_kept_has_no_holes(self, db: Refreshed) -> None:
        """A follower takes a hole for lost invalidations and drops everything."""
        for days in range(5):
            db.lend(1, days)
            newest = db.drain()
        db.c.execute(
            "UPDATE frontview.drain SET drained_at = now() - interval '1 day' WHERE drain_id IN (%s, %s)",
            (newest - 4, newest - 2),
        )

        db.c.execute("SELECT frontview.forget_feed('5 minutes', 0, 1000)")

        kept = [row[0] for row in db.c.execute("SELECT drain_id FROM frontview.drain ORDER BY 1").fetchall()]
        assert kept == [newest - 1, newest]


class TestRestoredElsewhere:
    """A dump restored into another cluster: transaction ids restart there, and saved snapshots lie."""

    def restore(self, db: Refreshed) -> None:
        db.c.execute("UPDATE frontview.drain SET system_identifier = system_identifier + 1")
        with db.c.transaction():
            db.c.execute("ALTER TABLE loan DISABLE TRIGGER USER")
            db.c.execute("INSERT INTO loan (member_id) VALUES (1)")
            db.c.execute("ALTER TABLE loan ENABLE TRIGGER USER")

    def test_reads_come_from_the_base_tables_until_the_leader_has_reset(self, db: Refreshed) -> None:
        assert db.read() == ("materialized_view", 5)

        self.restore(db)
        assert db.read() == ("database", 6), "nothing logged that change"
        db.check_reads()
        before = db.value("SELECT max(drain_id) FROM frontview.drain")
        assert db.drain() == before + 1
        assert db.read() == ("database", 6), "every key is stale now"
        db.check_reads()
        for view in CATALOG.views:
            assert db.refresh(view.name, *view.tiers) == "refreshed"

        assert db.read() == ("materialized_view", 6)
        db.check_reads()

    def test_the_reset_tells_every_cache(self, db: Refreshed) -> None:
        self.restore(db)

        newest = db.drain()

        rows = db.c.execute("SELECT user_id, source FROM frontview.feed WHERE drain_id = %s", (newest,)).fetchall()
        assert sorted(rows) == sorted((None, source.name) for source in CATALOG.sources)

    def test_a_change_while_restored_and_not_reset_is_not_lost(self, db: Refreshed) -> None:
        self.restore(db)
        db.lend(1, 0)
        db.drain()
        db.lend(1, 0)
        for view in CATALOG.views:
            db.refresh(view.name, *view.tiers)

        assert db.read() == ("materialized_view", 8)
        db.check_reads()


class TestTerms:
    def test_an_older_leader_can_drain_no_more(self, db: Refreshed) -> None:
        db.c.execute("SELECT frontview.drain_changes(%s, 1)", (db.term.epoch + 1,))

        with pytest.raises(psycopg.Error) as caught:
            db.drain()

        assert caught.value.sqlstate == "FV001"

    def test_of_two_terms_with_one_epoch_the_first_rules(self, db: Refreshed) -> None:
        with pytest.raises(psycopg.Error) as caught:
            drain_once(db.c, Term(db.term.epoch, db.term.nonce + 1))

        assert caught.value.sqlstate == "FV001"

    def test_a_new_term_continues_the_dense_numbers(self, db: Refreshed) -> None:
        before = db.drain()
        db.c.execute("SELECT pg_advisory_unlock_all()")
        with connect(db.url, "frontview-next") as following:
            term = try_to_lead(following)

            assert term is not None
            assert term.epoch == db.term.epoch + 1
            newest = "SELECT drain_id, epoch FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"
            assert following.execute(newest).fetchone() == (before + 1, term.epoch)

    def test_the_lock_admits_one_leader(self, db: Refreshed) -> None:
        with connect(db.url, "frontview-next") as following:
            assert try_to_lead(following) is None


def test_a_heartbeat_says_that_nothing_is_undrained(db: Refreshed) -> None:
    def beats() -> int:
        return int(db.value("SELECT heartbeats FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"))

    newest, count = db.drain(), beats()

    def beaten() -> bool:
        assert db.drain() == newest
        return beats() > count

    until(beaten, "heartbeat")
    db.lend(1, 0)
    assert db.drain() == newest + 1


def test_a_view_whose_key_is_proven_no_longer_is_not_refreshed(db: Refreshed) -> None:
    """Rows twice, each equal to one that the tier holds: the comparison with the tier finds nothing to change."""
    select = db.value("SELECT pg_get_viewdef('frontview.loans_1_live')").rstrip("; \n")
    db.c.execute(f"CREATE OR REPLACE VIEW frontview.loans_1_live AS {select} UNION ALL ({select})")
    before = db.state("recent").through
    db.lend(1, 0)
    db.drain()
    db.c.execute("DELETE FROM loan WHERE day = CURRENT_DATE AND id = (SELECT max(id) FROM loan)")
    db.drain()
    assert db.refresh("loans_1", "recent") == "failed: 42P16"
    assert db.state("recent").through == before
    db.c.execute(f"CREATE OR REPLACE VIEW frontview.loans_1_live AS {select}")
    assert db.refresh("loans_1", "recent") == "refreshed"
