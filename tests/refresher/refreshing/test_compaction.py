"""The archive is corrected key by key: which rows and sums change, in which pieces, and when it is built again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from models.engine import connect
from refresher.refreshing import compaction
from refresher.refreshing.compaction import LONGEST_REBUILD_SECONDS, rebuild_is_cheaper, rebuild_is_due
from refresher.refreshing.refresh import refresh
from tests.neutral.catalog import BOOKS, LOANS
from tests.neutral.reads import READS
from tests.oracle.relations import tiers
from tests.refresher.refreshing.refreshed import EVERY_LOAN, Refreshed
from tests.schema_snapshot import schema_snapshot
from tests.waiting import until

PLACE = "SELECT 'frontview.loans_1_archive'::regclass::oid"
LEAVE_TO_COMPACTION = "UPDATE frontview.view_state SET rebuild_ms = NULL"  # So few keys are cheaper to build again.
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frontview-compacting' AND wait_event_type = 'Lock'"
)


@pytest.fixture
def compacted(db: Refreshed) -> Refreshed:
    """A populated database whose archive is never built again because that is cheaper."""
    db.c.execute(LEAVE_TO_COMPACTION)
    return db


def check_tiers(db: Refreshed) -> None:
    """Compare every tier of the loans with the base tables, when nothing is stale."""
    assert {name: str(difference) for name, difference in tiers(db.c, LOANS) if difference} == {}


def compact(db: Refreshed) -> str:
    db.drain()
    return db.refresh("loans_1", "archive")


def write_old_days(db: Refreshed, count: int) -> None:
    for days in range(count):
        db.lend(1 + days % 2, 50 + days)


@contextmanager
def row_stopped(db: Refreshed, days_ago: int, statement: str) -> Iterator[None]:
    """Execute a statement of PL/pgSQL whenever the archive's row of a day is written."""
    db.c.execute(
        f"CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {statement}; RETURN NEW; END$$;"
        "CREATE TRIGGER stop BEFORE INSERT OR UPDATE ON frontview.loans_1_archive "
        f"FOR EACH ROW WHEN (NEW.day = '{db.today - timedelta(days=days_ago)}') EXECUTE FUNCTION stop()"
    )
    yield
    db.c.execute("DROP TRIGGER stop ON frontview.loans_1_archive; DROP FUNCTION stop()")


def in_a_thread(db: Refreshed, *, rebuild: bool = False) -> tuple[threading.Thread, list[str]]:
    """Refresh the archive beside the test; the list gets the outcome."""
    outcomes: list[str] = []

    def run() -> None:
        with connect(db.url, "frontview-compacting") as connection:
            outcomes.append(refresh(connection, LOANS, ("archive",), db.term.epoch, rebuild=rebuild).outcome)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcomes


class TestKeys:
    def test_rows_that_disappear_leave_the_archive_and_its_sums(self, compacted: Refreshed) -> None:
        db = compacted
        place = db.value(PLACE)
        db.c.execute("DELETE FROM loan WHERE member_id = 1 AND day = %s", (db.today - timedelta(days=100),))

        assert compact(db) == "refreshed"

        assert db.c.execute(
            "SELECT user_key, archive_rows, m_loans FROM frontview.loans_1_total ORDER BY 1"
        ).fetchall() == [
            (1, 1, 1),
            (2, 2, 2),
        ]
        assert db.value(PLACE) == place
        check_tiers(db)
        db.check_reads()

    def test_a_user_without_any_row_has_no_sums(self, compacted: Refreshed) -> None:
        db = compacted
        db.c.execute("DELETE FROM loan WHERE member_id = 2 AND day < %s", (db.horizon,))

        assert compact(db) == "refreshed"

        assert db.c.execute("SELECT user_key FROM frontview.loans_1_total").fetchall() == [(1,)]
        check_tiers(db)
        db.check_reads()

    def test_a_row_that_stays_the_same_is_not_written(self, compacted: Refreshed) -> None:
        db = compacted
        versions = "SELECT array_agg(xmin::text || ctid ORDER BY ctid) FROM frontview.loans_1_archive"
        before = db.value(versions)
        db.c.execute("UPDATE loan SET fee_cents = fee_cents + 1 WHERE day < %s", (db.horizon,))
        db.c.execute("UPDATE loan SET fee_cents = fee_cents - 1 WHERE day < %s", (db.horizon,))

        assert compact(db) == "refreshed"

        assert db.value(versions) == before

    def test_a_change_without_a_day_is_one_of_all_days_of_its_user(self, compacted: Refreshed) -> None:
        """Beside dated keys of the same user and of others."""
        db = compacted
        write_old_days(db, 4)
        with db.c.transaction():
            db.c.execute("UPDATE loan SET fee_cents = 70 WHERE member_id = 1 AND day < %s", (db.horizon,))
            db.c.execute("DELETE FROM frontview.change_log WHERE xid = pg_current_xact_id()")
        db.c.execute("INSERT INTO frontview.change_log (user_id, source, day) VALUES (1, 'loans_1', '-infinity')")

        assert compact(db) == "refreshed"

        check_tiers(db)

    def test_a_key_without_a_day_counts_as_the_rows_of_its_user_too(self, compacted: Refreshed) -> None:
        """In what a compaction is measured by, and in the decision for a rebuild."""
        db = compacted
        write_old_days(db, 20)
        assert compact(db) == "refreshed"
        db.c.execute("ANALYZE frontview.loans_1_archive, frontview.loans_1_total")
        db.c.execute(
            "INSERT INTO frontview.change_log (user_id, source, day) VALUES (1, 'loans_1', '-infinity'), "
            "(2, 'loans_1', '-infinity')"
        )
        db.drain()
        rows = db.value("SELECT count(*) FROM frontview.loans_1_archive")
        at_last = (
            "UPDATE frontview.view_state SET rebuild_ms = 2000, rebuilt_rows = NULL, key_us = 2000000 / %s "
            "WHERE tier = 'archive'"
        )

        assert db.value("SELECT keys FROM frontview.loans_1_compact(NULL, NULL, 1000)") == 2 + rows
        db.c.execute(at_last, (2 + rows,))
        assert not rebuild_is_due(db.c, "loans_1")
        db.c.execute(at_last, (1 + rows,))
        assert rebuild_is_due(db.c, "loans_1")

    def test_keys_of_several_sources_are_compacted_once_each_in_one_order(self, compacted: Refreshed) -> None:
        db = compacted
        db.c.execute("UPDATE frontview.view_state SET sources = '{loans_1,account_1}' WHERE view = 'loans_1'")
        days = [db.today - timedelta(days=n) for n in (100, 60, 70)]
        for source, day in (("loans_1", days[0]), ("account_1", days[0]), ("account_1", days[2]), ("loans_1", days[1])):
            db.c.execute("INSERT INTO frontview.change_log VALUES (%s, 1, %s)", (source, day))
        db.drain()

        chunk: tuple[object, ...] = (None, None)
        chunks = []
        while not chunks or chunk[0] is not None:
            row = db.c.execute("SELECT * FROM frontview.loans_1_compact(%s, %s, 1)", chunk[:2]).fetchone()
            assert row is not None
            chunk = row
            chunks.append(row[:3])

        assert chunks == [(days[2], 1, 1), (days[1], 1, 1), (None, None, 1)]

    def test_many_users_without_a_day_are_compacted_some_at_a_time(self, compacted: Refreshed) -> None:
        compacted.c.execute(
            "INSERT INTO frontview.change_log (user_id, source, day) "
            "SELECT n, 'loans_1', '-infinity' FROM generate_series(1, 50) n"
        )

        assert compact(compacted) == "refreshed"

        check_tiers(compacted)


class TestPieces:
    @pytest.fixture
    def pieces(self, compacted: Refreshed, monkeypatch: pytest.MonkeyPatch) -> Refreshed:
        """Ten stale keys, which are compacted three at a time."""
        monkeypatch.setattr(compaction, "CHUNK_KEYS", 3)
        write_old_days(compacted, 10)
        return compacted

    def test_each_piece_is_a_transaction_of_its_own(self, pieces: Refreshed) -> None:
        transactions = "SELECT count(DISTINCT xmin::text) FROM frontview.loans_1_archive"
        assert pieces.value(transactions) == 1

        assert compact(pieces) == "refreshed"

        assert pieces.value(transactions) == 1 + 4
        check_tiers(pieces)
        pieces.check_reads()

    def test_a_failure_in_the_middle_leaves_whole_pieces_and_what_was_covered(self, pieces: Refreshed) -> None:
        before, loans = pieces.state("archive").through, pieces.loans_in("archive")
        with row_stopped(pieces, 54, "RAISE EXCEPTION 'no' USING ERRCODE = 'FVX01'"):
            assert compact(pieces) == "failed: FVX01"

        assert pieces.loans_in("archive") == pieces.loans_in("total") == loans + 3
        assert pieces.state("archive").through == pieces.state("total").through == before
        pieces.check_reads()
        assert compact(pieces) == "refreshed"
        assert pieces.state("archive").through > before
        check_tiers(pieces)
        pieces.check_reads()

    def test_a_change_that_comes_between_two_pieces_stays_stale(self, pieces: Refreshed) -> None:
        pieces.c.execute("SELECT pg_advisory_lock(78)")
        with row_stopped(pieces, 54, "PERFORM pg_advisory_xact_lock(78)"):
            drained = pieces.drain()
            thread, outcomes = in_a_thread(pieces)
            until(lambda: pieces.value(WAITING), "compaction that waits")
            pieces.lend(1, 59)  # its key was compacted in the first piece
            pieces.lend(2, 51)  # and this one's will be in the last
            assert pieces.drain() > drained
            pieces.check_reads()
            pieces.c.execute("SELECT pg_advisory_unlock(78)")
            thread.join(20)

        assert outcomes == ["refreshed"]
        assert pieces.state("archive").through == drained
        pieces.check_reads()
        pieces.collect()
        assert len(pieces.stale_days(1)) == len(pieces.stale_days(2)) == 1

    def test_a_later_leader_fences_it_between_two_pieces(self, pieces: Refreshed) -> None:
        before = pieces.state("archive").through
        pieces.c.execute("SELECT pg_advisory_lock(78)")
        with row_stopped(pieces, 54, "PERFORM pg_advisory_xact_lock(78)"):
            pieces.drain()
            thread, outcomes = in_a_thread(pieces)
            until(lambda: pieces.value(WAITING), "compaction that waits")
            pieces.c.execute("UPDATE frontview.view_state SET epoch = 9 WHERE view = 'loans_1'")
            pieces.c.execute("SELECT pg_advisory_unlock(78)")
            thread.join(20)

        assert outcomes == ["fenced"]
        assert pieces.state("archive").through == before
        pieces.check_reads()


class TestRebuild:
    def test_a_mark_of_every_key_builds_it_again(self, compacted: Refreshed) -> None:
        db = compacted
        place = db.value(PLACE)
        db.c.execute("TRUNCATE loan CASCADE")

        assert compact(db) == "refreshed"

        assert db.value(PLACE) != place
        assert db.loans_in("archive") == db.loans_in("total") == 0
        db.check_reads()

    def test_a_mark_of_every_key_that_comes_after_the_decision_to_compact_stays(
        self, compacted: Refreshed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        db = compacted

        def decide_and_truncate(connection: psycopg.Connection, view: str) -> bool:
            due = rebuild_is_due(connection, view)
            db.c.execute("TRUNCATE loan CASCADE")
            db.drain()
            return due

        db.lend(1, 60)
        with monkeypatch.context() as patch:
            patch.setattr(compaction, "rebuild_is_due", decide_and_truncate)
            assert compact(db) == "refreshed"

        db.check_reads()
        assert compact(db) == "refreshed"
        assert db.loans_in("archive") == db.loans_in("total") == 0
        db.check_reads()

    @pytest.mark.parametrize(
        ("keys", "key_us", "rebuild_ms", "cheaper"),
        [
            (1_000_000, 50, None, False),  # there was none: nothing is known about its cost
            (100_000, 50, 5_000, False),
            (100_001, 50, 5_000, True),
            (50_000, None, 5_000, False),  # never measured: 100 microseconds a key are assumed
            (50_001, None, 5_000, True),
            (20_000, 50, 5, False),  # within a second
            (10**9, 50, 1000 * LONGEST_REBUILD_SECONDS + 1, False),  # its snapshot would hold back vacuum for too long
            (0, 50, 0, False),
        ],
    )
    def test_it_is_chosen_where_it_was_measured_to_be_cheaper(
        self, keys: int, key_us: int | None, rebuild_ms: int | None, cheaper: bool
    ) -> None:
        assert rebuild_is_cheaper(keys, key_us, rebuild_ms) == cheaper

    def test_many_keys_build_it_again_and_few_do_not(self, db: Refreshed) -> None:
        db.c.execute("UPDATE frontview.view_state SET rebuild_ms = 10, key_us = 200000 WHERE tier = 'archive'")
        place = db.value(PLACE)
        write_old_days(db, 5)
        assert compact(db) == "refreshed"
        assert db.value(PLACE) == place
        db.c.execute("UPDATE frontview.view_state SET rebuild_ms = 10, key_us = 200000 WHERE tier = 'archive'")
        write_old_days(db, 6)

        assert compact(db) == "refreshed"

        assert db.value(PLACE) != place
        check_tiers(db)

    def test_it_leaves_the_schema_as_it_was(self, db: Refreshed) -> None:
        """Rights, comments, storage options, keys and their names."""
        db.c.execute("GRANT SELECT ON frontview.loans_1_archive TO PUBLIC")
        db.c.execute("GRANT SELECT ON frontview.loans_1_total TO frontview_web WITH GRANT OPTION")
        before, place = schema_snapshot(db.url), db.value(PLACE)

        result = refresh(db.c, LOANS, ("archive",), db.term.epoch, rebuild=True)

        assert result.outcome == "refreshed"
        assert db.value(PLACE) != place
        assert schema_snapshot(db.url) == before

    def test_a_read_that_it_overtakes_is_asked_again(self, db: Refreshed) -> None:
        """The read has looked up the old table, and finds the new one, of whose rows its snapshot sees none."""
        states: list[str | None] = []

        def read() -> None:
            with connect(db.url, "frontview-compacting") as reader:
                try:
                    reader.execute(f"SELECT body FROM {READS['renewals'].format(user=1, base=False)}")
                except psycopg.Error as error:
                    states.append(error.sqlstate)

        with psycopg.connect(db.url) as holding:
            holding.execute("REFRESH MATERIALIZED VIEW frontview.renewals_1_recent")  # the read looks at it first
            thread = threading.Thread(target=read)
            thread.start()
            until(lambda: db.value(WAITING), "read that waits")
            assert refresh(db.c, BOOKS, ("archive",), db.term.epoch, rebuild=True).outcome == "refreshed"
            holding.rollback()
        thread.join(20)

        assert states == ["40001"]
        db.check_reads()

    def test_a_read_with_an_older_snapshot_has_to_be_asked_again(self, db: Refreshed) -> None:
        """It cannot see the rows of the new archive, and sealed days are nowhere else."""
        with psycopg.connect(db.url) as reader:
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT FROM frontview.drain")  # takes the snapshot, and no lock of a tier
            assert refresh(db.c, LOANS, ("archive",), db.term.epoch, rebuild=True).outcome == "refreshed"

            with pytest.raises(psycopg.errors.SerializationFailure):
                reader.execute(f"SELECT body FROM {EVERY_LOAN.format(user=1, base=False)}")

    def test_it_gives_way_to_a_read_that_holds_one_table_and_wants_the_other(self, db: Refreshed) -> None:
        """Neither is the victim of a deadlock."""
        with psycopg.connect(db.url) as reader:
            reader.execute("SELECT FROM frontview.loans_1_total")
            thread, outcomes = in_a_thread(db, rebuild=True)
            until(lambda: db.value(WAITING), "rebuild that waits for the sums")
            reader.execute("SELECT FROM frontview.loans_1_archive")
            reader.commit()
        thread.join(20)

        assert outcomes == ["refreshed"]
        check_tiers(db)


class TestMoves:
    def test_there_and_back_rows_and_sums_are_right(self, compacted: Refreshed) -> None:
        db = compacted
        place = db.value(PLACE)
        for days in (0, 61, 3, 400, 101, 45):
            horizon = db.today - timedelta(days=days)
            assert db.refresh("loans_1", *LOANS.tiers, horizon=horizon) == "moved"
            check_tiers(db)
        db.check_reads()
        assert db.value(PLACE) == place

    def test_a_user_whose_rows_all_move_to_the_recent_tier_has_no_sums(self, compacted: Refreshed) -> None:
        db = compacted
        db.c.execute("DELETE FROM loan WHERE member_id = 2 AND day < %s", (db.today - timedelta(days=60),))
        assert compact(db) == "refreshed"
        assert db.value("SELECT count(*) FROM frontview.loans_1_total") == 2

        assert db.refresh("loans_1", *LOANS.tiers, horizon=db.today - timedelta(days=70)) == "moved"

        assert db.c.execute("SELECT user_key FROM frontview.loans_1_total").fetchall() == [(1,)]

    def test_what_was_stale_stays_so_and_what_passes_is_up_to_date(self, compacted: Refreshed) -> None:
        db = compacted
        db.lend(1, 100)  # stays in the archive
        db.lend(1, 5)  # passes to it
        db.drain()
        before = db.state("archive").through

        assert db.refresh("loans_1", *LOANS.tiers, horizon=db.today - timedelta(days=2)) == "moved"

        assert db.state("archive").through == before
        assert (
            db.value("SELECT m_loans FROM frontview.loans_1_archive WHERE user_key = 1 AND day = CURRENT_DATE - 5") == 2
        )
        db.check_reads()
        assert compact(db) == "refreshed"
        check_tiers(db)
