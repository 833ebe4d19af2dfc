"""Counters of events that many threads count at the same time.

Invariant: no count is lost, and an event is logged ever more rarely: at its 1st, 2nd, 4th, 8th … time.
"""

import threading
from collections import Counter


class EventCounter:
    """Counts how often each event happened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, event: str) -> bool:
        """Count ``event``; return whether to log it this time."""
        with self._lock:
            self._counts[event] += 1
            count = self._counts[event]
        return count & (count - 1) == 0

    def __getitem__(self, event: str) -> int:
        return self._counts[event]
