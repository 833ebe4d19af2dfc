"""Notices when the wall clock is set: APScheduler, which times jobs by it, would wait until it catches up."""

import time
from collections.abc import Callable

STEP_SECONDS = 1.0


class WallClock:
    """The wall clock, compared with the monotonic one from one call to the next."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._ahead = wall() - monotonic()

    def was_set(self) -> bool:
        """Return whether it was set, either way, since the last call."""
        before, self._ahead = self._ahead, self._wall() - self._monotonic()
        return abs(self._ahead - before) > STEP_SECONDS
