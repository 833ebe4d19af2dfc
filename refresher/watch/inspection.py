"""The leader's inspection: checks of coverage and notification queue, the audit, and the sample for the metrics.

Invariant: it runs only while this process leads, on a connection of its own, so that a long refresh does not delay
it; all intervals are monotonic. A check that failed is repeated at the next tick.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import structlog

from models.allowance import Allowance
from models.connection import Connection
from refresher.leader.alarms import count_alarms
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from refresher.refreshing.leader_notes import LeaderNotes
from refresher.watch.audit import Audit
from refresher.watch.coverage import adopt_partitions, check_coverage, check_queue, check_sealed_days
from refresher.watch.metrics import Metrics
from refresher.watch.sample import take_sample
from views_sql.declaration.maintained_view import Catalog

log = structlog.get_logger(__name__)

QUEUE_SECONDS = 10.0  # How often the notification queue is checked.
SAVE_SECONDS = 10.0  # How often the audit's progress is saved.
SAMPLE_SECONDS = 5.0  # How often the sample is taken.


@contextmanager
def _isolated(connection: Connection, part: str) -> Iterator[None]:
    """Log a failure of one part and continue with the others, unless the connection is lost."""
    try:
        yield
    except psycopg.Error as error:
        if connection.broken:
            raise
        log.warning("inspection_failed", part=part, sqlstate=error.sqlstate)


class Inspection:
    """One job of the scheduler, called each second.

    :param coverage_seconds: time between two checks of the capture.
    :param audit_duty: share of one core for the audit; 0: no audit.
    """

    def __init__(
        self,
        session: LeaderSession,
        catalog: Catalog,
        metrics: Metrics,
        *,
        coverage_seconds: float,
        audit_duty: float,
    ) -> None:
        self._session, self._metrics = session, metrics
        self._coverage_seconds = coverage_seconds
        self._audit = Audit(catalog.views, on_check=metrics.checked)
        self._notes = LeaderNotes()
        self._allowance = Allowance(audit_duty, time.monotonic())
        self._epoch = self._sampled_epoch = 0
        self._coverage_at = self._queue_at = self._save_at = self._sample_at = 0.0

    def use(self, catalog: Catalog) -> None:
        """From the next tick on, audit the views of another catalog."""
        self._audit.views = catalog.views

    def tick(self) -> None:
        """Run the parts that are due, if this process leads."""
        if not self._session.run(self._inspect):
            self._metrics.leading(None)

    def _inspect(self, connection: Connection, term: Term) -> None:
        now = time.monotonic()
        if term.epoch != self._epoch or now >= self._coverage_at:
            with _isolated(connection, "adoption"):
                adopt_partitions(connection)
            with _isolated(connection, "coverage"):
                check_coverage(connection)
                self._epoch, self._coverage_at = term.epoch, now + self._coverage_seconds
        if now >= self._queue_at:
            with _isolated(connection, "notification_queue"):
                check_queue(connection)
                self._queue_at = now + QUEUE_SECONDS
            with _isolated(connection, "sealed_days"):
                check_sealed_days(connection)
        with _isolated(connection, "audit"):
            self._go_on_auditing(connection, term, now)
        self._metrics.leading(count_alarms(connection), term.epoch)
        if term.epoch != self._sampled_epoch or now >= self._sample_at:
            with _isolated(connection, "sample"):
                self._metrics.sampled(take_sample(connection))
                self._notes.refreshers(connection, term.epoch)
                self._sampled_epoch, self._sample_at = term.epoch, now + SAMPLE_SECONDS

    def _go_on_auditing(self, connection: Connection, term: Term, now: float) -> None:
        self._allowance.grant(now)
        while self._allowance.seconds > 0 and self._session.goes_on(term):
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
