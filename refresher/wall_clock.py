"""Detects that the wall clock was set: APScheduler times jobs by it and would wait until it catches up."""

import time
from collections.abc import Callable

STEP_SECONDS = 1.0  # A smaller difference between the two clocks is no step.


class WallClock:
    """Compares the wall clock with the monotonic clock from one call to the next."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._ahead = wall() - monotonic()

    def was_set(self) -> bool:
        """Return whether the wall clock was set, forward or back, since the last call."""
        before, self._ahead = self._ahead, self._wall() - self._monotonic()
        return abs(self._ahead - before) > STEP_SECONDS
