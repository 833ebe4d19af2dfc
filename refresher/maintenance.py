"""The leader's work of a second or more: refreshes, horizon moves and the application's chores.

Invariant: runs only while this process leads, one piece at a time, on a connection of its own that is opened anew
after any error.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from psycopg import sql

from models.deadlines import Deadlines
from models.errors import CatalogError
from refresher.alarms import report_refresh
from refresher.connections import SILENT_SECONDS
from refresher.drain import Drain
from refresher.leadership import Connection
from refresher.policy import horizon_to_move_to, next_refresh, retry_seconds
from refresher.refresh import Outcome, refresh, tiers_together
from refresher.tier_states import Failures, read_horizons, read_tier_states
from views_sql.maintained_view import Catalog

log = structlog.get_logger(__name__)


class Maintenance:
    """The scheduler's jobs.

    :param duty: share of one core that refreshes may take; :param min_seconds: between two of one tier.
    :param recent_days: days that the recent tier holds after a move.
    :param refresh_timeout_seconds: of one refresh; 0: no limit.
    :param deadlines: and ``still_works``: as for :class:`refresher.drain.Drain`.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        drain: Drain,
        catalog: Catalog,
        *,
        duty: float,
        min_seconds: float,
        recent_days: int,
        refresh_timeout_seconds: float = 0.0,
        deadlines: Deadlines | None = None,
        still_works: Callable[[Connection], bool] = lambda _: True,
    ) -> None:
        self._connect = connect
        self._drain = drain
        self._catalog = catalog
        self._duty, self._min_seconds, self._recent_days = duty, min_seconds, recent_days
        self._refresh_timeout_seconds = refresh_timeout_seconds
        self._deadlines = deadlines or Deadlines()
        self._still_works = still_works
        self._failures = Failures()
        self._connection: Connection | None = None
        self._one_at_a_time = threading.Lock()
        self._stopping = False

    def refresh_due(self) -> None:
        """Refresh what the policy names, until it names nothing."""
        self._run_as_leader(self._refresh_due)

    def run_chores(self) -> None:
        """Call the application's chores."""
        self._run_as_leader(self._run_chores)

    def stop(self) -> None:
        """Cancel what is running; nothing new begins."""
        self._stopping = True
        if (connection := self._connection) is not None and not connection.closed:
            self._deadlines.interrupt(connection)
        with self._one_at_a_time:
            self._close()

    def _run_as_leader(self, work: Callable[[Connection, int], None]) -> None:
        reign = self._drain.reign
        if self._stopping:
            return
        with self._one_at_a_time:
            if reign is None:
                self._close()
                return
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                with self._deadlines.watch(self._connection, SILENT_SECONDS, self._still_works):
                    work(self._connection, reign.epoch)
            except psycopg.Error as error:
                log.warning("maintenance_failed", sqlstate=error.sqlstate, error=type(error).__name__)
                self._close()
            except CatalogError as error:  # the database is newer than this process
                log.error("view_unknown", detail=str(error))

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _refresh_due(self, connection: Connection, epoch: int) -> None:
        self._move_horizons(connection, epoch)
        while not self._stopping and self._rules(epoch):
            now = time.monotonic()
            states = read_tier_states(connection, self._failures, now)
            due = next_refresh(states, duty=self._duty, min_seconds=self._min_seconds)
            if due is None:
                return
            view = self._catalog.view(due.view)
            limit = self._refresh_timeout_seconds
            self._note(connection, refresh(connection, view, tiers_together(due.tier), epoch, timeout_seconds=limit))

    def _rules(self, epoch: int) -> bool:
        reign = self._drain.reign
        return reign is not None and reign.epoch == epoch

    def _move_horizons(self, connection: Connection, epoch: int) -> None:
        for name, horizon, today in read_horizons(connection):
            wanted = horizon_to_move_to(today, horizon, self._recent_days)
            if wanted is None or self._stopping or self._failed_lately(name):
                continue
            view = self._catalog.view(name)
            limit = self._refresh_timeout_seconds
            self._note(connection, refresh(connection, view, view.tiers, epoch, horizon=wanted, timeout_seconds=limit))

    def _failed_lately(self, view: str) -> bool:
        failures = self._failures.count_of(view, "recent")
        seconds_ago = self._failures.seconds_since(view, "recent", time.monotonic())
        return failures > 0 and seconds_ago < retry_seconds(failures)

    def _note(self, connection: Connection, outcome: Outcome) -> None:
        failed = outcome.word.startswith("failed") or outcome.word in ("busy", "fenced")
        for tier in outcome.tiers:
            self._failures.note(outcome.view, tier, failed, time.monotonic())
        self._drain.want_collection()
        report: Any = log.warning if failed else log.info
        report(
            "refresh",
            view=outcome.view,
            tiers=outcome.tiers,
            outcome=outcome.word,
            ms=round(outcome.duration_seconds * 1000),
        )
        failures = max(self._failures.count_of(outcome.view, tier) for tier in outcome.tiers)
        report_refresh(connection, outcome.view, outcome.tiers, outcome.word, failures)

    def _run_chores(self, connection: Connection, _epoch: int) -> None:
        for function in self._catalog.chores:
            connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(*function.split("."))))
