"""The storm: writers, the real drain, real refreshes and horizon moves, and readers that compare.

It ends when enough has been compared, or at the first difference; bounded in time either way.
"""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

from models.engine import connect
from refresher.leader.drain import Drain, DrainResult
from refresher.refreshing.refresh import refresh, tiers_together
from refresher.refreshing.refresh_log import RefreshResult
from refresher.refreshing.steps import gates
from tests.neutral.catalog import CATALOG
from tests.neutral.reads import ORACLE, READS
from tests.oracle.comparisons import Tally
from views_sql.declaration.maintained_view import MaintainedView

USERS, DAYS = 4, 45
BRANCHES = ("north", "south", None)
EXPECTED = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.UniqueViolation,
    psycopg.errors.LockNotAvailable,
)


class Storm:
    """One run against one database.

    :ivar views: what is refreshed.
    """

    views: tuple[MaintainedView, ...] = CATALOG.views

    def __init__(
        self, url: str, *, seed: int = 1, seconds: float = 60.0, comparisons: int = 3000, drain_pause: float = 0.005
    ) -> None:
        self.url, self.seed, self.wanted = url, seed, comparisons
        self.deadline = time.monotonic() + seconds
        self.over = threading.Event()
        self.commits = 0
        self.committed = threading.Condition()
        self.tallies: list[Tally] = []
        self.refreshes: dict[str, int] = {}
        self.crashes: list[BaseException] = []
        self.drains = 0
        self.drain = Drain(
            lambda: connect(url, "storm-drain"),
            pause_seconds=drain_pause,
            keep_feed_seconds=60,
            on_drain=self._drained,
        )

    def run(self) -> "Storm":
        self._fill()
        self.drain.start()
        assert self.drain.leading.wait(10)
        jobs: list[Callable[[random.Random], None]] = [
            *[self._write] * 3,
            self._hold_open,
            self._refresh,
            self._populate,
            *[self._read] * 2,
        ]
        threads = [
            threading.Thread(target=self._guarded, args=(job, random.Random(self.seed * 100 + n)))
            for n, job in enumerate(jobs)
        ]
        for thread in threads:
            thread.start()
        while not self.over.wait(0.05):
            if self._enough() or self.differences or time.monotonic() > self.deadline:
                self.over.set()
        for thread in threads:
            thread.join()
        self.drain.stop()
        if self.crashes:
            raise self.crashes[0]
        return self

    def _enough(self) -> bool:
        return self.comparisons >= self.wanted and self.refreshes.get("moved", 0) >= 5 and self.drains >= 100

    def _drained(self, _seconds: float, result: DrainResult) -> None:
        self.drains += result.appended

    @property
    def comparisons(self) -> int:
        return sum(tally.comparisons for tally in self.tallies)

    @property
    def differences(self) -> list[str]:
        return [difference for tally in self.tallies for difference in tally.differences]

    def _guarded(self, job: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            job(chance)
        except BaseException as error:
            self.crashes.append(error)
            self.over.set()

    def _fill(self) -> None:
        with connect(self.url, "storm-fill") as c:
            c.execute("INSERT INTO member (name) SELECT 'Member ' || g FROM generate_series(1, %s) g", (USERS,))
            c.execute(
                "INSERT INTO loan (member_id, day, branch, fee_cents) "
                "SELECT m.id, CURRENT_DATE - floor(random() * 44)::integer, b, 5 "
                "FROM member m, unnest(%s::text[]) b, generate_series(1, 27)",
                (list(BRANCHES),),
            )

    # Writers

    def _write(self, chance: random.Random) -> None:
        with connect(self.url, "storm-writer") as c:
            c.execute("SET lock_timeout = '2s'")
            while not self.over.is_set():
                try:
                    with c.transaction(force_rollback=chance.random() < 0.1):
                        for _ in range(chance.randint(1, 3)):
                            self._one_write(c, chance)
                    self._note_commit()
                except EXPECTED:
                    continue

    def _hold_open(self, chance: random.Random) -> None:
        """Keep transactions open across many commits of the others, then commit."""
        with connect(self.url, "storm-holder") as c:
            while not self.over.is_set():
                try:
                    with c.transaction():
                        self._insert(c, chance)
                        self._await_commits(chance.randint(20, 120))
                    self._note_commit()
                except EXPECTED:
                    continue

    def _note_commit(self) -> None:
        with self.committed:
            self.commits += 1
            self.committed.notify_all()

    def _await_commits(self, count: int) -> None:
        with self.committed:
            target = self.commits + count
            self.committed.wait_for(lambda: self.commits >= target or self.over.is_set(), timeout=3)

    def _one_write(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        kind = chance.choices(
            (
                self._insert,
                self._move,
                self._delete,
                self._renew,
                self._fees,
                self._account,
                self._savepoint,
                self._truncate,
            ),
            (10, 10, 4, 6, 3, 2, 2, 0.15),
        )[0]
        kind(c, chance)

    def _moment(self, chance: random.Random) -> datetime:
        days = 0.0 if chance.random() < 0.5 else chance.random() * (DAYS - 1)
        return datetime.now(UTC) - timedelta(days=days)

    def _member(self, chance: random.Random) -> int:
        return chance.randint(1, USERS)

    def _insert(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(
            "INSERT INTO loan (member_id, day, branch, fee_cents) VALUES (%s, %s, %s, %s)",
            (self._member(chance), self._moment(chance).date(), chance.choice(BRANCHES), chance.randint(0, 99)),
        )

    def _move(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        """Move loans (and with them keys) to another user and day."""
        c.execute(
            "UPDATE loan SET member_id = %s, day = %s, branch = %s WHERE id IN ("
            "SELECT id FROM loan WHERE id %% 7 = %s ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED)",
            (self._member(chance), self._moment(chance).date(), chance.choice(BRANCHES), chance.randint(0, 6)),
        )

    def _delete(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(
            "DELETE FROM loan WHERE id IN ("
            "SELECT id FROM loan WHERE id %% 11 = %s ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)",
            (chance.randint(0, 10),),
        )

    def _renew(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(
            "INSERT INTO renewal (loan_id, member_id, renewed_at, desk) SELECT id, member_id, %s, %s FROM loan "
            "WHERE id %% 13 = %s ORDER BY id DESC LIMIT 1 ON CONFLICT (loan_id) DO UPDATE "
            "SET desk = excluded.desk, member_id = excluded.member_id, renewed_at = excluded.renewed_at",
            (self._moment(chance), chance.randint(1, 3), chance.randint(0, 12)),
        )

    def _fees(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(
            "UPDATE loan SET fee_cents = fee_cents + 4 WHERE id IN ("
            "SELECT id FROM loan WHERE member_id = %s AND day = %s LIMIT 3 FOR UPDATE SKIP LOCKED)",
            (self._member(chance), self._moment(chance).date()),
        )

    def _account(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute("UPDATE member SET points = points + 1 WHERE id = %s", (self._member(chance),))

    def _savepoint(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        with c.transaction(force_rollback=True):
            self._insert(c, chance)
        with c.transaction():
            self._insert(c, chance)

    def _truncate(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(chance.choice(("TRUNCATE renewal", "TRUNCATE loan CASCADE")))

    # Refreshes and readers

    def _refresh(self, chance: random.Random) -> None:
        with connect(self.url, "storm-refresh") as c:
            for view in self.views:
                self._note_refresh(refresh(c, view, view.tiers, 1))
            while not self.over.is_set():
                self._note_refresh(self._one_refresh(c, chance))

    def _populate(self, chance: random.Random) -> None:
        """Make a view one without contents, and populate it while others are refreshed."""
        with connect(self.url, "storm-populate") as c:
            while not self.over.is_set():
                self._await_commits(chance.randint(10, 60))
                view = chance.choice(self.views)
                with gates(c, view.name, view.tiers) as entered:
                    if entered:  # Otherwise a refresh of it runs.
                        c.execute("UPDATE frontview.view_state SET through = NULL WHERE view = %s", (view.name,))
                self._await_commits(chance.randint(0, 20))
                self._note_refresh(refresh(c, view, view.tiers, 1))

    def _one_refresh(self, c: psycopg.Connection[Any], chance: random.Random) -> RefreshResult:
        view = chance.choice(self.views)
        if view.day_column and chance.random() < 0.3:
            return refresh(c, view, view.tiers, 1, horizon=self._horizon(chance))
        if view.day_column and chance.random() < 0.1:
            return refresh(c, view, ("archive",), 1, rebuild=True)
        return refresh(c, view, tiers_together(chance.choice(view.tiers)), 1)

    def _horizon(self, chance: random.Random) -> date:
        return datetime.now(UTC).date() - timedelta(days=chance.randint(0, DAYS))

    def _note_refresh(self, result: RefreshResult) -> None:
        assert result.outcome != "failed: None", "an error of psycopg's own: a sabotage that cannot act proves nothing"
        self.refreshes[result.outcome] = self.refreshes.get(result.outcome, 0) + 1
        self.drain.want_collection()

    def _read(self, chance: random.Random) -> None:
        tally = Tally()
        self.tallies.append(tally)
        with connect(self.url, "storm-reader") as c:
            while not self.over.is_set():
                user = chance.randint(1, USERS)
                if chance.random() < 0.75:
                    ORACLE.compare_read(c, chance.choice(tuple(READS)), user, tally)
                else:
                    ORACLE.compare_view(c, chance.choice(ORACLE.views), user, tally)
