"""Sealed days: when they are sealed, what reads and refreshes do with them afterwards, and how a seal ends."""

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from models.engine import connect
from refresher.refreshing import refresh as refresh_module
from refresher.refreshing import sealing as sealing_module
from refresher.refreshing.refresh import refresh
from refresher.refreshing.sealing import ChangesUnderWay, erase, seal_if_due, unseal
from refresher.refreshing.tier_states import Failures, read_tier_states
from refresher.watch.comparison import compare
from refresher.watch.coverage import check_sealed_days
from tests.neutral.catalog import CATALOG
from tests.refresher.refreshing.refreshed import LOANS, Refreshed
from tests.refresher.refreshing.test_compaction import LEAVE_TO_COMPACTION, check_tiers
from views_sql.generation.tiers import drop_maintained_view

SEALED = "SELECT first_day::text FROM frontview.view_state WHERE view = 'loans_1' AND tier = 'archive'"
CHANGES = "SELECT sealed_changes FROM frontview.seal WHERE view = 'loans_1'"


def seal_day(db: Refreshed) -> date:
    return db.today - timedelta(days=80)


def ask(db: Refreshed, before: date | None = None) -> None:
    db.c.execute("SELECT frontview.request_seal('loans_1', %s)", (before or seal_day(db),))


def drain_backlog(db: Refreshed) -> None:
    """Drain until nothing that was logged so far is unmarked."""
    db.drain()
    while db.value("SELECT marking IS NOT NULL FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"):
        db.drain()


def sealed_before(db: Refreshed) -> str:
    return str(db.value(SEALED))


def sealed(db: Refreshed) -> Refreshed:
    """Seal the loans of the first of the two days in the archive."""
    db.c.execute(LEAVE_TO_COMPACTION)
    ask(db)
    db.drain()
    assert db.refresh("loans_1", "archive") == "refreshed"
    assert sealed_before(db) == str(seal_day(db))
    return db


def differences(db: Refreshed) -> int:
    compared = compare(db.c, LOANS, "1")
    assert compared is not None
    return compared.differences


class TestSealing:
    def test_a_refresh_seals_what_was_asked_for(self, db: Refreshed) -> None:
        sealed(db)

        assert db.read() == ("materialized_view", 5)
        assert db.value("SELECT pattern FROM frontview.invalidation") == "*"
        db.check_reads()
        check_tiers(db)

    def test_days_are_like_all_others_until_transactions_of_that_time_have_ended(self, db: Refreshed) -> None:
        with connect(db.url, "frontview-writer") as writer:
            with writer.transaction():
                db.lend(1, 90, writer)
                ask(db)
                db.drain()
                db.refresh("loans_1", "archive")
                assert sealed_before(db) == "-infinity"
            db.drain()
            db.refresh("loans_1", "archive")

        assert sealed_before(db) == str(seal_day(db))
        assert db.read() == ("materialized_view", 6)
        db.collect()
        assert db.value(CHANGES) == 0
        check_tiers(db)

    def test_a_prepared_transaction_is_waited_for(self, db: Refreshed) -> None:
        if db.value("SELECT current_setting('max_prepared_transactions')") == "0":
            pytest.skip("this server has no prepared transactions")
        with connect(db.url, "frontview-writer") as writer:
            writer.execute("BEGIN")
            db.lend(1, 90, writer)
            writer.execute("PREPARE TRANSACTION 'sealing'")
            ask(db)
            db.drain()
            db.refresh("loans_1", "archive")
            assert sealed_before(db) == "-infinity"
            writer.execute("COMMIT PREPARED 'sealing'")

    def test_a_seal_takes_what_no_drain_has_found_yet(self, db: Refreshed) -> None:
        ask(db)
        db.drain()
        db.lend(1, 90)
        db.c.execute("DELETE FROM loan WHERE member_id = 2 AND day = %s", (db.today - timedelta(days=100),))

        assert db.refresh("loans_1", "archive") == "refreshed"

        assert sealed_before(db) == str(seal_day(db))
        assert db.read(1) == ("materialized_view", 6)
        assert db.read(2) == ("materialized_view", 4)
        check_tiers(db)

    def test_a_backlog_puts_the_seal_off(self, db: Refreshed) -> None:
        ask(db)
        db.c.execute(
            "INSERT INTO frontview.change_log (source, user_id, day) "
            "SELECT 'loans_1', n, CURRENT_DATE FROM generate_series(1, 5001) n"
        )
        db.drain()
        assert db.refresh("loans_1", "archive") == "refreshed"
        assert sealed_before(db) == "-infinity"

        drain_backlog(db)
        assert db.refresh("loans_1", "archive") == "refreshed"

        assert sealed_before(db) == str(seal_day(db))

    def test_very_many_unmarked_keys_put_the_seal_off(self, db: Refreshed) -> None:
        ask(db)
        db.drain()
        db.c.execute(
            "INSERT INTO frontview.change_log (source, user_id, day) "
            "SELECT 'loans_1', n, CURRENT_DATE - 100 FROM generate_series(1, 5001) n"
        )
        assert db.refresh("loans_1", "archive") == "refreshed"
        assert sealed_before(db) == "-infinity"

        drain_backlog(db)
        assert db.refresh("loans_1", "archive") == "refreshed"

        assert sealed_before(db) == str(seal_day(db))

    def test_a_move_of_the_horizon_does_not_seal(self, db: Refreshed) -> None:
        """It leaves stale what was, so that one transaction would take all of that."""
        db.c.execute(LEAVE_TO_COMPACTION)
        ask(db)
        db.drain()
        assert db.refresh("loans_1", *LOANS.tiers, horizon=db.horizon + timedelta(days=1)) == "moved"
        assert sealed_before(db) == "-infinity"

        assert db.refresh("loans_1", "archive") == "refreshed"

        assert sealed_before(db) == str(seal_day(db))

    def test_in_a_restored_cluster_its_own_open_transactions_are_waited_for(self, db: Refreshed) -> None:
        db.c.execute("UPDATE frontview.drain SET system_identifier = 1")
        with connect(db.url, "frontview-writer") as writer:
            with writer.transaction():
                db.lend(1, 90, writer)
                ask(db)
                db.drain()
                db.refresh("loans_1", *LOANS.tiers)
                assert sealed_before(db) == "-infinity"
            db.drain()
            db.refresh("loans_1", "archive")

        assert sealed_before(db) == str(seal_day(db))
        assert db.read() == ("materialized_view", 6)

    def test_an_undrained_every_key_change_puts_the_seal_off(self, db: Refreshed) -> None:
        ask(db)
        db.drain()
        db.c.execute("INSERT INTO frontview.change_log (source, user_id, day) VALUES ('loans_1', NULL, '-infinity')")
        assert db.refresh("loans_1", "archive") == "failed: 55000"
        assert sealed_before(db) == "-infinity"

        db.drain()
        assert db.refresh("loans_1", "archive") == "refreshed"

        assert sealed_before(db) == str(seal_day(db))

    @pytest.mark.parametrize(
        ("view", "days_ago", "sentence"),
        [
            ("no_view", 80, "There is no view 'no_view'."),
            ("account_1", 80, "account_1 has no days"),
            ("loans_1", 0, "is not in the past"),
            ("loans_1", -5, "is not in the past"),
            ("loans_1", 44, "in its recent tier"),
        ],
    )
    def test_it_is_refused_with_a_sentence(self, db: Refreshed, view: str, days_ago: int, sentence: str) -> None:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=sentence):
            db.c.execute("SELECT frontview.request_seal(%s, %s)", (view, db.today - timedelta(days=days_ago)))

    def test_days_that_are_sealed_already_are_refused(self, db: Refreshed) -> None:
        sealed(db)

        with pytest.raises(psycopg.errors.InvalidParameterValue, match="sealed already"):
            ask(db)

    def test_a_later_seal_seals_more(self, db: Refreshed) -> None:
        sealed(db)
        db.lend(1, 100)
        db.lend(1, 60)
        ask(db, db.horizon)
        db.drain()

        assert db.refresh("loans_1", "archive") == "refreshed"

        assert sealed_before(db) == str(db.horizon)
        assert db.read() == ("materialized_view", 6)  # Not the late call.
        assert db.value(CHANGES) == 1
        db.collect()
        assert db.value(CHANGES) == 1


class TestReads:
    def test_sealed_days_stand_when_their_rows_are_deleted(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))

        assert db.read() == ("materialized_view", 5)
        db.drain()
        assert db.read() == ("materialized_view", 5)
        assert db.refresh("loans_1", "archive") == "refreshed"
        assert db.read() == ("materialized_view", 5)

    def test_a_read_of_the_base_tables_takes_sealed_days_from_the_archive(self, db: Refreshed) -> None:
        assert db.read(base=True) == ("database", 5)
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))

        assert db.read(base=True) == ("materialized_view", 5)

    def test_an_every_key_mark_is_one_of_unsealed_days(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))
        db.lend(1, 60)
        db.c.execute("INSERT INTO frontview.change_log (source, user_id, day) VALUES ('loans_1', NULL, '-infinity')")

        assert db.read() == ("materialized_view", 6)
        db.drain()
        assert db.read() == ("materialized_view", 6)
        assert db.refresh("loans_1", "archive", "recent") == "refreshed"  # It is rebuilt.
        assert db.read() == ("materialized_view", 6)
        assert differences(db) == 0

    def test_a_change_without_a_day_is_one_of_unsealed_days(self, db: Refreshed) -> None:
        sealed(db)
        with db.c.transaction():
            db.c.execute("DELETE FROM loan WHERE member_id = 1 AND day < %s", (db.horizon,))
            db.c.execute("DELETE FROM frontview.change_log WHERE xid = pg_current_xact_id()")
            db.c.execute("INSERT INTO frontview.change_log (source, user_id, day) VALUES ('loans_1', 1, '-infinity')")

        assert db.read() == ("materialized_view", 4)
        db.drain()
        assert db.refresh("loans_1", "archive") == "refreshed"
        assert db.read() == ("materialized_view", 4)
        assert differences(db) == 0

    def test_an_archive_that_is_not_populated_keeps_them(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))
        db.c.execute("UPDATE frontview.view_state SET through = NULL WHERE view = 'loans_1'")

        assert db.read() == ("materialized_view", 5)
        assert db.refresh("loans_1", *LOANS.tiers) == "populated"
        assert db.read() == ("materialized_view", 5)

    def test_a_restored_cluster_keeps_them(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))
        db.c.execute("UPDATE frontview.drain SET system_identifier = 1")

        assert db.read() == ("materialized_view", 5)
        db.drain()
        assert db.read() == ("materialized_view", 5)
        assert db.refresh("loans_1", *LOANS.tiers) == "refreshed"
        assert db.read() == ("materialized_view", 5)

    def test_the_audit_leaves_them_out(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))
        db.drain()
        assert differences(db) == 0

        db.c.execute("UPDATE frontview.loans_1_total SET m_loans = m_loans + 1")

        assert differences(db) > 0


class TestRefreshes:
    def test_a_rebuild_copies_sealed_rows(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day < %s", (seal_day(db),))
        db.drain()

        assert refresh(db.c, LOANS, ("archive",), db.term.epoch, rebuild=True).outcome == "refreshed"

        assert db.read() == ("materialized_view", 5)
        assert differences(db) == 0

    def test_late_changes_are_never_applied_but_counted(self, db: Refreshed) -> None:
        sealed(db)
        db.lend(1, 100)
        db.lend(2, 100)
        db.lend(1, 60)
        db.drain()
        assert db.refresh("loans_1", "archive") == "refreshed"

        db.collect()

        assert db.read() == ("materialized_view", 6)
        assert db.value(CHANGES) == 2
        check_sealed_days(db.c)
        check_sealed_days(db.c)
        assert db.c.execute("SELECT kind, subject, times FROM frontview.alarm").fetchall() == [
            ("sealed_changed", "loans_1", 1)
        ]

    def test_a_late_change_of_a_key_that_the_seal_found_marked_is_counted(
        self, db: Refreshed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the seal's announcement a drain would leave the mark alone, whose number is too small."""

        def after_a_drain(*arguments: Any) -> bool:
            db.lend(1, 100)
            db.drain()
            return seal_if_due(*arguments)

        monkeypatch.setattr(refresh_module, "seal_if_due", after_a_drain)
        sealed(db)
        assert db.read() == ("materialized_view", 6)
        db.lend(1, 100)
        db.drain()

        db.collect()

        assert db.read() == ("materialized_view", 6)
        assert db.value(CHANGES) == 1

    def test_a_truncation_is_counted_and_raises_the_alarm(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("TRUNCATE loan CASCADE")
        db.drain()
        for view in ("loans_1", "renewals_1", "account_1"):
            db.refresh(view, *CATALOG.view(view).tiers)

        db.collect()
        db.collect()

        assert db.read() == ("materialized_view", 1)
        assert db.value(CHANGES) == 1
        check_sealed_days(db.c)
        assert db.value("SELECT kind FROM frontview.alarm") == "sealed_changed"

    def test_a_change_without_a_day_is_counted(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("INSERT INTO frontview.change_log (source, user_id, day) VALUES ('loans_1', 1, '-infinity')")
        db.drain()
        for view in ("loans_1", "account_1"):
            db.refresh(view, *CATALOG.view(view).tiers)

        db.collect()

        assert db.value(CHANGES) == 1

    def test_counting_waits_for_no_open_request(self, db: Refreshed) -> None:
        """The leader's drain connection counts: while it waited, no drain would come."""
        sealed(db)
        db.lend(1, 100)
        db.drain()
        with connect(db.url, "frontview-operator") as operator, operator.transaction():
            operator.execute("SELECT frontview.request_seal('loans_1', %s)", (db.horizon,))
            db.c.execute("SET lock_timeout = '1s'")

            db.collect()

            assert db.value(CHANGES) == 0
            assert db.stale_days() == [str(db.today - timedelta(days=100))]
        db.collect()
        assert db.value(CHANGES) == 1
        assert db.stale_days() == []

    def test_marks_of_before_the_seal_are_not_late(self, db: Refreshed) -> None:
        db.lend(1, 100)
        sealed(db)

        db.collect()

        assert db.value(CHANGES) == 0

    def test_late_changes_make_nothing_due(self, db: Refreshed) -> None:
        sealed(db)
        db.lend(1, 100)
        db.drain()

        states = {(it.view, it.tier): it for it in read_tier_states(db.c, Failures(), 0.0)}
        assert not states["loans_1", "archive"].stale
        assert states["renewals_1", "archive"].stale is False

    def test_the_horizon_stays_after_sealed_days(self, db: Refreshed) -> None:
        sealed(db)

        outcome = db.refresh("loans_1", *LOANS.tiers, horizon=seal_day(db) - timedelta(days=1))
        assert outcome == "failed: 23514"
        assert db.refresh("loans_1", *LOANS.tiers, horizon=seal_day(db)) == "moved"

        assert db.state("archive").before_day == seal_day(db)
        db.check_reads()

    def test_a_view_with_sealed_days_is_not_dropped(self, db: Refreshed) -> None:
        sealed(db)

        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="unseal"):
            db.c.execute(drop_maintained_view("loans_1")[0].encode())


class TestUnsealing:
    def test_equal_days_are_unsealed(self, db: Refreshed) -> None:
        sealed(db)

        assert unseal(db.c, ["loans_1"], None) == 0

        assert sealed_before(db) == "-infinity"
        db.lend(1, 100)
        db.check_reads()
        db.drain()
        assert db.refresh("loans_1", "archive", "recent") == "refreshed"
        db.check_reads()
        check_tiers(db)

    @pytest.mark.parametrize(("drained", "collected"), [(False, False), (True, False), (True, True)])
    def test_a_change_after_the_comparison_keeps_them_sealed(
        self, db: Refreshed, monkeypatch: pytest.MonkeyPatch, drained: bool, collected: bool
    ) -> None:
        """The rows equalled the numbers when they were compared, and are gone now."""
        sealed(db)
        db.lend(1, 60)
        db.lend(1, 100)
        db.c.execute("DELETE FROM loan WHERE member_id = 1 AND id = (SELECT max(id) FROM loan)")
        db.drain()  # It marks a key that the deletion marks again.
        compared = sealing_module._compared

        def then_delete(*arguments: Any) -> tuple[Any, ...]:
            found = compared(*arguments)
            db.c.execute("DELETE FROM loan WHERE member_id = 1 AND day < %s", (seal_day(db),))
            if drained:
                db.drain()
                db.c.execute("SELECT frontview.prune_change_log(NULL, 1000)")
                assert db.value("SELECT count(*) FROM frontview.change_log") == 0
            if collected:
                db.collect()
            return found

        monkeypatch.setattr(sealing_module, "ATTEMPTS", 1)
        monkeypatch.setattr(sealing_module, "_compared", then_delete)

        with connect(db.url, "frontview-unsealing") as other, pytest.raises(ChangesUnderWay, match="try again"):
            unseal(other, ["loans_1"], None)

        assert sealed_before(db) == str(seal_day(db))
        assert db.read() == ("materialized_view", 6)
        assert db.state("archive").attempts % 2 == 0

    def test_a_change_that_is_drained_meanwhile_only_repeats_the_comparison(
        self, db: Refreshed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sealed(db)
        db.lend(1, 100)
        db.c.execute("DELETE FROM loan WHERE id = (SELECT max(id) FROM loan)")
        compared, compared_at = sealing_module._compared, []

        def then_drain(*arguments: Any) -> tuple[Any, ...]:
            compared_at.append(found := compared(*arguments))
            db.drain()
            return found

        monkeypatch.setattr(sealing_module, "_compared", then_drain)

        assert unseal(db.c, ["loans_1"], None) == 0
        assert len(compared_at) == 2

    def test_a_truncation_after_the_comparison_keeps_them_sealed(
        self, db: Refreshed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sealed(db)
        compared = sealing_module._compared

        def then_truncate(*arguments: Any) -> tuple[Any, ...]:
            found = compared(*arguments)
            db.c.execute("TRUNCATE loan CASCADE")
            return found

        monkeypatch.setattr(sealing_module, "ATTEMPTS", 1)
        monkeypatch.setattr(sealing_module, "_compared", then_truncate)

        with pytest.raises(ChangesUnderWay):
            unseal(db.c, ["loans_1"], None)

    def test_days_that_differ_stay_sealed(self, db: Refreshed) -> None:
        sealed(db)
        db.lend(1, 100)
        db.c.execute("DELETE FROM loan WHERE member_id = 2 AND day < %s", (seal_day(db),))

        assert unseal(db.c, ["loans_1"], None) == 2

        assert sealed_before(db) == str(seal_day(db))

    def test_some_days_can_stay_sealed(self, db: Refreshed) -> None:
        sealed(db)
        db.c.execute("DELETE FROM loan WHERE day = %s", (db.today - timedelta(days=100),))
        before = db.today - timedelta(days=90)

        assert unseal(db.c, ["loans_1"], before) == 0

        assert sealed_before(db) == str(before)
        assert unseal(db.c, ["loans_1"], before + timedelta(days=5)) == 0
        assert sealed_before(db) == str(before)


class TestErasing:
    def test_a_persons_sealed_rows_and_sums_go(self, db: Refreshed) -> None:
        sealed(db)

        assert erase(db.c, "loans_1", "1", "*:user:1") == 1

        assert db.read(1) == ("materialized_view", 4)
        assert db.read(2) == ("materialized_view", 5)
        assert differences(db) == 0
        assert db.value("SELECT pattern FROM frontview.invalidation ORDER BY 1 DESC LIMIT 1") == "*:user:1"
        assert db.value("SELECT row_count FROM frontview.refresh_log WHERE outcome = 'erased'") == 3
        assert db.value("SELECT count(*) FROM frontview.loans_1_archive") == 3
