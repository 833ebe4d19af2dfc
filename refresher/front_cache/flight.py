"""Single flight: of one thing, one computation at a time in this process; the others wait for it.

Invariant: a flight that was entered is landed, whatever happens to its owner, and landing frees all who wait.
Whether the outcome is good enough is for those who waited to decide: they know when they arrived.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")
R = TypeVar("R")


class Flight(Generic[S, R]):
    """One running computation: ``subject`` is what its owner began, ``outcome`` stays None when it failed."""

    __slots__ = ("_landed", "outcome", "subject")

    def __init__(self, subject: S) -> None:
        self.subject = subject
        self.outcome: R | None = None
        self._landed = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Return whether it landed within that time."""
        return self._landed.wait(max(0.0, seconds))

    def land(self, outcome: R | None) -> None:
        """End it and free those who wait."""
        self.outcome = outcome
        self._landed.set()


class SingleFlight(Generic[K, S, R]):
    """The running flights by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[K, Flight[S, R]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def enter(
        self, key: K, begin: Callable[[], S], *, instead_of: Flight[S, R] | None = None
    ) -> tuple[Flight[S, R], bool]:
        """Return the flight of ``key`` and whether the caller owns it, who then must land it.

        :param begin: makes the subject of a new flight; called under the lock, before anybody can see it.
        :param instead_of: a running flight that is not good enough to wait for; it goes on, but later ones do not
            find it.
        """
        with self._lock:
            running = self._flights.get(key)
            if running is not None and running is not instead_of:
                return running, False
            flight: Flight[S, R] = Flight(begin())
            self._flights[key] = flight
            return flight, True

    def land(self, key: K, flight: Flight[S, R], outcome: R | None) -> None:
        """End ``flight`` of ``key``; the next to enter begins a new one."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
        flight.land(outcome)
