"""How long writes took to be seen, and where that time went, from writes and the answers of connections.

Times are monotonic seconds of this machine, the same in every process of it.

Invariant: a write counts on a connection only if the last answer there before it was sent came from the cache: a cache
that was empty computes its answer after the commit and would look fresh without having learnt about the change.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Write(NamedTuple):
    """One write: how many calls the user has with it, when it was sent and when its commit had returned."""

    user: int
    calls: int
    sent: float
    committed: float


class Shown(NamedTuple):
    """One answer: all-time calls, times of request and answer, whether cached, and when computed (Unix seconds)."""

    user: int
    calls: int
    asked: float
    answered: float
    cached: bool
    computed: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """One write, as one connection saw it."""

    write: Write
    shown: Shown

    @property
    def milliseconds(self) -> float:
        """From the return of the commit to the answer's arrival."""
        return 1000 * max(0.0, self.shown.answered - self.write.committed)


def sightings(writes: Sequence[Write], notes: Sequence[Sequence[Shown]]) -> tuple[list[Sighting], int]:
    """Return each write as each connection of its user saw it, and how many were left out as not cached before.

    :raises RuntimeError: a connection never saw one.
    """
    found: list[Sighting] = []
    left_out = 0
    for shown in notes:
        for write in writes:
            if not shown or write.user != shown[0].user:
                continue
            before = bisect_left(shown, write.sent, key=lambda it: it.answered) - 1
            if before < 0 or not shown[before].cached:
                left_out += 1
                continue
            found.append(Sighting(write, _first_with(write, shown[before + 1 :])))
    return found, left_out


def _first_with(write: Write, shown: Sequence[Shown]) -> Shown:
    for it in shown:
        if it.calls >= write.calls:
            return it
    raise RuntimeError("a write was never shown")


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time of one sighting went, in milliseconds; the parts add up to the whole.

    :param waits: from the commit until the drain that finds it begins.
    :param drains: until its wake-up has arrived at a listener.
    :param follows: until the answer that shows it begins to be computed: feed read, entries dropped, a request arrives.
    :param computes: until that answer has arrived.
    """

    waits: float
    drains: float
    follows: float
    computes: float


def stages(
    sighting: Sighting, drains: Sequence[tuple[int, float]], wake_ups: Sequence[float], wall_minus_monotonic: float
) -> Stages | None:
    """Return where the time of a sighting went, or None where that cannot be known.

    :param drains: user and start of each drain that concerned the user, the earliest first; :param wake_ups: arrivals.
    """
    write, shown = sighting.write, sighting.shown
    began = next((at for user, at in drains if user == write.user and at >= write.sent), None)
    woken = None if began is None else next((at for at in wake_ups if at >= began), None)
    computed = shown.computed - wall_minus_monotonic
    if began is None or woken is None or computed < write.sent:
        return None
    points = (write.committed, began, woken, computed, shown.answered)
    waits, drained, follows, computes = (1000 * (b - a) for a, b in pairwise(points))
    return Stages(waits, drained, follows, computes)
