"""Admission to the slow path: while nothing comes back from the database, no more requests may wait for it.

Invariant: at most ``capacity`` of the requests that miss are inside. ``frontview serve`` has more threads than that, so
hits, health checks and refusals are answered even while every connection hangs.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.errors import DatabaseUnavailable
from web.reads.statistics import AdmissionStatistics

STALLED_SECONDS = 1.0  # After so long without anybody entering or leaving, requests are refused at once.
WAIT_SECONDS = 1.0  # How long a request waits for a place.


class Admission:
    """Counts the requests that compute, or wait for another request's computation.

    :param capacity: how many may be inside at once.
    :param changed: told when a place becomes free.
    """

    def __init__(
        self,
        capacity: int,
        monotonic: Callable[[], float] = time.monotonic,
        changed: threading.Condition | None = None,
    ) -> None:
        self._capacity = self._free = capacity
        self._waiting = self._refused = 0
        self._monotonic = monotonic
        self._changed = changed or threading.Condition()
        self._moved_at = monotonic()  # When somebody last entered or left.

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a place inside.

        :raises DatabaseUnavailable: there is none; at once if none was given back for a while.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def spare_slot(self) -> Iterator[bool]:
        """Hold a place inside if more than half are free and nobody waits; yield whether one is held."""
        with self._changed:
            plenty = 2 * self._free > self._capacity and not self._waiting
            if plenty:
                self._take()
        try:
            yield plenty
        finally:
            if plenty:
                self._leave()

    @property
    def waiting(self) -> int:
        """How many requests wait for a place."""
        return self._waiting

    def statistics(self) -> AdmissionStatistics:
        """Return how many may be inside, are inside, and were turned away."""
        with self._changed:
            return AdmissionStatistics(self._capacity, self._capacity - self._free, self._refused)

    def _enter(self) -> None:
        with self._changed:
            if self._free == 0 and self._monotonic() - self._moved_at < STALLED_SECONDS:
                self._wait()
            if self._free == 0:
                self._refused += 1
                raise DatabaseUnavailable("Too many requests wait for the database already.")
            self._take()

    def _wait(self) -> None:
        self._waiting += 1
        try:
            self._changed.wait_for(lambda: self._free > 0, WAIT_SECONDS)
        finally:
            self._waiting -= 1

    def _take(self) -> None:
        self._free -= 1
        self._moved_at = self._monotonic()

    def _leave(self) -> None:
        with self._changed:
            self._free += 1
            self._moved_at = self._monotonic()
            self._changed.notify()
