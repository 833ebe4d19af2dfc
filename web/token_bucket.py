"""How often one caller may do something: a token bucket for each, filled at a steady rate.

Invariant: whoever waits as long as they were told is let in; callers beyond the number kept only make older ones,
whose buckets are full by then or soon, begin anew.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from cachetools import LRUCache

MOST_CALLERS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class TokenBuckets:
    """Lets each caller in ``per_minute`` times a minute, and as often at once.

    :param monotonic: seconds that never go back.
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float], most_callers: int = MOST_CALLERS) -> None:
        self._most, self._per_second = float(per_minute), per_minute / 60
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: LRUCache[Hashable, _Bucket] = LRUCache(most_callers)

    def take(self, caller: Hashable) -> float:
        """Take one token of ``caller``'s; return 0.0, or the seconds until there is one when there is none."""
        with self._lock:
            now = self._monotonic()
            bucket = self._buckets.get(caller) or _Bucket(self._most, now)
            bucket.tokens = min(self._most, bucket.tokens + (now - bucket.filled_at) * self._per_second)
            bucket.filled_at = now
            self._buckets[caller] = bucket
            if bucket.tokens < 1:
                return (1 - bucket.tokens) / self._per_second
            bucket.tokens -= 1
            return 0.0
