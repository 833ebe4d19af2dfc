"""How long requests took, by route, source and status: fixed buckets, plain numbers, less than a microsecond each.

Invariant: no request is lost or counted twice, however many threads observe. A series is a route's template, never
an address, so there are no more of them than routes, sources and statuses.
"""

from bisect import bisect_left
from collections.abc import Iterator
from threading import Lock
from typing import Any

BOUNDS_SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
)  # fmt: skip
NO_ROUTE = "(none)"  # of a request for an address that there is not
NO_SOURCE = "none"  # of an answer that is no reading: an error, a page, health

Key = tuple[str | None, str | None, int]


class Series:
    """Requests of one route, source and status: how many fell in each bucket (the last: beyond all), and their sum."""

    __slots__ = ("_counts", "_lock", "_seconds")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, with a lock of its own: in a forked child."""
        self._lock = Lock()
        self._counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Count one request."""
        with self._lock:
            self._counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
            self._seconds += seconds

    def now(self) -> tuple[list[int], float]:
        """Return counts and sum of one moment."""
        with self._lock:
            return list(self._counts), self._seconds


class Latency:
    """The latency histogram of one process."""

    def __init__(self) -> None:
        self._series: dict[Key, Series] = {}
        self._regions: dict[str, str] = {}

    def forget(self) -> None:
        """Begin anew, in a forked child; who kept a series counts in it still."""
        for series in self._series.values():
            series.forget()
        self._regions.clear()

    def series(self, rule: str | None, source: str | None, status: int) -> Series:
        """Return where such requests are counted.

        :param rule: the route's template, None: there is no such address.
        :param source: who answered, None for an answer that is no reading.
        """
        key = (rule, source, status)
        found = self._series.get(key)
        return found if found is not None else self._series.setdefault(key, Series())

    def observe(self, rule: str | None, source: str | None, status: int, seconds: float) -> None:
        """Count one request in its :meth:`series`."""
        self.series(rule, source, status).observe(seconds)

    def belongs(self, rule: str, region: str) -> None:
        """Remember that the readings of a route are kept in that region of the front cache."""
        self._regions[rule] = region

    def __iter__(self) -> Iterator[tuple[str, str, int, list[int], float]]:
        """Yield (route, source, status, counts, seconds) of each series that counted any, as of now."""
        for (rule, source, status), series in list(self._series.items()):
            counts, seconds = series.now()
            if any(counts):
                yield rule or NO_ROUTE, source or NO_SOURCE, status, counts, seconds

    def statistics(self) -> dict[str, Any]:
        """Return everything as plain values; ``counts`` are of the buckets up to ``bounds_seconds``, and beyond.

        ``region``: None, as long as the route has answered no read.
        """
        regions = self._regions
        series = [
            {
                "route": rule,
                "region": regions.get(rule),
                "source": source,
                "status": status,
                "counts": counts,
                "seconds": seconds,
            }
            for rule, source, status, counts, seconds in self
        ]
        return {"bounds_seconds": list(BOUNDS_SECONDS), "series": series}
