"""What this process answered of late: counts of each ten seconds of the last quarter of an hour.

Invariant: a request costs nothing here; every look takes the difference of counters that are kept anyway, and no
answer is lost or counted twice. After a step of the clock, counts of times to come are forgotten.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

BUCKET_SECONDS = 10
KEPT_SECONDS = 900
COUNTED = ("cache", "materialized_view", "database", "stale", "patched", "requests")


class History:
    """The counts of one process; looked at each second or so, by any thread.

    :param wall: Unix time; buckets begin at its multiples of ten seconds.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall, self._lock = wall, threading.Lock()
        self._seen = Counter[str]()
        self._buckets: dict[int, Counter[str]] = {}

    def look(self, counters: Mapping[str, int]) -> None:
        """Count what ``counters``, which only rise, have risen by since the last look."""
        with self._lock:
            now = int(self._wall())
            # two threads may come here in another order than they read the counters
            risen = {name: value - self._seen[name] for name, value in counters.items() if value > self._seen[name]}
            self._seen.update(risen)
            if risen:
                self._buckets.setdefault(now - now % BUCKET_SECONDS, Counter()).update(risen)
            self._buckets = {at: counts for at, counts in self._buckets.items() if now - KEPT_SECONDS < at <= now}

    def statistics(self) -> dict[str, Any]:
        """Return the buckets as plain values: when each began, and a count for each of ``columns``; empty ones are
        left out. ``at``: this process's clock.
        """
        with self._lock:
            buckets = [[at, *(counts[name] for name in COUNTED)] for at, counts in sorted(self._buckets.items())]
        return {"at": self._wall(), "columns": list(COUNTED), "buckets": buckets}


def counters_of(statistics: Mapping[str, Any]) -> dict[str, int]:
    """Return what a process has counted since it started, by the names in :data:`COUNTED`."""
    reads = statistics["reads"]
    computed = {name: reads.get(name, 0) for name in ("materialized_view", "database", "stale", "patched")}
    hits = sum(region["hits"] for region in statistics["cache"]["regions"].values())
    requests = sum(sum(series["counts"]) for series in statistics["latency"]["series"])
    return computed | {"cache": hits, "requests": requests}
