"""The signals that ask this process to end, told to a thread of ours as soon as they come.

A server ends when its requests have, and a stream of events would take minutes; it does not tell the application.
Invariant: nothing is done inside a handler, and in no process that has one is it replaced; what a child inherits at its
fork is none of its own.
"""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
_NOBODY = -1


def on_termination(tell: Callable[[], None]) -> None:
    """Have ``tell`` called, in a thread of its own, at each signal that asks the process to end.

    Only from the main thread of a process that will not fork any more. Python itself writes the number of each signal
    that has a handler into our pipe; where somebody had put one of theirs there, they go on to that.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    others = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    arguments = (reading, others, tell)
    threading.Thread(target=_listen, args=arguments, name="frontview-signals", daemon=True).start()


def end_children_that_start() -> None:
    """Have each process forked from here on end at :data:`ENDING` until it has handlers of its own.

    It would inherit ours, which tell nobody but us: a signal that comes while it starts would be lost, and waited for.
    One that comes amid the fork waits until the child is ready for it.
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
        if others != _NOBODY:
            with suppress(OSError):
                os.write(others, numbers)
        if ENDING.intersection(numbers):
            tell()
