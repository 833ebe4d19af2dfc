"""Threads that work periodically: :class:`Periodic`, and :class:`Background` for work in the database.

Invariant: an exception of the work is counted and logged (a logarithmic number of times), and the work is tried again.
A thread ends when it is asked to, and when the main thread has ended: it is no daemon, so it would keep the process
alive. Where the work waits for a database that does not answer, :meth:`Background.stop` cuts its connection, within
about a second.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.pool import QueuePool

from models.deadlines import Deadlines
from models.event_counter import EventCounter

LONGEST_WAIT_SECONDS = 0.5  # A waiting thread checks this often whether the process is ending.
END_SECONDS = 0.5  # How long stop() waits for the work to end by itself before it cuts its connection.
CUT_SECONDS = 0.5  # How long stop() waits afterwards for the work to notice that its connection was cut.


class Periodic:
    """Calls ``work`` immediately and then every ``seconds``; call :meth:`start` and :meth:`stop` once each.

    :param work: does what is due; long work checks :attr:`stopping` between its parts.
    :param last: called once in the thread when it ends normally.
    :param counter: counts exceptions of the work under ``failures``.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        work: Callable[[], object],
        *,
        last: Callable[[], object] = lambda: None,
        counter: EventCounter | None = None,
    ) -> None:
        self._name, self._seconds = name, seconds
        self._work, self._last = work, last
        self._counter = counter or EventCounter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"frontview-{name}")

    @property
    def stopping(self) -> bool:
        """Whether the work should end."""
        return self._stopping.is_set() or not threading.main_thread().is_alive()

    def start(self) -> None:
        """Start the thread; call this once."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask the thread to end without waiting for it, so that several threads can end at the same time."""
        self._stopping.set()

    def stop(self, seconds: float = 2.0) -> bool:
        """End the thread; return whether it ended in time."""
        self.ask_to_stop()
        if self._thread.ident is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # --- in the thread

    def _run(self) -> None:
        while not self.stopping:
            self._do(self._work)
            self._wait()
        self._do(self._last)

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            if self._counter.add("failures"):
                times = self._counter["failures"]
                structlog.get_logger(__name__).warning(f"{self._name}_failed", error=type(error).__name__, times=times)

    def _wait(self) -> None:
        due = time.monotonic() + self._seconds
        while not self.stopping and (remaining := due - time.monotonic()) > 0:
            self._stopping.wait(min(remaining, LONGEST_WAIT_SECONDS))


class Background(Periodic):
    """A :class:`Periodic` whose work uses the database.

    :param engine: provides the connections that ``work`` uses, which ``deadlines`` watches.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        work: Callable[[], object],
        *,
        engine: Engine,
        deadlines: Deadlines,
        counter: EventCounter | None = None,
        last: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name, seconds, work, last=last, counter=counter)
        self._deadlines = deadlines
        self._connection: Any = None
        event.listen(engine, "checkout", self._checked_out)
        event.listen(engine, "checkin", self._checked_in)

    def stop(self, seconds: float = END_SECONDS) -> bool:
        """End the thread even if it waits for the database; return whether it ended in time."""
        if super().stop(seconds):
            return True
        if (connection := self._connection) is not None:
            self._deadlines.cut(connection)
            self._thread.join(CUT_SECONDS)
        return not self._thread.is_alive()

    # --- in the thread

    def _checked_out(self, connection: Any, *_: object) -> None:
        if threading.current_thread() is self._thread:
            self._connection = connection

    def _checked_in(self, connection: Any, *_: object) -> None:
        if self._connection is connection:
            self._connection = None


def has_free_connection(engine: Engine) -> bool:
    """Return whether the pool has a free connection; work that can be done later does not queue for one."""
    pool = engine.pool
    return not isinstance(pool, QueuePool) or pool.checkedout() < pool.size()
