"""Exponential backoff with full jitter, so that many clients do not try again at the same time.

Invariant: a delay is at least ``floor_seconds`` and at most ``cap_seconds``.
"""

import random
from collections.abc import Callable


class Backoff:
    """Delays drawn between 0 and a limit that doubles with each attempt, from ``base_seconds`` to ``cap_seconds``."""

    def __init__(
        self,
        base_seconds: float = 0.1,
        cap_seconds: float = 5.0,
        *,
        floor_seconds: float = 0.02,
        uniform: Callable[[float, float], float] | None = None,
    ) -> None:
        self._base, self._cap, self._floor = base_seconds, cap_seconds, floor_seconds
        self._uniform = uniform or random.SystemRandom().uniform
        self._attempts = 0

    def delay(self) -> float:
        """Return the seconds to wait before the next attempt."""
        ceiling: float = min(self._cap, self._base * 2.0 ** min(self._attempts, 32))
        self._attempts += 1
        return max(self._floor, self._uniform(0.0, ceiling))

    def reset(self) -> None:
        """Begin again with the shortest limit, after a success."""
        self._attempts = 0
