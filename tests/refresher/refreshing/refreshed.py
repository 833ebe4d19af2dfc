"""A populated database with one leader, for tests that drive refreshes step by step."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg

from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.leading import lead
from tests.neutral.application import lend
from tests.neutral.catalog import CATALOG, LOANS
from tests.neutral.reads import ORACLE, READS
from tests.waiting import until

EVERY_LOAN = READS["every loan"]


class Refreshed:
    """A populated database, driven step by step by a leader that took over from the one that populated it."""

    def __init__(self, url: str, connection: psycopg.Connection[Any]) -> None:
        self.url, self.c = url, connection
        term = lead(self.c)
        self.term = term
        self.today: date = self.value("SELECT CURRENT_DATE")
        self.horizon = self.today - timedelta(days=45)

    def lend(self, user: int, days_ago: int, connection: psycopg.Connection[Any] | None = None) -> None:
        lend(connection or self.c, user, days_ago, 5)

    def value(self, query: str, *values: object) -> Any:
        row = self.c.execute(query, values).fetchone()
        return row[0] if row else None

    def drain(self) -> int:
        drain_once(self.c, self.term)
        return int(self.value("SELECT max(drain_id) FROM frontview.drain"))

    def refresh(self, view: str, *tiers: str, horizon: date | None = None, epoch: int | None = None) -> str:
        return refresh(self.c, CATALOG.view(view), tiers, epoch or self.term.epoch, horizon=horizon).outcome

    def state(self, tier: str, view: str = "loans_1") -> SimpleNamespace:
        row = self.c.execute(
            "SELECT through, epoch, attempts, duration_ms, "
            "NULLIF(first_day, '-infinity') AS first_day, NULLIF(before_day, 'infinity') AS before_day "
            "FROM frontview.view_state JOIN frontview.refresh_attempt USING (view, tier) WHERE view = %s AND tier = %s",
            (view, tier),
        ).fetchone()
        assert row is not None
        names = ("through", "epoch", "attempts", "duration_ms", "first_day", "before_day")
        return SimpleNamespace(**dict(zip(names, row, strict=True)))

    def loans_in(self, tier: str) -> int:
        return int(self.value(f"SELECT COALESCE(sum(m_loans), 0) FROM frontview.loans_1_{tier}"))

    def stale_days(self, user: int = 1, source: str = "loans_1") -> list[str]:
        rows = self.c.execute(
            "SELECT day::text FROM frontview.stale_key WHERE user_id = %s AND source = %s ORDER BY 1", (user, source)
        )
        return [row[0] for row in rows.fetchall()]

    def collect(self, batch: int = 1000) -> int:
        """Make one pass over the stale keys and return its number of batches."""
        after, passes = [None, None, None], 0
        while after[0] is not None or not passes:
            row = self.c.execute(
                "SELECT * FROM frontview.collect_stale_keys(%s, %s, %s, %s)", [*after, batch]
            ).fetchone()
            assert row is not None
            after, passes = list(row), passes + 1
        return passes

    def check_reads(self) -> None:
        """Compare every kind of read of both users with the base tables."""
        tally = ORACLE.compare_every_read(self.c, (1, 2))
        assert tally.differences == []
        assert tally.comparisons == 2 * (len(READS) + len(CATALOG.views))

    def read(self, user: int = 1, *, base: bool = False) -> tuple[str, int]:
        """Return the source of an answer about all of a user's loans, and how many it counts."""
        read = EVERY_LOAN.format(user=user, base=base)
        row = self.c.execute(f"SELECT a.source, (a.body::json #>> '{{totals,loans}}')::int FROM {read} a").fetchone()
        assert row is not None
        return row[0], row[1]

    @contextmanager
    def refresh_held_before_its_end(self, *tiers: str) -> Iterator[list[str]]:
        """Run a refresh beside the block; it waits where it would write ``through``, and ends after the block."""
        self.c.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NEW; END';"
            "CREATE TRIGGER wait BEFORE UPDATE OF through ON frontview.view_state "
            "FOR EACH ROW EXECUTE FUNCTION wait()"
        )
        outcomes: list[str] = []

        def run() -> None:
            with connect(self.url, "frontview-held") as connection:
                outcomes.append(refresh(connection, LOANS, tiers, self.term.epoch).outcome)

        self.c.execute("SELECT pg_advisory_lock(77)")
        thread = threading.Thread(target=run)
        thread.start()
        try:
            waiting = "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE application_name = 'frontview-held'"
            until(lambda: self.value(waiting), "refresh that waits")
            yield outcomes
        finally:
            self.c.execute("SELECT pg_advisory_unlock(77)")
            thread.join(20)


def populate(url: str) -> None:
    """Fill and populate a migrated database, of which tests get clones."""
    with connect(url, "frontview-test") as connection:
        connection.execute("INSERT INTO member (name) VALUES ('A'), ('B')")
        for days in (0, 1, 5, 60, 100):
            for user in (1, 2):
                lend(connection, user, days, 5)
        db = Refreshed(url, connection)  # leads from now on, so that its first drain has seen all that
        for view in CATALOG.views:
            db.refresh(view.name, *view.tiers, horizon=db.horizon if view.day_column else None)


def fail(db: Refreshed) -> None:
    """Make every refresh fail with SQLSTATE FVX01."""
    db.c.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'FVX01'; END$$;"
        "CREATE TRIGGER refuse BEFORE UPDATE OF through ON frontview.view_state "
        "FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
