"""The thread that reports what this process counts: one row of ``frontview.worker``, replaced every few seconds.

Invariant: a report that fails is counted, logged, and disturbs nothing else; the next one holds everything again.
"""

import os
import socket
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy import Engine

from models.deadlines import Deadlines
from models.event_counter import EventCounter
from web.background import Background
from web.telemetry.worker_statistics import WorkerReport

REPORT_SECONDS = 5.0

_REPORT = "SELECT frontview.report_worker(%s, %s, %s, to_timestamp(%s), %s::jsonb)"


class WorkerReports:
    """Reports this process from :attr:`thread`.

    :param engine: each report uses one of its connections for a moment; a connection of its own would cost one more in
        every worker.
    :param report: returns what this process counts.
    :param started_at: when the process started, as Unix time.
    :param deadlines: those of the worker.
    """

    def __init__(
        self,
        engine: Engine,
        report: Callable[[], WorkerReport],
        started_at: float,
        *,
        deadlines: Deadlines | None = None,
        every_seconds: float = REPORT_SECONDS,
    ) -> None:
        self.worker_id = uuid.uuid4()
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._report, self._started_at = report, started_at
        self._counter = EventCounter()
        self.thread = Background("report", every_seconds, self.send, engine=engine, deadlines=deadlines or Deadlines())

    def send(self) -> bool:
        """Report now; return whether that worked."""
        try:
            values = (self.worker_id, socket.gethostname(), os.getpid(), self._started_at, self._report().as_json())
            with self._engine.connect() as connection:
                connection.exec_driver_sql(_REPORT, values)
        except Exception as error:  # No database, one that is not migrated yet, or a defect in what is counted.
            self._note(error)
            return False
        return True

    def _note(self, error: Exception) -> None:
        if self._counter.add("failed"):
            orig = getattr(error, "orig", error)
            structlog.get_logger(__name__).warning(
                "report_failed",
                error=type(orig).__name__,
                sqlstate=getattr(orig, "sqlstate", None),
                times=self._counter["failed"],
            )
