"""A thread of a web worker that does a piece of work every so often, on connections of the worker's pool.

Invariant: it disturbs nobody: whatever the work raises is counted and tried again; :meth:`Background.stop` ends it
within about a second even where the database says nothing; and it ends with the main thread.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.pool import QueuePool

from models.deadlines import Deadlines
from refresher.tally import Tally

LONGEST_WAIT_SECONDS = 0.5  # so that the thread sees soon that the process ends
KIND_SECONDS = 0.5  # for the work to end by itself
CUT_SECONDS = 0.5  # for it to see that its connection was cut


class Background:
    """Calls ``work`` every ``seconds`` from a thread of its own.

    :param work: does what is due; looks at :attr:`stopping` between two pieces of longer work.
    :param last: called once in the thread when it ends in order.
    :param tally: where failures are counted, as ``failures``.
    :param engine: whose connections ``work`` uses, watched by ``deadlines``.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        work: Callable[[], None],
        *,
        engine: Engine,
        deadlines: Deadlines,
        tally: Tally,
        last: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._seconds = name, seconds
        self._work, self._last = work, last
        self._deadlines, self._tally = deadlines, tally
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"frontview-{name}")
        self._connection: Any = None
        event.listen(engine, "checkout", self._checked_out)
        event.listen(engine, "checkin", self._checked_in)

    @property
    def stopping(self) -> bool:
        """Whether the work is to end."""
        return self._stopping.is_set() or not threading.main_thread().is_alive()

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin to stop; several can end at the same time."""
        self._stopping.set()

    def stop(self) -> bool:
        """End the thread, whatever it waits for in the database; return whether it ended in time."""
        self.ask_to_stop()
        if self._thread.ident is None:
            return True
        self._thread.join(KIND_SECONDS)
        if self._thread.is_alive() and (connection := self._connection) is not None:
            self._deadlines.cut(connection)
            self._thread.join(CUT_SECONDS)
        return not self._thread.is_alive()

    # --- in the thread

    def _run(self) -> None:
        while not self.stopping:
            self._do(self._work)
            self._wait()
        self._do(self._last)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            if self._tally.add("failures"):
                times = self._tally["failures"]
                structlog.get_logger(__name__).warning(f"{self._name}_failed", error=type(error).__name__, times=times)

    def _wait(self) -> None:
        due = time.monotonic() + self._seconds
        while not self.stopping and (remaining := due - time.monotonic()) > 0:
            self._stopping.wait(min(remaining, LONGEST_WAIT_SECONDS))

    def _checked_out(self, connection: Any, *_: object) -> None:
        if threading.current_thread() is self._thread:
            self._connection = connection

    def _checked_in(self, connection: Any, *_: object) -> None:
        if self._connection is connection:
            self._connection = None


def has_free_connection(engine: Engine) -> bool:
    """Return whether a connection of the pool could be had at once: who may wait for later does not queue for one."""
    pool = engine.pool
    return not isinstance(pool, QueuePool) or pool.checkedout() < pool.size()
