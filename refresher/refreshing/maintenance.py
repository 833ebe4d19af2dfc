"""The leader's work of a second or more: refreshes and horizon moves.

Invariant: all of it runs in a :class:`refresher.leader.leader_session.LeaderSession`, so one piece of work at a time
and only while this process leads.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import structlog

from models.connection import Connection
from models.errors import CatalogError
from refresher.leader.alarms import report_refresh
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from refresher.refreshing.leader_notes import LeaderNotes
from refresher.refreshing.policy import (
    FAILURES_TO_GIVE_UP,
    Decision,
    TierState,
    decide,
    horizon_to_move_to,
    most_urgent,
    move_waits_seconds,
    retry_seconds,
    with_moves,
)
from refresher.refreshing.refresh import refresh, tiers_together
from refresher.refreshing.refresh_log import RefreshResult
from refresher.refreshing.tier_states import Failures, Horizon, read_horizons, read_tier_states
from views_sql.declaration.maintained_view import Catalog, MaintainedView

log = structlog.get_logger(__name__)


class Maintenance:
    """The scheduler's jobs on one session.

    :param duty: share of one core that refreshes may take.
    :param min_seconds: least time between two refreshes of one tier.
    :param recent_days: number of days that the recent tier holds after a horizon move.
    :param refresh_timeout_seconds: limit of one statement of a refresh; 0: no limit.
    :param on_refresh: called after each refresh, whatever its outcome.
    """

    def __init__(
        self,
        session: LeaderSession,
        catalog: Catalog,
        *,
        duty: float,
        min_seconds: float,
        recent_days: int,
        refresh_timeout_seconds: float = 0.0,
        on_refresh: Callable[[RefreshResult], None] = lambda _: None,
    ) -> None:
        self._session, self._catalog, self._on_refresh = session, catalog, on_refresh
        self._duty, self._min_seconds, self._recent_days = duty, min_seconds, recent_days
        self._refresh_timeout_seconds = refresh_timeout_seconds
        self._failures = Failures()
        self._notes = LeaderNotes()
        self._unknown: set[str] = set()
        self._unreported: RefreshResult | None = None  # of a refresh that lost the connection to report it on

    def use(self, catalog: Catalog) -> None:
        """From the next piece of work on, refresh the views of another catalog."""
        self._catalog = catalog

    def refresh_due(self) -> None:
        """Refresh the tiers that the policy names, until it names none; do nothing unless this process leads."""
        try:
            self._session.run(self._refresh_due)
        except CatalogError as error:  # The catalog became another one meanwhile; the next round uses that one.
            log.info("views_left_out", reason=str(error))

    def refresh_by_hand(self, connection: Connection, term: Term, argument: Mapping[str, Any]) -> str:
        """Refresh all tiers of a view now, whatever the policy says, and return the outcome.

        :param connection: and ``term``: as :meth:`LeaderSession.run` passes them.
        :param argument: ``{"view": NAME}``.
        """
        try:
            view = self._catalog.view(str(argument.get("view")))
        except CatalogError as error:
            return f"failed: {error}"
        wanted = next((self._wanted(it) for it in read_horizons(connection) if it.view == view.name), None)
        return self._refresh(connection, view, view.tiers, term, horizon=wanted, rebuild=True).outcome

    def _refresh_due(self, connection: Connection, term: Term) -> None:
        waiting: dict[str, date] = {}
        moving = self._move_horizons(connection, term, waiting)
        while self._session.goes_on(term):
            due = most_urgent(self._decide(connection, term, moving))
            if due is None:
                return
            view, tiers, horizon = self._catalog.view(due.view), tiers_together(due.tier), None
            if due.tier == "recent" and not due.failures and view.name in waiting:
                tiers, horizon = view.tiers, waiting.pop(view.name)
                del moving[view.name]
            self._refresh(connection, view, tiers, term, horizon=horizon)

    def _decide(self, connection: Connection, term: Term, moving: Mapping[str, float]) -> list[Decision]:
        """Return the policy's decisions, after writing them as the leader's note.

        :param moving: in how many seconds the horizon of a view moves, once the recent tier may be tried again.
        """
        now = time.monotonic()
        states = self._known(read_tier_states(connection, self._failures, now))
        decisions = decide(states, duty=self._duty, min_seconds=self._min_seconds)
        self._notes.plan(connection, term.epoch, with_moves(decisions, moving), now)
        return decisions

    def _move_horizons(self, connection: Connection, term: Term, waiting: dict[str, date]) -> dict[str, float]:
        """Move the horizons that wait no longer; return in how many seconds those that are left must be moved.

        :param waiting: gets the new horizons of views whose recent tier may be refreshed first, then with it.
        """
        left = {}
        for horizon in read_horizons(connection):
            name, wanted = horizon.view, self._wanted(horizon)
            if wanted is None or not self._catalog.has_view(name) or not self._session.goes_on(term):
                continue
            view = self._catalog.view(name)
            if seconds := move_waits_seconds(horizon.now, horizon.day, wanted):
                left[name], waiting[name] = seconds, wanted
            elif self._is_put_off(name) or self._refresh(connection, view, view.tiers, term, horizon=wanted).failed:
                left[name] = 0.0
        return left

    def _known(self, states: list[TierState]) -> list[TierState]:
        """Return the states of declared views; others are of a declaration that is not known yet, or gone."""
        unknown = {state.view for state in states if not self._catalog.has_view(state.view)}
        if unknown != self._unknown:
            self._unknown = unknown
            log.info("views_left_out", views=sorted(unknown))
        building = self._catalog.building
        return [replace(state, building=state.view in building) for state in states if state.view not in unknown]

    def _wanted(self, horizon: Horizon) -> date | None:
        return horizon_to_move_to(horizon.now.date(), horizon.day, self._recent_days, horizon.sealed_before)

    def _refresh(
        self,
        connection: Connection,
        view: MaintainedView,
        tiers: tuple[str, ...],
        term: Term,
        *,
        horizon: date | None = None,
        rebuild: bool = False,
    ) -> RefreshResult:
        if self._unreported is not None:  # now there is a connection again
            result, self._unreported = self._unreported, None
            self._report(connection, result)
        begun, limit = time.monotonic(), self._refresh_timeout_seconds
        try:
            result = refresh(
                connection, view, tiers, term.epoch, horizon=horizon, rebuild=rebuild, timeout_seconds=limit
            )
        except psycopg.Error:  # the connection is lost; perhaps this refresh is what loses it each time
            self._unreported = RefreshResult(view.name, tiers, "failed: connection lost", time.monotonic() - begun)
            self._count(self._unreported)
            raise
        self._count(result)
        self._report(connection, result)
        return result

    def _is_put_off(self, view: str) -> bool:
        failures = self._failures.count_of(view, "recent")
        seconds_ago = self._failures.seconds_since(view, "recent", time.monotonic())
        given_up = view in self._catalog.building and failures >= FAILURES_TO_GIVE_UP
        return given_up or (failures > 0 and seconds_ago < retry_seconds(failures))

    def _count(self, result: RefreshResult) -> None:
        self._on_refresh(result)
        for tier in result.tiers:
            self._failures.note(result.view, tier, result.failed, time.monotonic())

    def _report(self, connection: Connection, result: RefreshResult) -> None:
        report: Any = log.warning if result.failed else log.info
        milliseconds = round(result.duration_seconds * 1000)
        report("refresh", view=result.view, tiers=result.tiers, outcome=result.outcome, ms=milliseconds)
        failures = max(self._failures.count_of(result.view, tier) for tier in result.tiers)
        report_refresh(connection, result.view, result.tiers, result.outcome, failures)
