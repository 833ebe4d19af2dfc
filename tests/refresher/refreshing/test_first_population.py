"""A view without contents stops no collector and slows no read of others, and misses nothing once it is populated."""

from datetime import timedelta

import psycopg
import psycopg.rows
import pytest

from tests.neutral.catalog import BOOKS
from tests.refresher.refreshing.refreshed import Refreshed

VIEW = "UPDATE frontview.view_state SET sources = '{loans_1,renewals_1}' WHERE view = 'renewals_1'"
EMPTY = "UPDATE frontview.view_state SET through = NULL WHERE view = %s"
STATE = "SELECT (s).* FROM (SELECT frontview.begin_read(1, '{loans_1}', '-infinity', 'infinity', FALSE) AS s) s"


@pytest.fixture
def beside(db: Refreshed) -> Refreshed:
    """A database in which a view of the loans too has no contents."""
    db.c.execute(VIEW)
    db.c.execute(EMPTY, ("renewals_1",))
    return db


def notes_are_used(db: Refreshed) -> bool:
    state = db.c.cursor(row_factory=psycopg.rows.dict_row).execute(STATE).fetchone()
    assert state is not None
    return state["filenodes"] is not None


def refresh_loans(db: Refreshed) -> None:
    db.drain()
    assert db.refresh("loans_1", "recent", "archive") == "refreshed"


def test_marks_are_collected_whatever_view_of_their_source_has_no_contents(beside: Refreshed) -> None:
    db = beside
    for days in (0, 3, 70):
        db.lend(1, days)
    refresh_loans(db)
    assert len(db.stale_days()) == 3

    db.collect()

    assert db.stale_days() == []
    assert notes_are_used(db)
    db.check_reads()


def test_once_populated_it_holds_what_was_collected_before(beside: Refreshed) -> None:
    db = beside
    db.c.execute("INSERT INTO renewal (loan_id, member_id, renewed_at) SELECT l.id, l.member_id, l.day FROM loan l")
    db.drain()
    db.refresh(BOOKS.name, *BOOKS.tiers)
    db.collect()
    assert db.stale_days(source="renewals_1") == []

    assert db.refresh("renewals_1", "recent", "archive") == "populated"

    assert db.value("SELECT sum(m_renewals) FROM frontview.renewals_1_total") == 4
    db.check_reads()


def test_what_changes_while_it_is_populated_stays_marked(db: Refreshed) -> None:
    db.c.execute(EMPTY, ("loans_1",))
    db.lend(1, 60)
    db.drain()
    with db.refresh_held_before_its_end("recent", "archive") as outcomes:
        db.lend(1, 0)
        db.lend(1, 70)
        db.drain()
        db.collect()
        assert db.stale_days() == sorted(str(db.today - timedelta(days=days)) for days in (0, 70))
        db.check_reads()

    assert outcomes == ["populated"]
    db.collect()
    assert len(db.stale_days()) == 2
    db.check_reads()


def test_after_a_first_population_that_failed_marks_are_collected_again(beside: Refreshed) -> None:
    db = beside
    db.c.execute("ALTER MATERIALIZED VIEW frontview.renewals_1_recent RENAME TO away")
    db.c.execute("UPDATE frontview.view_state SET relation = 'frontview.away' WHERE relation LIKE '%renewals_1_recent'")
    assert db.refresh("renewals_1", "recent").startswith("failed")
    db.lend(1, 0)
    refresh_loans(db)

    db.collect()

    assert db.stale_days() == []


def test_a_read_of_views_that_cover_every_mark_is_as_one_without_marks(beside: Refreshed) -> None:
    """Marks that are kept for a view that is being populated; the archive, here not compacted, holds none of them."""
    db = beside
    db.c.execute("UPDATE frontview.refresh_attempt SET attempts = attempts + 1 WHERE view = 'renewals_1'")
    for days in range(20):
        db.lend(1, days)
    db.drain()
    assert not notes_are_used(db)
    assert db.refresh("loans_1", "recent") == "refreshed"

    db.collect()

    assert len(db.stale_days()) == 20
    assert notes_are_used(db)
    db.check_reads()
    db.lend(1, 70)
    db.drain()
    assert not notes_are_used(db)
    db.check_reads()
