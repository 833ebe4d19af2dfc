"""Tables that are given new storage while a refresh, or a read, waits for them."""

import threading

import psycopg
import pytest

from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.leading import lead
from tests.neutral.catalog import CATALOG, LOANS
from tests.neutral.reads import ORACLE
from tests.oracle.comparisons import Tally
from tests.waiting import until

REWRITE = "ALTER TABLE loan ADD COLUMN mark uuid DEFAULT gen_random_uuid()"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frontview-waiting' AND wait_event_type = 'Lock'"
)


@pytest.fixture
def epoch(connection: psycopg.Connection) -> int:
    """One member with loans, a leader, everything populated."""
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    connection.execute("INSERT INTO loan (member_id, day) VALUES (1, '2026-03-01')")
    term = lead(connection)
    for view in CATALOG.views:
        assert refresh(connection, view, view.tiers, term.epoch).outcome == "populated"
    drain_once(connection, term)
    return term.epoch


def test_a_refresh_that_waited_for_a_rewrite_does_not_keep_what_it_read(
    connection: psycopg.Connection, database_url: str, epoch: int
) -> None:
    outcomes: list[str] = []

    def run() -> None:
        with connect(database_url, "frontview-waiting") as own:
            outcomes.append(refresh(own, LOANS, LOANS.tiers, epoch).outcome)

    with psycopg.connect(database_url) as rewriter:
        rewriter.execute(REWRITE)
        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: connection.execute(WAITING).fetchone() == (1,), "waiting refresh")
        rewriter.commit()
    thread.join()
    assert outcomes == ["failed: 40001"]
    tally = Tally()
    ORACLE.compare_view(connection, LOANS.name, 1, tally)
    assert (tally.comparisons, tally.differences) == (1, [])


@pytest.mark.parametrize("parent", [False, True], ids=["child", "table itself"])
def test_a_rewritten_child_of_a_table_counts_too(
    connection: psycopg.Connection, database_url: str, parent: bool
) -> None:
    connection.execute("CREATE TABLE loan_2025 () INHERITS (loan)")
    rewritten = "SELECT frontview.rewritten(ARRAY['loan'::regclass::oid])"
    with psycopg.connect(database_url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert reader.execute(rewritten).fetchone() == (False,)
        connection.execute(REWRITE if parent else "VACUUM FULL loan_2025")
        reader.execute("SELECT count(*) FROM loan")  # its locks, taken after the snapshot, bring the news
        assert reader.execute(rewritten).fetchone() == (True,)
