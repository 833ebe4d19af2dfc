"""How long requests took, by route, source and status: a histogram with fixed buckets.

To count a request takes less than a microsecond.

Invariant: no request is lost or counted twice, however many threads observe. A series belongs to a route's template,
never to an address that a client sent, so there are no more series than routes, sources and statuses.
"""

from bisect import bisect_left
from collections.abc import Iterator
from threading import Lock

from web.telemetry.worker_statistics import LatencyStatistics, SeriesStatistics

BOUNDS_SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
)  # fmt: skip
NO_ROUTE = "(none)"  # The route of a request whose address does not exist.
NO_SOURCE = "none"  # The source of an answer that is not a read: an error, a page, a health check.

Key = tuple[str | None, str | None, int]


class Series:
    """Requests of one route, source and status: how many fell into each bucket, and their total duration.

    The last bucket counts those beyond every bound.
    """

    __slots__ = ("_counts", "_lock", "_seconds")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start from zero with a new lock; for a forked child."""
        self._lock = Lock()
        self._counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one request."""
        with self._lock:
            self._counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
            self._seconds += seconds

    def now(self) -> tuple[list[int], float]:
        """Return the counts and the total in seconds, both of the same moment."""
        with self._lock:
            return list(self._counts), self._seconds


class Latency:
    """The latency histogram of one process."""

    def __init__(self) -> None:
        self._series: dict[Key, Series] = {}
        self._regions: dict[str, str] = {}

    def forget(self) -> None:
        """Start from zero; for a forked child. A caller that kept a series goes on counting in it."""
        for series in self._series.values():
            series.forget()
        self._regions.clear()

    def series(self, rule: str | None, source: str | None, status: int) -> Series:
        """Return the series in which such requests are counted.

        :param rule: the route's template; None: the address does not exist.
        :param source: who answered; None: the answer is not a read.
        """
        key = (rule, source, status)
        found = self._series.get(key)
        return found if found is not None else self._series.setdefault(key, Series())

    def observe(self, rule: str | None, source: str | None, status: int, seconds: float) -> None:
        """Count one request in its :meth:`series`."""
        self.series(rule, source, status).observe(seconds)

    def belongs(self, rule: str, region: str) -> None:
        """Remember in which region of the front cache the answers of a route are kept."""
        self._regions[rule] = region

    def __iter__(self) -> Iterator[tuple[str, str, int, list[int], float]]:
        """Yield (route, source, status, counts, seconds) of each series that counted any, as of now."""
        for (rule, source, status), series in list(self._series.items()):
            counts, seconds = series.now()
            if any(counts):
                yield rule or NO_ROUTE, source or NO_SOURCE, status, counts, seconds

    def statistics(self) -> LatencyStatistics:
        """Return every series that counted any request."""
        series = (
            SeriesStatistics(rule, self._regions.get(rule), source, status, tuple(counts), seconds)
            for rule, source, status, counts, seconds in self
        )
        return LatencyStatistics(BOUNDS_SECONDS, tuple(series))
