"""Tasks that run one at a time and stop at named places, so that a schedule is a list of decisions.

Invariant: at any moment one thread runs, the machine's or that of the task it resumed; which one is decided by
:meth:`Task.resume` alone. So the code under test may block as it does in production, and a schedule can be repeated.
"""

import threading
from collections.abc import Callable
from typing import Any


class Ended(BaseException):
    """Unwinds a task whose schedule is over."""


class Task:
    """A function in a thread of its own that runs only while it is resumed.

    ``place``: where it stopped; None: it is over. ``ready``: whether resuming it would get it any further.
    """

    def __init__(self, run: Callable[[], Any]) -> None:
        self.place: str | None = "start"
        self.ready: Callable[[], bool] = _always
        self.result: Any = None
        self.error: BaseException | None = None
        self.ending = False
        self._run = run
        self._thrown: BaseException | None = None
        self._baton, self._returned = threading.Lock(), threading.Lock()
        self._baton.acquire()
        self._returned.acquire()
        self._carried = False

    def resume(self, error: BaseException | None = None) -> None:
        """Run it to its next place; ``error`` is raised where it stands."""
        self._thrown = error
        _Carrier.task = self
        if self._carried:
            self._baton.release()
        else:
            self._carried = True
            (_Carrier.idle.pop() if _Carrier.idle else _Carrier()).carry(self)
        self._returned.acquire()

    def end(self) -> None:
        """Unwind it, wherever it stands."""
        if self.place is not None and self._carried:
            self.ending = True
            self.resume(Ended())

    def run_here(self) -> None:
        """Called by the carrier: all of it."""
        try:
            self.result = self._run()
        except BaseException as error:
            self.error = error
        self.place = None

    def give_back(self) -> None:
        """Let the machine go on."""
        self._returned.release()

    def stop_at(self, place: str, ready: Callable[[], bool]) -> None:
        if self.ending:
            raise Ended
        self.place, self.ready = place, ready
        self.give_back()
        self._baton.acquire()
        if self._thrown is not None:
            raise self._thrown


def pause(place: str, ready: Callable[[], bool] | None = None) -> None:
    """Stop the running task until it is resumed; raises what it is resumed with."""
    task = _Carrier.task if isinstance(threading.current_thread(), _Carrier) else None
    assert task is not None, f"{place}: outside of any task"
    task.stop_at(place, ready or _always)


def _always() -> bool:
    return True


class _Carrier(threading.Thread):
    """A thread that carries one task after another: starting one for each would be most of the time."""

    idle: "list[_Carrier]" = []  # noqa: RUF012  one pool
    task: Task | None = None  # that runs now

    def __init__(self) -> None:
        super().__init__(name="simulation", daemon=True)
        self._carried: Task | None = None
        self._wanted = threading.Lock()
        self._wanted.acquire()
        self.start()

    def carry(self, task: Task) -> None:
        self._carried = task
        self._wanted.release()

    def run(self) -> None:
        while True:
            self._wanted.acquire()
            task = self._carried
            assert task is not None
            task.run_here()
            self._carried = None
            self.idle.append(self)
            task.give_back()
