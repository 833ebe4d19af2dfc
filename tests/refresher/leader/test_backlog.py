"""A backlog: of very many changes, caches learn at once, and the keys are marked some rows a drain."""

from datetime import date
from typing import Any

import pytest

from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import DrainResult, drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.concurrency.sabotage import DRAIN, rewrite_function
from tests.leading import lead
from tests.neutral.catalog import CATALOG

USERS, DAYS = 100, 60
CHANGES = USERS * DAYS  # More than are marked at once.
LOG = (
    "INSERT INTO frontview.change_log (source, user_id, day) "
    "SELECT 'loans_1', u, '2026-01-01'::date + d FROM generate_series(1, %s) u, generate_series(0, %s) d"
)
LEFT = "SELECT marking IS NOT NULL FROM frontview.drain ORDER BY drain_id DESC LIMIT 1"
MARKS = "SELECT count(*) FROM frontview.stale_key WHERE user_id IS NOT NULL"
STATE = """
SELECT r.undrained, cardinality(r.views[1].days)
FROM frontview.begin_read(%s, '{loans_1}', '2026-01-01', '2026-03-01', FALSE) r
"""


@pytest.fixture
def c(connection: Connection, term: Term) -> Connection:
    """A connection that leads, with every tier populated and nothing stale."""
    for view in CATALOG.views:
        refresh(connection, view, view.tiers, term.epoch)
    connection.execute("DELETE FROM frontview.stale_key; DELETE FROM frontview.feed")
    return connection


def value(c: Connection, query: str, *values: object) -> Any:
    row = c.execute(query.encode(), values or None).fetchone()
    assert row is not None
    return row[0]


def drain_until_marked(c: Connection, term: Term) -> list[DrainResult]:
    """Drain until nothing is left to mark; return the results."""
    results = []
    while value(c, LEFT):
        results.append(drain_once(c, term))
        assert len(results) < 100
    return results


def log_many(c: Connection) -> None:
    c.execute(LOG, (USERS, DAYS - 1))


def test_very_many_changes_are_fed_by_one_drain_and_marked_by_later_ones(c: Connection, term: Term) -> None:
    log_many(c)

    first = drain_once(c, term)

    assert first == DrainResult(appended=True, changed_keys=CHANGES)
    assert value(c, MARKS) == 0
    fed = "SELECT count(*) FROM frontview.feed WHERE drain_id = (SELECT max(drain_id) FROM frontview.drain)"
    assert value(c, fed) == USERS
    sizes = []
    while value(c, LEFT):
        assert drain_once(c, term) == DrainResult(appended=True, changed_keys=0)
        sizes.append(value(c, MARKS))
    assert sizes[-1] == CHANGES
    assert max(b - a for a, b in zip([0, *sizes], sizes, strict=False)) < CHANGES / 2, "some rows a drain"
    assert value(c, "SELECT count(*) FROM frontview.change_log") == 0
    drain_once(c, term)
    assert value(c, "SELECT marked::text = snapshot::text FROM frontview.drain ORDER BY drain_id DESC LIMIT 1")


def test_reads_take_what_is_not_marked_yet_for_stale_and_for_drained(c: Connection, term: Term) -> None:
    """So their answers are exact, and caches keep them."""
    log_many(c)
    undrained = c.execute(STATE, (1,)).fetchone()
    drain_once(c, term)

    assert undrained == (True, DAYS)
    while value(c, LEFT):
        assert c.execute(STATE, (1,)).fetchone() == (False, DAYS)
        assert c.execute(STATE, (USERS,)).fetchone() == (False, DAYS)
        assert c.execute(STATE, (USERS + 1,)).fetchone() == (False, 0)
        drain_once(c, term)
    assert c.execute(STATE, (USERS,)).fetchone() == (False, DAYS)


def test_changes_beside_a_backlog_are_fed_at_once_and_marked_after_it(c: Connection, term: Term) -> None:
    log_many(c)
    drain_once(c, term)
    c.execute("INSERT INTO frontview.change_log (source, user_id, day) VALUES ('loans_1', 7, '2026-06-01')")

    assert drain_once(c, term).changed_keys == 1

    fed = "SELECT first_day FROM frontview.feed ORDER BY drain_id DESC LIMIT 1"
    late = "SELECT count(*) FROM frontview.stale_key WHERE user_id = 7 AND day = '2026-06-01'"
    assert value(c, fed) == date(2026, 6, 1)
    drain_until_marked(c, term)
    drain_once(c, term)
    assert (value(c, late), value(c, MARKS)) == (1, CHANGES + 1)


def test_a_mark_of_a_backlog_is_not_covered_by_a_refresh_before_it(c: Connection, term: Term) -> None:
    log_many(c)
    drain_once(c, term)
    c.execute("UPDATE frontview.view_state SET through = (SELECT max(drain_id) FROM frontview.drain)")

    drain_once(c, term)

    assert value(c, "SELECT bool_and(k.drain_id > v.through) FROM frontview.stale_key k, frontview.view_state v")


def test_a_new_leader_goes_on_with_the_backlog(c: Connection, term: Term, database_url: str) -> None:
    log_many(c)
    drain_once(c, term)
    drain_once(c, term)
    c.execute("SELECT pg_advisory_unlock_all()")
    with connect(database_url, "frontview-next-leader") as other:
        next_term = lead(other)
        drain_until_marked(other, next_term)

        assert value(c, MARKS) == CHANGES


def test_rows_that_move_within_the_log_are_marked_all_the_same(c: Connection, term: Term) -> None:
    """VACUUM FULL closes the gaps that marked rows left: others move to pages that were looked at."""
    log_many(c)
    drain_once(c, term)
    drain_once(c, term)
    c.execute("VACUUM FULL frontview.change_log")

    drain_until_marked(c, term)

    assert value(c, MARKS) == CHANGES


def test_what_is_not_marked_yet_is_not_pruned(c: Connection, term: Term) -> None:
    log_many(c)
    drain_once(c, term)

    c.execute("SELECT frontview.prune_change_log(NULL, 100000)")

    assert value(c, "SELECT count(*) FROM frontview.change_log") == CHANGES


def test_few_changes_are_marked_at_once(c: Connection, term: Term, database_url: str) -> None:
    rewrite_function(database_url, DRAIN, "many CONSTANT integer := 5000", "many CONSTANT integer := 3")
    c.execute(LOG, (1, 2))
    drain_once(c, term)
    assert (value(c, MARKS), value(c, LEFT)) == (3, False)

    c.execute(LOG, (2, 1))
    drain_once(c, term)

    assert (value(c, MARKS), value(c, LEFT)) == (3, True)
