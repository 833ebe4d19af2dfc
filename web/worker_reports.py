"""A web process reports itself: every few seconds one row of ``frontview.worker``, from a thread of its own.

Invariant: a report that fails is counted and logged, and disturbs nothing else; the next one holds everything again.
"""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Engine

from refresher.tally import Tally

REPORT_SECONDS = 5.0
# The longest nap, so that the thread sees soon that the process ends.
LONGEST_WAIT_SECONDS = 0.5

_REPORT = "SELECT frontview.report_worker(%s, %s, %s, to_timestamp(%s), %s::jsonb)"


class WorkerReports:
    """Reports ``statistics`` until :meth:`stop`, or until the main thread has ended.

    :param engine: a connection of it is used for a moment, once a report: one of its own would cost every worker one.
    :param statistics: plain values, as JSON can hold them.
    :param started_at: of the process, Unix time.
    """

    def __init__(
        self,
        engine: Engine,
        statistics: Callable[[], dict[str, Any]],
        started_at: float,
        *,
        every_seconds: float = REPORT_SECONDS,
    ) -> None:
        self.worker_id = uuid.uuid4()
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._statistics, self._started_at, self._every_seconds = statistics, started_at, every_seconds
        self._tally = Tally()
        self._stopping = threading.Event()
        # a report that hangs in a dead database must not keep the process
        self._thread = threading.Thread(target=self._run, name="frontview-report", daemon=True)

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 1.0) -> None:
        """End the thread; a report on its way is waited for that long."""
        self._stopping.set()
        self._thread.join(timeout_seconds)

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

    def _run(self) -> None:
        while self._goes_on():
            self.report()
            due = time.monotonic() + self._every_seconds
            while self._goes_on() and (remaining := due - time.monotonic()) > 0:
                self._stopping.wait(min(remaining, LONGEST_WAIT_SECONDS))

    def _goes_on(self) -> bool:
        return not self._stopping.is_set() and threading.main_thread().is_alive()

    def _note(self, error: Exception) -> None:
        if self._tally.add("failed"):
            orig = getattr(error, "orig", error)
            structlog.get_logger(__name__).warning(
                "report_failed",
                error=type(orig).__name__,
                sqlstate=getattr(orig, "sqlstate", None),
                times=self._tally["failed"],
            )
