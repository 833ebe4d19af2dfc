"""The leader's inspection: coverage, notification queue and audit, beside the drain and the refreshes.

Invariant: runs only while this process leads, on a connection of its own, so that a long refresh cannot keep it from
looking; all intervals are monotonic. What failed is tried again at the next tick.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import structlog

from models.allowance import Allowance
from models.connection import Connection
from models.deadlines import Deadlines
from refresher.leader.alarms import count_alarms
from refresher.leader.drain import Drain
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from refresher.refreshing.leader_notes import LeaderNotes
from refresher.watch.audit import Audit
from refresher.watch.coverage import check_coverage, check_queue
from refresher.watch.metrics import Metrics
from refresher.watch.sample import take_sample
from views_sql.maintained_view import Catalog

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 10.0
SAVE_SECONDS = 10.0
SAMPLE_SECONDS = 5.0


@contextmanager
def _alone(connection: Connection, part: str) -> Iterator[None]:
    """Let one part fail without the others, unless the connection is lost."""
    try:
        yield
    except psycopg.Error as error:
        if connection.broken:
            raise
        log.warning("inspection_failed", part=part, sqlstate=error.sqlstate)


class Inspection:
    """One job of the scheduler, called each second.

    :param coverage_seconds: between two checks of the capture.
    :param audit_duty: share of one core for the audit; 0: no audit.
    :param deadlines: and ``still_works``: as for :class:`refresher.leader.drain.Drain`.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        drain: Drain,
        catalog: Catalog,
        metrics: Metrics,
        *,
        coverage_seconds: float,
        audit_duty: float,
        deadlines: Deadlines,
        still_works: Callable[[Connection], bool] = lambda _: True,
    ) -> None:
        self._session = LeaderSession("inspection", connect, drain, deadlines, still_works)
        self._drain, self._metrics = drain, metrics
        self._coverage_seconds = coverage_seconds
        self._audit = Audit(catalog.views, on_check=metrics.checked)
        self._notes = LeaderNotes()
        self._allowance = Allowance(audit_duty, time.monotonic())
        self._epoch = self._sampled_epoch = 0
        self._coverage_at = self._queue_at = self._save_at = self._sample_at = 0.0

    def tick(self) -> None:
        """Do what is due, if this process leads."""
        if not self._session.run(self._inspect):
            self._metrics.leading(None)

    def stop(self) -> None:
        """Cancel what is running; nothing new begins."""
        self._session.stop()

    def _inspect(self, connection: Connection, term: Term) -> None:
        now = time.monotonic()
        if term.epoch != self._epoch or now >= self._coverage_at:
            with _alone(connection, "coverage"):
                check_coverage(connection)
                self._epoch, self._coverage_at = term.epoch, now + self._coverage_seconds
        if now >= self._queue_at:
            with _alone(connection, "notification_queue"):
                check_queue(connection)
                self._queue_at = now + QUEUE_SECONDS
        with _alone(connection, "audit"):
            self._go_on_auditing(connection, term, now)
        self._metrics.leading(count_alarms(connection), term.epoch)
        if term.epoch != self._sampled_epoch or now >= self._sample_at:
            with _alone(connection, "sample"):
                self._metrics.sampled(take_sample(connection))
                self._notes.refreshers(connection, term.epoch)
                self._sampled_epoch, self._sample_at = term.epoch, now + SAMPLE_SECONDS

    def _go_on_auditing(self, connection: Connection, term: Term, now: float) -> None:
        self._allowance.grant(now)
        while self._allowance.seconds > 0 and not self._session.stopping and self._drain.term is term:
            begun = time.monotonic()
            try:
                visit = self._audit.visit_next(connection)
            finally:
                self._allowance.spend(time.monotonic() - begun)
            if visit is None:
                break
        if now >= self._save_at:
            self._audit.save(connection)
            self._save_at = now + SAVE_SECONDS
