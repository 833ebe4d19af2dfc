"""Runs a function of the application as soon as a signal asks this process to end.

A server ends only after its requests have ended, and does not inform the application; an event stream would delay it
for minutes. Invariant: nothing is done inside a signal handler, and a handler that a process has installed is not
replaced; only handlers that a child inherits at its fork are.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
_NO_DESCRIPTOR = -1


def on_termination(tell: Callable[[], None]) -> None:
    """Call ``tell`` in a separate thread at each signal that asks the process to end.

    To be called only from the main thread of a process that will not fork again. Python itself writes the number of
    each signal that has a handler into our pipe; if another wake-up descriptor was set, they are passed on to it.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    others = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    arguments = (reading, others, tell)
    threading.Thread(target=_listen, args=arguments, name="frontview-signals", daemon=True).start()


def end_children_that_start() -> None:
    """Make each process that is forked from now on end at :data:`ENDING` until it installs its own handlers.

    It would otherwise inherit our handlers, which only inform this process: a signal that arrives while the child
    starts would be lost, and this process would wait for the child. A signal during the fork is held back until then.
    """

    def end_at_once() -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        _let_through()

    os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=end_at_once)


def _hold_back() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _listen(reading: int, others: int, tell: Callable[[], None]) -> None:
    while numbers := os.read(reading, 64):
        if others != _NO_DESCRIPTOR:
            with suppress(OSError):
                os.write(others, numbers)
        if ENDING.intersection(numbers):
            tell()
