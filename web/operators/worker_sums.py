"""Sums over what workers count: regions of the front cache, sources of answers, and latencies.

Invariant: what a worker does not report, because it is older or has just started, counts as nothing.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from refresher.front_cache.statistics import RegionStatistics
from web.telemetry.worker_statistics import SeriesStatistics, WorkerStatistics

READ_SOURCES = ("cache", "materialized_view", "database", "stale")
Buckets = Counter[float]  # Requests by the bound in seconds that they did not exceed.


@dataclass(frozen=True, slots=True)
class Times:
    """Reads and how long they took: bounds of a histogram; null: no read, or beyond the largest."""

    requests: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class RegionState(Times):
    """A region of the front caches of all workers together; limits, too, are sums."""

    region: str
    entries: int
    bytes: int
    max_entries: int
    max_bytes: int
    hits: int
    misses: int
    fills: int
    refused: int
    evictions: int
    hit_ratio: float | None
    evictions_by_reason: dict[str, int]
    misses_by_reason: dict[str, int]
    cache: Annotated[Times, Field(description="Of the reads that the front cache answered.")]
    computed: Annotated[Times, Field(description="Of the others.")]


@dataclass(frozen=True, slots=True)
class Sources:
    """Answers of all workers since each started, by who gave them."""

    cache: int
    materialized_view: int
    database: int
    stale: int


@dataclass(frozen=True, slots=True)
class RouteTimes(Times):
    """Requests of a route by who answered."""

    route: str
    source: str
    mean_ms: float


def sum_of_regions(workers: Iterable[WorkerStatistics]) -> list[RegionState]:
    """Return each region's numbers, added up over all workers."""
    workers = list(workers)
    parts: defaultdict[str, list[RegionStatistics]] = defaultdict(list)
    for worker in workers:
        for name, region in worker.cache.regions.items():
            parts[name].append(region)
    times = _times_of_regions(workers)
    return [
        _region_state(name, regions, times[name, "cache"], times[name, "computed"])
        for name, regions in sorted(parts.items())
    ]


def sum_of_sources(workers: Iterable[WorkerStatistics]) -> Sources:
    """Return how many answers came from each source."""
    workers = list(workers)
    return Sources(
        cache=sum(it.hits for it in workers),
        materialized_view=sum(it.reads.materialized_view for it in workers),
        database=sum(it.reads.database for it in workers),
        stale=sum(it.reads.stale for it in workers),
    )


def sum_of_latencies(workers: Iterable[WorkerStatistics]) -> list[RouteTimes]:
    """Return the requests of each route and source, and how long they took."""
    buckets: defaultdict[tuple[str, str], Buckets] = defaultdict(Counter)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for series, requests in _series(workers):
        buckets[series.route, series.source].update(requests)
        seconds[series.route, series.source] += series.seconds
    return [
        _route_times(route, source, found, seconds[route, source]) for (route, source), found in sorted(buckets.items())
    ]


def hit_ratio_of(worker: WorkerStatistics) -> float | None:
    """Return the share of a process's lookups that hit; None: there was no lookup."""
    misses = sum(sum(region.misses.values()) for region in worker.cache.regions.values())
    return share(worker.hits, worker.hits + misses)


def share(part: int, whole: int) -> float | None:
    """Return a ratio with four decimals; None: the whole is 0."""
    return round(part / whole, 4) if whole else None


def _region_state(name: str, parts: Sequence[RegionStatistics], cache: Buckets, computed: Buckets) -> RegionState:
    hits, misses = sum(it.hits for it in parts), _sum_by_reason(it.misses for it in parts)
    evictions = _sum_by_reason(it.evictions for it in parts)
    both = _times(cache + computed)
    return RegionState(
        requests=both.requests,
        p50_ms=both.p50_ms,
        p99_ms=both.p99_ms,
        region=name,
        entries=sum(it.entries for it in parts),
        bytes=sum(it.bytes for it in parts),
        max_entries=sum(it.max_entries for it in parts),
        max_bytes=sum(it.max_bytes for it in parts),
        hits=hits,
        misses=misses.total(),
        fills=sum(it.fills for it in parts),
        refused=_sum_by_reason(it.refused for it in parts).total(),
        evictions=evictions.total(),
        hit_ratio=share(hits, hits + misses.total()),
        evictions_by_reason=dict(evictions),
        misses_by_reason=dict(misses),
        cache=_times(cache),
        computed=_times(computed),
    )


def _sum_by_reason(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total = Counter[str]()
    for it in counts:
        total.update(it)
    return total


def _route_times(route: str, source: str, buckets: Buckets, seconds: float) -> RouteTimes:
    times = _times(buckets)
    mean_ms = round(1000 * seconds / max(1, times.requests), 3)
    return RouteTimes(times.requests, times.p50_ms, times.p99_ms, route, source, mean_ms)


def _series(workers: Iterable[WorkerStatistics]) -> Iterator[tuple[SeriesStatistics, dict[float, int]]]:
    """Yield each series of each worker, and its requests by the bound in seconds that they did not exceed."""
    for worker in workers:
        bounds = [*worker.latency.bounds_seconds, math.inf]
        for series in worker.latency.series:
            yield series, dict(zip(bounds, series.counts, strict=True))


def _times_of_regions(workers: Iterable[WorkerStatistics]) -> defaultdict[tuple[str, str], Buckets]:
    """Return the reads by (region, ``cache`` or ``computed``)."""
    times: defaultdict[tuple[str, str], Buckets] = defaultdict(Counter)
    for series, requests in _series(workers):
        if series.region is not None and series.source in READ_SOURCES:
            times[series.region, "cache" if series.source == "cache" else "computed"].update(requests)
    return times


def _times(buckets: Buckets) -> Times:
    return Times(buckets.total(), _bound_ms(buckets, 0.5), _bound_ms(buckets, 0.99))


def _bound_ms(buckets: Buckets, part: float) -> float | None:
    """Return the least bound in ms that this part of the requests does not exceed; None: none, or beyond all."""
    below = 0
    if not buckets.total():
        return None
    for bound in sorted(buckets):
        below += buckets[bound]
        if below >= part * buckets.total():
            return None if bound == math.inf else bound * 1000
    return None
