"""Sums over what workers report: caches, sources, latencies, and what was answered of late.

Invariant: whatever a worker leaves out, being older or just started, counts as nothing.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from web.telemetry.history import BUCKET_SECONDS, COUNTED, KEPT_SECONDS
from web.telemetry.worker_reports import REPORT_SECONDS

Row = dict[str, Any]
SUMMED = ("entries", "bytes", "max_entries", "max_bytes", "hits", "misses", "fills", "refused", "evictions")
SOURCES = ("cache", "materialized_view", "database", "stale")
SETTLED_SECONDS = REPORT_SECONDS + 1  # after its end, every worker's report has come
RATE_BUCKETS = 3


def sum_of_regions(workers: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return each region's numbers, of all workers together: limits, sizes and counters added up.

    ``hit_ratio``: the share of lookups that hit, None: no lookup. ``evictions_by_reason``, ``misses_by_reason``: the
    parts of these sums. ``cache``, ``computed``: the reads answered from the front cache, and the others;
    ``requests``, ``p50_ms`` and ``p99_ms`` are of both, the latter two as in :func:`sum_of_latencies`.
    """
    workers = list(workers)
    sums: dict[str, Counter[str]] = {}
    reasons: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for worker in workers:
        for name, region in worker.get("cache", {}).get("regions", {}).items():
            counter = sums.setdefault(name, Counter())
            for counted in SUMMED:
                counter[counted] += _total(region.get(counted, 0))
            for counted in ("evictions", "misses"):
                reasons[name, counted].update(region.get(counted, {}))
    times = _times_of_regions(workers)
    return [
        {
            "region": name,
            **{counted: counter[counted] for counted in SUMMED},
            "hit_ratio": _hit_ratio(counter),
            **{f"{counted}_by_reason": dict(reasons[name, counted]) for counted in ("evictions", "misses")},
            **_times(times[name, "cache"] + times[name, "computed"]),
            **{part: _times(times[name, part]) for part in ("cache", "computed")},
        }
        for name, counter in sorted(sums.items())
    ]


def sum_of_sources(workers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many answers came from each source, of all workers together; ``stale``: past their trust."""
    sums = Counter({"cache": 0, "materialized_view": 0, "database": 0, "stale": 0})
    for worker in workers:
        reads = worker.get("reads", {})
        for source in ("materialized_view", "database", "stale"):
            sums[source] += reads.get(source, 0)
        for region in worker.get("cache", {}).get("regions", {}).values():
            sums["cache"] += region.get("hits", 0)
    return dict(sums)


def sum_of_latencies(workers: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return each route's and source's requests of all workers together, and how long they took.

    ``p50_ms``, ``p99_ms``: the bound of the histogram's bucket in which that request fell; None: beyond the last.
    """
    counts: defaultdict[tuple[str, str], Counter[float]] = defaultdict(Counter)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for series, buckets in _series(workers):
        of = (series["route"], series["source"])
        counts[of].update(buckets)
        seconds[of] += series["seconds"]
    return [
        {
            "route": of[0],
            "source": of[1],
            "mean_ms": round(1000 * seconds[of] / max(1, counter.total()), 3),
            **_times(counter),
        }
        for of, counter in sorted(counts.items())
    ]


def sum_of_history(histories: Iterable[tuple[Mapping[str, Any], float]], now: float) -> list[Row]:
    """Return what was answered in each ten seconds of the last quarter of an hour, the oldest first.

    ``complete``: all that will be known of these ten seconds is in it.

    :param histories: of :meth:`web.telemetry.history.History.statistics`, each with when it was reported.
    :param now: and that time: Unix seconds by the database's clock, which is nearly all that is asked of it.
    """
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for history, reported_at in histories:
        for at, counts in _buckets(history):
            sums[at + _behind(history, reported_at)].update(counts)
    newest = int(now) - int(now) % BUCKET_SECONDS
    return [
        _answered(at, sums[at], complete=at + BUCKET_SECONDS + SETTLED_SECONDS <= now)
        for at in range(newest - KEPT_SECONDS, newest + 1, BUCKET_SECONDS)
    ]


def reads_per_second(history: Mapping[str, Any]) -> float | None:
    """Return how many reads a process answered a second in its last half minute; None: it does not say."""
    if "at" not in history:
        return None
    ended = int(history["at"]) - int(history["at"]) % BUCKET_SECONDS
    since = ended - RATE_BUCKETS * BUCKET_SECONDS
    reads = sum(counts[source] for at, counts in _buckets(history) if since <= at < ended for source in SOURCES)
    return round(reads / (ended - since), 2)


def hit_ratio_of(worker: Mapping[str, Any]) -> float | None:
    """Return the share of lookups of one process that hit, None: no lookup."""
    regions = sum_of_regions([worker])
    return _hit_ratio({name: sum(region[name] for region in regions) for name in ("hits", "misses")})


def _answered(at: int, counts: Counter[str], *, complete: bool) -> Row:
    reads = sum(counts[source] for source in SOURCES)
    ratio = round(counts["cache"] / reads, 4) if reads else None
    return {"at": at, **{name: counts[name] for name in COUNTED}, "hit_ratio": ratio, "complete": complete}


def _buckets(history: Mapping[str, Any]) -> Iterator[tuple[int, Counter[str]]]:
    names = history.get("columns", ())
    for at, *values in history.get("buckets", ()):
        counts = dict(zip(names, values, strict=True))
        yield at, Counter({name: counts.get(name, 0) for name in COUNTED})


def _behind(history: Mapping[str, Any], reported_at: float) -> int:
    """Return by how much a process's clock is behind the database's, in whole buckets."""
    behind_seconds: float = reported_at - history["at"]
    return round(behind_seconds / BUCKET_SECONDS) * BUCKET_SECONDS


def _series(workers: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], dict[float, int]]]:
    """Yield each series of each worker, and its requests by the bound in seconds that they did not exceed."""
    for worker in workers:
        latency = worker.get("latency", {})
        bounds = [*latency.get("bounds_seconds", ()), math.inf]
        for series in latency.get("series", ()):
            yield series, dict(zip(bounds, series["counts"], strict=True))


def _times_of_regions(workers: Iterable[Mapping[str, Any]]) -> defaultdict[tuple[str, str], Counter[float]]:
    times: defaultdict[tuple[str, str], Counter[float]] = defaultdict(Counter)
    for series, buckets in _series(workers):
        region, source = series.get("region"), series["source"]
        if region is not None and source in SOURCES:
            times[region, "cache" if source == "cache" else "computed"].update(buckets)
    return times


def _times(counter: Counter[float]) -> Row:
    return {"requests": counter.total(), "p50_ms": _bound_ms(counter, 0.5), "p99_ms": _bound_ms(counter, 0.99)}


def _bound_ms(counter: Counter[float], share: float) -> float | None:
    """Return the least bound that this share of the requests does not exceed, in ms; None: none, or beyond all."""
    below = 0
    if not counter.total():
        return None
    for bound in sorted(counter):
        below += counter[bound]
        if below >= share * counter.total():
            return None if bound == math.inf else bound * 1000
    return None


def _total(count: int | Mapping[str, int]) -> int:
    """Return a count, or the sum of counts by reason."""
    return sum(count.values()) if isinstance(count, Mapping) else count


def _hit_ratio(counter: Mapping[str, int]) -> float | None:
    lookups = counter["hits"] + counter["misses"]
    return round(counter["hits"] / lookups, 4) if lookups else None
