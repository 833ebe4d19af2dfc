"""The audit: continuously compares reads with their recomputation and repairs wrong ones.

Invariant: a violation marks the user's keys stale and raises the alarm in one transaction; no log line says whose read
it was.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import psycopg
import structlog

from models.connection import Connection
from refresher.leader.alarms import AUDIT_FAILING, EXACTNESS, FAILURES_TO_ALARM, clear_alarms, raise_alarm
from refresher.leader.marks import mark_every_key, mark_user
from refresher.watch.audit_sample import next_user, recent_user, registered
from refresher.watch.comparison import Compared, compare
from views_sql.declaration.maintained_view import MaintainedView

log = structlog.get_logger(__name__)

USERS_TO_MARK_ALL = 3  # After wrong reads of this many users of a view, every key of the view is marked stale.
MARK_ALL_SECONDS = 3600.0  # Least time between two such marks; else a view that stays wrong is always refreshed.

CURSOR = "SELECT after_user::text FROM frontview.audit WHERE view = %s"
SAVE = """
INSERT INTO frontview.audit AS a (view, checks, violations, rounds, after_user, last_checked_at)
VALUES (%s, %s, %s, %s, %s::text::frontview.user_key, clock_timestamp())
ON CONFLICT (view) DO UPDATE SET
    checks = a.checks + excluded.checks, violations = a.violations + excluded.violations,
    rounds = a.rounds + excluded.rounds, after_user = excluded.after_user, last_checked_at = excluded.last_checked_at
"""


@dataclass
class _Progress:
    """The audit's progress in one view: the position of its round, and counts that were not yet saved.

    :param may_be_alarmed: an alarm that the view cannot be compared may exist, perhaps of an earlier leader.
    :param may_mark_all_at: monotonic time from which every key may be marked again.
    """

    after_user: str | None
    checks: int = 0
    violations: int = 0
    rounds: int = 0
    failures: int = 0
    may_be_alarmed: bool = True
    violators: set[str] = field(default_factory=set)
    may_mark_all_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One (view, user) that was visited; ``compared`` is None if it could not be compared this time."""

    view: str
    user: str
    compared: Compared | None


class Audit:
    """Visits (view, user) pairs and compares their reads. ``views`` may be set to others between two visits.

    :param views: the declared views; those that the database does not have in this version are left out.
    :param read_only: do not mark, raise or save anything.
    :param on_check: called for each comparison that read a tier, with the view and whether it was a violation.
    """

    def __init__(
        self,
        views: tuple[MaintainedView, ...],
        *,
        read_only: bool = False,
        on_check: Callable[[str, bool], None] = lambda _view, _violated: None,
    ) -> None:
        self.views, self._read_only, self._on_check = views, read_only, on_check
        self._turns = count()
        self._progress: dict[str, _Progress] = {}

    def visit_next(self, connection: Connection) -> Visit | None:
        """Visit a user of the next view: by turns the next user of the round and one whose data changed recently."""
        views = registered(connection, self.views)
        if not views:
            return None
        turn = next(self._turns)
        view = views[turn % len(views)]
        try:
            recent = recent_user(connection, view) if turn // len(views) % 2 else None
            user = recent or self._next_of_round(connection, view)
        except psycopg.Error as error:
            if connection.broken:
                raise
            self._failed(connection, view, self._of(connection, view), error.sqlstate)
            return None
        return None if user is None else self.visit(connection, view, user)

    def visit(self, connection: Connection, view: MaintainedView, user: str) -> Visit:
        """Compare one user's reads of one view, and handle a violation.

        :raises psycopg.Error: the connection is lost.
        """
        progress = self._of(connection, view)
        try:
            compared = compare(connection, view, user)
        except psycopg.Error as error:
            if connection.broken:
                raise
            self._failed(connection, view, progress, error.sqlstate)
            return Visit(view.name, user, None)
        if progress.may_be_alarmed and not self._read_only:
            clear_alarms(connection, AUDIT_FAILING, [view.name])
        progress.failures, progress.may_be_alarmed = 0, False
        if compared is not None and compared.from_tiers:
            progress.checks += 1
            self._on_check(view.name, compared.differences > 0)
            if compared.differences:
                self._violated(connection, view, user, progress, compared.differences)
        return Visit(view.name, user, compared)

    def save(self, connection: Connection) -> None:
        """Save the counts and the positions of the rounds."""
        for name, progress in self._progress.items():
            if progress.checks and not self._read_only:
                totals = (progress.checks, progress.violations, progress.rounds)
                connection.execute(SAVE, (name, *totals, progress.after_user))
                progress.checks = progress.violations = progress.rounds = 0

    def _of(self, connection: Connection, view: MaintainedView) -> _Progress:
        if view.name not in self._progress:
            row = connection.execute(CURSOR, (view.name,)).fetchone()
            self._progress[view.name] = _Progress(row[0] if row else None)
        return self._progress[view.name]

    def _next_of_round(self, connection: Connection, view: MaintainedView) -> str | None:
        progress = self._of(connection, view)
        user = next_user(connection, view, progress.after_user)
        if user is None and progress.after_user is not None:
            progress.rounds += 1
            user = next_user(connection, view, None)
        progress.after_user = user
        return user

    def _violated(
        self, connection: Connection, view: MaintainedView, user: str, progress: _Progress, differences: int
    ) -> None:
        progress.violations += 1
        progress.violators.add(user)
        log.error("exactness_violated", view=view.name, differences=differences)
        if self._read_only:
            return
        every_key = len(progress.violators) >= USERS_TO_MARK_ALL and time.monotonic() >= progress.may_mark_all_at
        with connection.transaction():
            if every_key:
                mark_every_key(connection, view.sources)
            else:
                mark_user(connection, view.sources, user)
            detail = f"a user's read differed from its recomputation in {differences} rows and sums; marked stale"
            raise_alarm(connection, EXACTNESS, view.name, detail)
        if every_key:
            progress.violators.clear()
            progress.may_mark_all_at = time.monotonic() + MARK_ALL_SECONDS
        self.save(connection)

    def _failed(self, connection: Connection, view: MaintainedView, progress: _Progress, sqlstate: str | None) -> None:
        progress.failures += 1
        progress.may_be_alarmed = True
        log.warning("audit_failed", view=view.name, sqlstate=sqlstate)
        if progress.failures >= FAILURES_TO_ALARM and not self._read_only:
            detail = f"failed: {sqlstate}, {progress.failures} times in a row"
            raise_alarm(connection, AUDIT_FAILING, view.name, detail)
