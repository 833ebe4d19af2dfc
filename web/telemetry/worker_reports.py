"""A web process reports itself: every few seconds one row of ``frontview.worker``, from a thread of its own.

Invariant: a report that fails is counted and logged, and disturbs nothing else; the next one holds everything again.
"""

import json
import os
import socket
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Engine

from models.deadlines import Deadlines
from models.event_counter import EventCounter
from web.background import Background

REPORT_SECONDS = 5.0

_REPORT = "SELECT frontview.report_worker(%s, %s, %s, to_timestamp(%s), %s::jsonb)"


class WorkerReports:
    """Reports ``statistics`` from :attr:`thread`.

    :param engine: a connection of it is used for a moment, once a report: one of its own would cost every worker one.
    :param statistics: plain values, as JSON can hold them.
    :param started_at: of the process, Unix time.
    :param deadlines: of the worker.
    """

    def __init__(
        self,
        engine: Engine,
        statistics: Callable[[], dict[str, Any]],
        started_at: float,
        *,
        deadlines: Deadlines | None = None,
        every_seconds: float = REPORT_SECONDS,
    ) -> None:
        self.worker_id = uuid.uuid4()
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._statistics, self._started_at = statistics, started_at
        self._counter = EventCounter()
        self.thread = Background(
            "report", every_seconds, self.report, engine=engine, deadlines=deadlines or Deadlines()
        )

    def report(self) -> bool:
        """Report now; return whether that worked."""
        try:
            text = json.dumps(self._statistics(), allow_nan=False)
            values = (self.worker_id, socket.gethostname(), os.getpid(), self._started_at, text)
            with self._engine.connect() as connection:
                connection.exec_driver_sql(_REPORT, values)
        except Exception as error:  # no database, one that is not migrated yet, or a defect in what is counted
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
