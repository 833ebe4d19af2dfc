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
from tests.oracle import relations
from tests.oracle.reads import Tally, compare_dashboard, compare_view
from tests.waiting import until
from views_sql.voice.catalog import CATALOG

pytestmark = pytest.mark.proof  # half a minute

CALLS = CATALOG.view("call_daily")
USERS, DAYS = 100, 1_000
MOST_KEYS_A_TRANSACTION = 1_000
FILL = (
    "INSERT INTO users (email, name) SELECT 'u' || g, 'U' FROM generate_series(1, %(users)s) g",
    "INSERT INTO agents (user_id, name) SELECT id, 'A' FROM users",
    "INSERT INTO calls (user_id, agent_id, started_at, status) SELECT user_id, id, now(), 'busy' FROM agents",
)
BACKFILL = """
INSERT INTO calls (user_id, agent_id, started_at, status, cost_cents)
SELECT user_id, id, now() - make_interval(days => 50 + n), 'completed', n FROM agents, generate_series(1, %(days)s) n
"""
LATE_CHANGE = (
    "UPDATE calls SET cost_cents = cost_cents + 1 WHERE id = %(call)s AND started_at < now() - interval '50 d'"
)
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
    return refresh(connection, CALLS, ("archive",), leader.term.epoch).outcome


def test_late_keys_are_compacted_in_short_transactions_while_reads_stay_exact(
    connection: psycopg.Connection, database_url: str, leader: Drain
) -> None:
    for statement in FILL:
        connection.execute(statement, {"users": USERS})
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
            compare_dashboard(reader, "overview", user, tally)
            compare_view(reader, CALLS.name, user, tally)

        def change() -> None:
            writer.execute(LATE_CHANGE, {"call": random.randint(1, USERS * DAYS)})

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

    sizes = [n for (n,) in connection.execute("SELECT count(*) FROM frontview.call_daily_archive GROUP BY xmin::text")]
    assert max(sizes) <= MOST_KEYS_A_TRANSACTION
    assert sum(sizes) == USERS * DAYS

    until(lambda: marked(0), "mark of the last change")
    assert compact(connection, leader) == "refreshed"
    assert not any(difference for _, difference in relations.tiers(connection, CALLS))
