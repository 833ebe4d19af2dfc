"""The leader's work of a second or more: refreshes, horizon moves and the application's chores.

Invariant: runs in a :class:`refresher.leader.leader_session.LeaderSession`, so one piece at a time and only while
this process leads.
"""

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import structlog
from psycopg import sql

from models.connection import Connection
from models.deadlines import Deadlines
from models.errors import CatalogError
from refresher.leader.alarms import report_refresh
from refresher.leader.drain import Drain
from refresher.leader.leader_session import LeaderSession
from refresher.refreshing.leader_notes import LeaderNotes
from refresher.refreshing.policy import Decision, decide, horizon_to_move_to, most_urgent, retry_seconds, with_moves
from refresher.refreshing.refresh import Outcome, refresh, tiers_together
from refresher.refreshing.tier_states import Failures, read_horizons, read_tier_states
from views_sql.maintained_view import Catalog, MaintainedView

log = structlog.get_logger(__name__)


class Maintenance:
    """The scheduler's jobs.

    :param duty: share of one core that refreshes may take; :param min_seconds: between two of one tier.
    :param recent_days: days that the recent tier holds after a move.
    :param refresh_timeout_seconds: of one statement of a refresh; 0: no limit.
    :param on_refresh: told of each refresh, however it ended.
    :param deadlines: and ``still_works``: as for :class:`refresher.leader.drain.Drain`.
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
        on_refresh: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._on_refresh = on_refresh
        self._session = LeaderSession("maintenance", connect, drain, deadlines or Deadlines(), still_works)
        self._drain = drain
        self._catalog = catalog
        self._duty, self._min_seconds, self._recent_days = duty, min_seconds, recent_days
        self._refresh_timeout_seconds = refresh_timeout_seconds
        self._failures = Failures()
        self._notes = LeaderNotes()
        self._lost: Outcome | None = None  # a refresh whose connection was lost, not yet reported

    def refresh_due(self) -> None:
        """Refresh what the policy names, until it names nothing."""
        self.run_as_leader(self._refresh_due)

    def run_chores(self) -> None:
        """Call the application's chores."""
        self.run_as_leader(self._run_chores)

    def refresh_by_hand(self, connection: Connection, epoch: int, name: str) -> str:
        """Refresh all tiers of a view now, whatever the policy says; return how that ended, in words.

        :param connection: and ``epoch``: as :meth:`run_as_leader` passes them.
        """
        try:
            view = self._catalog.view(name)
        except CatalogError as error:
            return f"failed: {error}"
        horizons = {daily: (horizon, today) for daily, horizon, today in read_horizons(connection)}
        wanted = None
        if name in horizons:
            horizon, today = horizons[name]
            wanted = horizon_to_move_to(today, horizon, self._recent_days)
        return self._refresh(connection, view, view.tiers, epoch, horizon=wanted).word

    def goes_on(self, epoch: int) -> bool:
        """Return whether this process still leads in that epoch and does not stop."""
        return not self._session.stopping and self._rules(epoch)

    def stop(self) -> None:
        """Cancel what is running; nothing new begins."""
        self._session.stop()

    def run_as_leader(self, work: Callable[[Connection, int], None]) -> None:
        """Do ``work``, given the session's connection and the epoch, alone on it and only if this process leads."""
        try:
            self._session.run(lambda connection, term: work(connection, term.epoch))
        except CatalogError as error:  # the database is newer than this process
            log.error("view_unknown", detail=str(error))

    def _refresh_due(self, connection: Connection, epoch: int) -> None:
        moving = self._move_horizons(connection, epoch)
        while self.goes_on(epoch):
            due = most_urgent(self._decide(connection, epoch, moving))
            if due is None:
                return
            view = self._catalog.view(due.view)
            self._refresh(connection, view, tiers_together(due.tier), epoch)

    def _decide(self, connection: Connection, epoch: int, moving: set[str]) -> list[Decision]:
        """Return the policy's decisions, after leaving them for those who show them.

        :param moving: views whose horizon is to move as soon as it may.
        """
        now = time.monotonic()
        states = read_tier_states(connection, self._failures, now)
        decisions = decide(states, duty=self._duty, min_seconds=self._min_seconds)
        self._notes.plan(connection, epoch, with_moves(decisions, moving), now)
        return decisions

    def _rules(self, epoch: int) -> bool:
        term = self._drain.term
        return term is not None and term.epoch == epoch

    def _move_horizons(self, connection: Connection, epoch: int) -> set[str]:
        """Move what is to move; return the views that are to move and could not."""
        left = set()
        for name, horizon, today in read_horizons(connection):
            wanted = horizon_to_move_to(today, horizon, self._recent_days)
            if wanted is None or self._session.stopping:
                continue
            view = self._catalog.view(name)
            if self._failed_lately(name) or self._refresh(connection, view, view.tiers, epoch, horizon=wanted).failed:
                left.add(name)
        return left

    def _refresh(
        self,
        connection: Connection,
        view: MaintainedView,
        tiers: tuple[str, ...],
        epoch: int,
        *,
        horizon: date | None = None,
    ) -> Outcome:
        if self._lost is not None:  # told now that there is a connection to tell it on
            outcome, self._lost = self._lost, None
            self._report(connection, outcome)
        begun, limit = time.monotonic(), self._refresh_timeout_seconds
        try:
            outcome = refresh(connection, view, tiers, epoch, horizon=horizon, timeout_seconds=limit)
        except psycopg.Error:  # the connection is lost; perhaps this very refresh takes it down each time
            self._lost = Outcome(view.name, tiers, "failed: connection lost", time.monotonic() - begun)
            self._count(self._lost)
            raise
        self._count(outcome)
        self._drain.want_collection()
        self._report(connection, outcome)
        return outcome

    def _failed_lately(self, view: str) -> bool:
        failures = self._failures.count_of(view, "recent")
        seconds_ago = self._failures.seconds_since(view, "recent", time.monotonic())
        return failures > 0 and seconds_ago < retry_seconds(failures)

    def _count(self, outcome: Outcome) -> None:
        self._on_refresh(outcome)
        for tier in outcome.tiers:
            self._failures.note(outcome.view, tier, outcome.failed, time.monotonic())

    def _report(self, connection: Connection, outcome: Outcome) -> None:
        report: Any = log.warning if outcome.failed else log.info
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
        for function in () if self._session.stopping else self._catalog.chores:
            connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier(*function.split("."))))
