"""Counters that many threads may raise at once.

Invariant: no count is lost; a storm of one event is logged a logarithmic number of times.
"""

import threading
from collections import Counter


class EventCounter:
    """How often each event happened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, event: str) -> bool:
        """Count ``event``; return whether it is worth a line: its 1st, 2nd, 4th, 8th … time."""
        with self._lock:
            self._counts[event] += 1
            count = self._counts[event]
        return count & (count - 1) == 0

    def __getitem__(self, event: str) -> int:
        return self._counts[event]
