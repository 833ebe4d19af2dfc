"""A thread that does a piece of work every so often.

Invariant: whatever the work raises is counted, told a logarithmic number of times, and tried again; the thread ends
when it is asked to, and with the main thread, which one that is no daemon would keep from ending the process.
"""

import threading
import time
from collections.abc import Callable

import structlog

from refresher.tally import Tally

LONGEST_WAIT_SECONDS = 0.5  # so that the thread sees soon that the process ends


class Periodic:
    """Calls ``work`` every ``seconds``, at once the first time; :meth:`start` and :meth:`stop` once each.

    :param work: does what is due; looks at :attr:`stopping` between two pieces of longer work.
    :param last: called once in the thread when it ends in order.
    :param tally: where failures are counted, as ``failures``.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        work: Callable[[], object],
        *,
        last: Callable[[], object] = lambda: None,
        tally: Tally | None = None,
    ) -> None:
        self._name, self._seconds = name, seconds
        self._work, self._last = work, last
        self._tally = tally or Tally()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"frontview-{name}")

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
            if self._tally.add("failures"):
                times = self._tally["failures"]
                structlog.get_logger(__name__).warning(f"{self._name}_failed", error=type(error).__name__, times=times)

    def _wait(self) -> None:
        due = time.monotonic() + self._seconds
        while not self.stopping and (remaining := due - time.monotonic()) > 0:
            self._stopping.wait(min(remaining, LONGEST_WAIT_SECONDS))
