"""The notes of ready views: what an exact read with nothing stale trusts, and everything that makes it look for itself.

A note that is used shows in the state of a read: it carries the storage that was noted.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import psycopg
import pytest

from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.concurrency.sabotage import rewrite_function
from tests.fix_postgres import Server
from tests.leading import lead
from tests.neutral.catalog import CATALOG
from tests.neutral.reads import ORACLE, READS

STATE = "SELECT (s).* FROM (SELECT frontview.begin_read(%s, %s, '-infinity', 'infinity', FALSE) AS s) s"
END_READ = "frontview.end_read(frontview.read_state, text, date, date, timestamptz)"


class Clean:
    """A populated database of one user with nothing stale, led by the test."""

    def __init__(self, url: str, connection: psycopg.Connection[Any]) -> None:
        self.url, self.c = url, connection
        self.c.execute("INSERT INTO member (name) VALUES ('A')")
        self.c.execute("INSERT INTO loan (member_id) VALUES (1)")
        self.c.execute("INSERT INTO renewal (loan_id, member_id) VALUES (1, 1)")
        term = lead(self.c)
        self.term: Term = term
        self.settle(horizon=date(2026, 1, 1))

    def settle(self, horizon: date | None = None) -> None:
        """Drain, refresh everything and forget the marks that this covers."""
        drain_once(self.c, self.term)
        for view in CATALOG.views:
            at = horizon if view.day_column else None
            result = refresh(self.c, view, view.tiers, self.term.epoch, horizon=at)
            assert result.outcome in {"populated", "refreshed", "moved"}
        self.c.execute("SELECT frontview.collect_stale_keys(NULL, NULL, NULL, 1000)")

    def notes_are_used(self, views: tuple[str, ...] = ORACLE.views, user: int = 1) -> bool:
        state = self.c.cursor(row_factory=psycopg.rows.dict_row).execute(STATE, (user, list(views))).fetchone()
        assert state is not None
        return state["filenodes"] is not None

    def notes(self) -> list[Any]:
        return self.c.execute("SELECT xmin::text, r.* FROM frontview.ready_view r ORDER BY view").fetchall()

    def check_reads(self) -> None:
        tally = ORACLE.compare_every_read(self.c, [1])
        assert (tally.differences, tally.comparisons) == ([], len(READS) + len(ORACLE.views))


@pytest.fixture
def clean(any_server: Server) -> Iterator[Clean]:
    url = any_server.create(any_server.template)
    with psycopg.connect(url, autocommit=True) as connection:
        yield Clean(url, connection)
    any_server.drop(url)


def test_a_clean_read_uses_the_notes_and_a_change_of_its_user_does_not(clean: Clean) -> None:
    assert clean.notes_are_used()
    clean.c.execute("UPDATE loan SET fee_cents = 7")
    assert not clean.notes_are_used()
    assert clean.notes_are_used(user=2)
    drain_once(clean.c, clean.term)
    assert not clean.notes_are_used()
    clean.settle()
    assert clean.notes_are_used()
    clean.check_reads()


def test_a_clean_read_says_what_the_read_that_looks_for_itself_says(clean: Clean) -> None:
    views = ["account_1", "renewals_1", "loans_1"]
    noted = clean.c.execute(STATE, (1, views)).fetchone()
    clean.c.execute("DELETE FROM frontview.ready_view")
    looked = clean.c.execute(STATE, (1, views)).fetchone()

    assert noted is not None
    assert looked is not None
    storage, filenodes = 5, 6
    assert [it for n, it in enumerate(noted) if n not in {storage, filenodes}] == [
        it for n, it in enumerate(looked) if n not in {storage, filenodes}
    ]
    assert set(noted[storage]) == set(looked[storage])
    assert (noted[filenodes] is None, looked[filenodes]) == (False, None)


def test_a_refresher_in_replica_role_keeps_the_notes_true(clean: Clean) -> None:
    """Only a superuser's login has that role; a note of the earlier horizon would be a wrong answer."""
    clean.c.execute("SET session_replication_role = replica")
    clean.c.execute("UPDATE loan SET fee_cents = 7")
    clean.settle(horizon=date(2027, 1, 1))
    clean.settle()
    assert clean.notes_are_used()
    clean.check_reads()


def test_notes_stay_as_they_are_while_refreshes_change_nothing_that_they_note(clean: Clean) -> None:
    before = clean.notes()
    clean.c.execute("UPDATE loan SET fee_cents = 7")
    clean.settle()
    assert clean.notes() == before


@pytest.mark.parametrize(
    "change",
    [
        "VACUUM FULL frontview.loans_1_recent",
        "VACUUM FULL loan",
        "REFRESH MATERIALIZED VIEW frontview.loans_1_recent",
        "REFRESH MATERIALIZED VIEW frontview.loans_1_recent WITH NO DATA",
        "CREATE TABLE loan_2025 () INHERITS (loan)",
        "UPDATE frontview.ready_view SET noted_in = 1",
    ],
)
def test_a_note_that_is_no_longer_true_is_not_used_until_it_is_made_anew(clean: Clean, change: str) -> None:
    clean.c.execute(change.encode())
    assert not clean.notes_are_used()
    clean.check_reads()
    clean.settle()
    assert clean.notes_are_used()
    clean.check_reads()


def test_a_compaction_notes_nothing_and_a_rebuild_of_the_archive_its_new_storage(clean: Clean) -> None:
    view = CATALOG.view("loans_1")
    clean.c.execute("UPDATE loan SET day = '2025-05-05'")
    clean.settle()
    before = clean.notes()
    clean.c.execute("UPDATE loan SET fee_cents = 7")
    drain_once(clean.c, clean.term)
    clean.c.execute("DELETE FROM frontview.ready_view WHERE view = 'loans_1'")
    assert refresh(clean.c, view, ("archive",), clean.term.epoch).outcome == "refreshed"
    assert [note for note in before if note[1] != "loans_1"] == clean.notes()

    assert refresh(clean.c, view, ("archive",), clean.term.epoch, rebuild=True).outcome == "refreshed"

    clean.c.execute("SELECT frontview.collect_stale_keys(NULL, NULL, NULL, 1000)")
    assert clean.notes_are_used(("loans_1",))


def test_a_view_that_is_not_populated_has_no_note(clean: Clean) -> None:
    clean.c.execute("UPDATE frontview.view_state SET through = NULL WHERE view = 'renewals_1' AND tier = 'total'")

    assert [note[1] for note in clean.notes()] == ["account_1", "loans_1", "renewals_1_books_values"]
    assert not clean.notes_are_used()
    assert clean.notes_are_used(("loans_1", "account_1"))


def test_a_table_that_is_captured_from_now_on_ends_all_notes(clean: Clean) -> None:
    clean.c.execute(
        "INSERT INTO frontview.source (source, relation, user_column, events) "
        "VALUES ('other', 'member'::regclass, 'id', '{INSERT}')"
    )
    assert clean.notes() == []


def read_while_renewals_are_truncated(clean: Clean) -> dict[str, object]:
    """Start a read of clean views, with its snapshot before a TRUNCATE that commits while it waits for base rows."""
    result: dict[str, object] = {}
    with ExitStack() as stack:
        writer, reader = (stack.enter_context(connect(clean.url, f"frontview-ready-{n}")) for n in range(2))

        def read() -> None:
            try:
                result["row"] = reader.execute(
                    "SELECT r.body::json #>> '{totals,renewals}', r.body::json #>> '{totals,furthest}' "
                    f"FROM {READS['renewals'].format(user=1, base=False)} r"
                ).fetchone()
            except psycopg.errors.SerializationFailure as error:
                result["error"] = error

        thread = threading.Thread(target=read)
        with writer.transaction():
            writer.execute("TRUNCATE renewal")
            thread.start()
            waiting = (
                "SELECT FROM pg_stat_activity WHERE application_name = 'frontview-ready-1' AND wait_event_type = 'Lock'"
            )
            while clean.c.execute(waiting).fetchone() is None:
                assert thread.is_alive()
        thread.join()
    return result


def test_a_truncate_under_a_clean_read_makes_it_read_again(clean: Clean) -> None:
    assert clean.notes_are_used()
    assert "error" in read_while_renewals_are_truncated(clean)
    clean.check_reads()


def test_without_the_look_at_noted_storage_that_read_would_be_a_mixture(clean: Clean) -> None:
    rewrite_function(clean.url, END_READ, "frontview.storage_changed(p_state.storage, p_state.filenodes)", "FALSE")
    assert read_while_renewals_are_truncated(clean)["row"] == ("1", None)
