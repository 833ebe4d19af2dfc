"""Housekeeping: batches delete what is no longer needed, no more at a time than asked for, and none of it is lost."""

import itertools
import threading
from typing import Any

import pytest

from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.housekeeping import BATCH, BUDGET_SECONDS, Housekeeping
from refresher.leader.leadership import Term

LOGGED = "SELECT count(*) FROM frontview.change_log"
LOG = (
    "INSERT INTO frontview.change_log (source, user_id, day) "
    "SELECT 'loans_1', u, CURRENT_DATE - d FROM generate_series(1, %s) u, generate_series(1, %s) d"
)
FEED = """
SELECT d.drain_id, d.key_count = (SELECT count(*) FROM frontview.feed f WHERE f.drain_id = d.drain_id)
FROM frontview.drain d ORDER BY 1
"""


@pytest.fixture
def c(connection: Connection, term: Term) -> Connection:
    """A connection that leads."""
    drain_once(connection, term)
    connection.execute("DELETE FROM frontview.change_log; DELETE FROM frontview.stale_key")
    return connection


def value(c: Connection, query: str, *values: object) -> Any:
    row = c.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None


class TestPruning:
    def prune(self, c: Connection, since: str | None, batch: int) -> tuple[str, bool]:
        row = c.execute(
            "SELECT pruned::text, complete FROM frontview.prune_change_log(%s, %s)", (since, batch)
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def test_a_batch_deletes_as_many_rows_as_asked_for_even_of_one_transaction(self, c: Connection, term: Term) -> None:
        c.execute(LOG, (5, 5))
        drain_once(c, term)
        sizes, done, since = [], False, None
        while not done:
            since, done = self.prune(c, since, 10)
            sizes.append(value(c, LOGGED))

        assert sizes == [15, 5, 0]

    @pytest.mark.parametrize("batch", [1, 2, 3, 100])
    def test_rows_of_a_transaction_open_at_an_earlier_drain_go_when_a_later_one_has_seen_them(
        self, c: Connection, term: Term, database_url: str, batch: int
    ) -> None:
        since: str | None = None
        with connect(database_url, "frontview-open") as other, other.transaction():
            other.execute(LOG, (2, 2))
            c.execute(LOG, (1, 3))
            c.execute(LOG, (2, 2))
            drain_once(c, term)
            done = False
            while not done:
                since, done = self.prune(c, since, batch)
            assert value(c, LOGGED) == 0
            c.execute(LOG, (1, 1))
            drain_once(c, term)
            since, _ = self.prune(c, since, batch)
        assert value(c, LOGGED) == 4, "no drain has seen them"
        drain_once(c, term)
        since, done = self.prune(c, since, batch)
        while not done:
            since, done = self.prune(c, since, batch)

        assert value(c, LOGGED) == 0

    def test_an_interrupted_pass_keeps_what_was_open_in_mind(
        self, c: Connection, term: Term, database_url: str
    ) -> None:
        with connect(database_url, "frontview-open") as other, other.transaction():
            other.execute(LOG, (1, 1))
            for _ in range(3):
                c.execute(LOG, (1, 1))
            drain_once(c, term)
            since, done = self.prune(c, None, 2)
            assert (value(c, LOGGED), done) == (1, False)
        drain_once(c, term)

        while not done:
            since, done = self.prune(c, since, 2)

        assert value(c, LOGGED) == 0


class TestForgetting:
    def test_no_drain_is_left_with_only_some_of_its_rows(self, c: Connection, term: Term) -> None:
        """A follower that has fallen behind would miss the others; without the drain's own row it finds a hole."""
        for users in (2, 7, 1, 1, 1, 3):
            c.execute(LOG, (users, 1))
            drain_once(c, term)
        c.execute("UPDATE frontview.drain SET drained_at = now() - interval '1 day'")
        newest = value(c, "SELECT max(drain_id) FROM frontview.drain")
        deleted, position = [], 0
        while position is not None:
            rows = value(c, "SELECT count(*) FROM frontview.feed")
            position_then, position = position, value(c, "SELECT frontview.forget_feed('5 minutes', %s, 3)", position)
            deleted.append(rows - value(c, "SELECT count(*) FROM frontview.feed"))
            kept = c.execute(FEED).fetchall()
            assert all(whole for _, whole in kept), kept
            assert position is None or position >= position_then

        assert max(deleted) == 3
        assert [drain_id for drain_id, _ in kept] == [newest]
        assert value(c, "SELECT count(*) FROM frontview.feed") == 3

    def test_what_a_leader_left_half_done_is_finished_by_the_next(self, c: Connection, term: Term) -> None:
        c.execute(LOG, (9, 1))
        drain_once(c, term)
        c.execute("UPDATE frontview.drain SET drained_at = now() - interval '1 day'")
        c.execute(LOG, (1, 1))
        newest = drain_once(c, term)
        assert newest.appended
        for _ in range(2):
            value(c, "SELECT frontview.forget_feed('5 minutes', 0, 3)")

        position = 0
        while position is not None:
            position = value(c, "SELECT frontview.forget_feed('5 minutes', %s, 3)", position)

        assert value(c, "SELECT count(*) FROM frontview.feed") == 1


def test_a_batch_of_collecting_deletes_as_many_keys_as_asked_for_even_of_one_drain(c: Connection, term: Term) -> None:
    c.execute("INSERT INTO frontview.change_log (source, user_id, day) VALUES ('no view', NULL, '-infinity')")
    c.execute(LOG.replace("'loans_1'", "'no view'"), (2, 5))
    drain_once(c, term)
    sizes: list[int] = []
    key: list[Any] = [None, None, None]
    while key[0] is not None or not sizes:
        row = c.execute("SELECT * FROM frontview.collect_stale_keys(%s, %s, %s, 4)", key).fetchone()
        assert row is not None
        key = list(row)
        sizes.append(value(c, "SELECT count(*) FROM frontview.stale_key"))

    assert sizes == [7, 3, 0]


class TestBudget:
    @pytest.fixture
    def housekeeping(self, c: Connection) -> Housekeeping:
        """Housekeeping whose clock goes on by a fifth of the budget each time it is read."""
        now = iter(range(1, 1_000_000))
        wanted = threading.Event()
        wanted.set()
        return Housekeeping(c, 60, wanted, lambda: 1e6 + next(now) * BUDGET_SECONDS / 5)

    def test_a_backlog_is_worked_off_between_many_drains(
        self, c: Connection, term: Term, housekeeping: Housekeeping
    ) -> None:
        c.execute(LOG, (BATCH, 4))
        drain_once(c, term)
        left = [value(c, LOGGED)]
        while left[-1]:
            housekeeping.run_what_is_due()
            left.append(value(c, LOGGED))

        assert len(left) > 2
        assert all(0 < before - after <= 3 * BATCH for before, after in itertools.pairwise(left))

    def test_a_backlog_of_one_kind_does_not_stop_the_others(
        self, c: Connection, term: Term, housekeeping: Housekeeping
    ) -> None:
        c.execute(LOG.replace("'loans_1'", "'no view'"), (2, 1))
        drain_once(c, term)
        c.execute("UPDATE frontview.drain SET drained_at = now() - interval '1 day'")
        c.execute(LOG, (BATCH, 5))
        drain_once(c, term)
        drains = "SELECT count(*) FROM frontview.drain"

        while value(c, "SELECT count(*) FROM frontview.stale_key WHERE source = 'no view'") or value(c, drains) > 1:
            housekeeping.run_what_is_due()

        assert value(c, LOGGED) > 0


def test_more_keys_without_a_day_than_a_batch_are_collected(c: Connection, term: Term) -> None:
    c.execute(
        "INSERT INTO frontview.change_log (source, user_id, day) "
        "SELECT 'no view', u, '-infinity' FROM generate_series(1, %s) u",
        (BATCH + 1,),
    )
    drain_once(c, term)
    wanted = threading.Event()
    wanted.set()

    housekeeping = Housekeeping(c, 60, wanted)
    while value(c, "SELECT count(*) FROM frontview.stale_key WHERE source = 'no view'"):
        housekeeping.run_what_is_due()
