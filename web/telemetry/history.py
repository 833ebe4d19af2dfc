"""What this process answered in each ten seconds of the last quarter of an hour.

Invariant: a request costs nothing here, because only counters that are kept anyway are compared from time to time, and
no answer is lost or counted twice. When the clock was set back, buckets that would lie in the future are dropped.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from web.telemetry.worker_statistics import HistoryStatistics, WorkerStatistics

BUCKET_SECONDS = 10
KEPT_SECONDS = 900
COUNTED = ("cache", "materialized_view", "database", "stale", "patched", "requests")


class History:
    """The counts of one process; any thread may record them, about once a second.

    :param wall: Unix time; buckets begin at its multiples of ten seconds.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall, self._lock = wall, threading.Lock()
        self._seen = Counter[str]()
        self._buckets: dict[int, Counter[str]] = {}

    def record(self, counters: Mapping[str, int]) -> None:
        """Add to the current bucket what ``counters``, which only rise, have gained since the last call."""
        with self._lock:
            now = int(self._wall())
            # Two threads may arrive here in another order than the one in which they read the counters.
            gained = {name: value - self._seen[name] for name, value in counters.items() if value > self._seen[name]}
            self._seen.update(gained)
            if gained:
                self._buckets.setdefault(now - now % BUCKET_SECONDS, Counter()).update(gained)
            self._buckets = {at: counts for at, counts in self._buckets.items() if now - KEPT_SECONDS < at <= now}

    def statistics(self) -> HistoryStatistics:
        """Return the buckets; empty ones are left out."""
        with self._lock:
            buckets = tuple((at, *(counts[name] for name in COUNTED)) for at, counts in sorted(self._buckets.items()))
        return HistoryStatistics(self._wall(), COUNTED, buckets)


def counters_of(statistics: WorkerStatistics) -> dict[str, int]:
    """Return what a process has counted since it started, by the names in :data:`COUNTED`."""
    reads = statistics.reads
    return {
        "cache": statistics.hits,
        "materialized_view": reads.materialized_view,
        "database": reads.database,
        "stale": reads.stale,
        "patched": reads.patched,
        "requests": sum(sum(series.counts) for series in statistics.latency.series),
    }
