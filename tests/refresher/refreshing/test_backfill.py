"""A hundred thousand late keys are compacted in short transactions, while reads stay exact."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from models.engine import connect
from refresher.leader.drain import Drain
from refresher.refreshing.refresh import refresh
from tests.neutral.catalog import CATALOG, LOANS
from tests.neutral.reads import ORACLE
from tests.oracle import relations
from tests.oracle.comparisons import Tally
from tests.waiting import until

pytestmark = pytest.mark.proof  # half a minute

USERS, DAYS = 100, 1_000
MOST_KEYS_A_TRANSACTION = 1_000
FILL = (
    "INSERT INTO member (name) SELECT 'M' FROM generate_series(1, %(users)s)",
    "INSERT INTO loan (member_id, branch) SELECT id, 'north' FROM member",
)
BACKFILL = """
INSERT INTO loan (member_id, branch, day, fee_cents)
SELECT id, 'north', CURRENT_DATE - 50 - n, n FROM member, generate_series(1, %(days)s) n
"""
LATE_CHANGE = "UPDATE loan SET fee_cents = fee_cents + 1 WHERE id = %(loan)s AND day < CURRENT_DATE - 50"
MARKED = """
SELECT NOT EXISTS (SELECT FROM frontview.change_log) AND (SELECT count(*) FROM frontview.stale_key) >= %s
"""


@contextmanager
def repeated(work: Callable[[], object]) -> Iterator[None]:
    """Repeat ``work`` in a thread while the block runs; what it raises is raised at the end."""
    over, errors = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not over.is_set():
                work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture
def leader(database_url: str) -> Iterator[Drain]:
    drain = Drain(lambda: connect(database_url, "backfill-drain"), pause_seconds=0.005, keep_feed_seconds=600)
    drain.start()
    assert drain.leading.wait(10)
    yield drain
    drain.stop()


def compact(connection: psycopg.Connection, leader: Drain) -> str:
    assert leader.term is not None
    return refresh(connection, LOANS, ("archive",), leader.term.epoch).outcome


def test_late_keys_are_compacted_in_short_transactions_while_reads_stay_exact(
    connection: psycopg.Connection, database_url: str, leader: Drain
) -> None:
    for statement in FILL:
        connection.execute(statement, {"users": USERS} if "%(" in statement else None)
    assert leader.term is not None
    horizon = datetime.now(UTC).date() - timedelta(days=45)
    for view in CATALOG.views:
        moved = horizon if view.day_column else None
        assert refresh(connection, view, view.tiers, leader.term.epoch, horizon=moved).outcome == "populated"
    # So long a history that a rebuild would hold its snapshot for over a minute.
    connection.execute("UPDATE frontview.view_state SET rebuild_ms = 61000 WHERE tier = 'archive'")

    before, during = Tally(), Tally()
    with ExitStack() as stack:
        reader, writer = (stack.enter_context(connect(database_url, f"backfill-{it}")) for it in ("reader", "writer"))

        def compare(tally: Tally) -> None:
            user = random.randint(1, USERS)
            ORACLE.compare_read(reader, "every loan", user, tally)
            ORACLE.compare_view(reader, LOANS.name, user, tally)

        def change() -> None:
            writer.execute(LATE_CHANGE, {"loan": random.randint(1, USERS * DAYS)})

        def marked(keys: int) -> bool:
            return connection.execute(MARKED, (keys,)).fetchone() == (True,)

        with repeated(lambda: compare(before)):
            connection.execute(BACKFILL, {"days": DAYS})
            until(lambda: marked(USERS * DAYS), "mark of each key", seconds=120)
        with repeated(lambda: compare(during)), repeated(change):
            assert compact(connection, leader) == "refreshed"
    assert (before.differences, during.differences) == ([], [])
    assert during.comparisons > 0
    assert during.patched > 0

    sizes = [n for (n,) in connection.execute("SELECT count(*) FROM frontview.loans_1_archive GROUP BY xmin::text")]
    assert max(sizes) <= MOST_KEYS_A_TRANSACTION
    assert sum(sizes) == USERS * DAYS

    until(lambda: marked(0), "mark of the last change")
    assert compact(connection, leader) == "refreshed"
    assert not any(difference for _, difference in relations.tiers(connection, LOANS))
