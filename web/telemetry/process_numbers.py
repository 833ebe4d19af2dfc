"""The statistics of one process as Prometheus samples.

Invariant: labels are regions, sources, reasons, events, routes and statuses; no label names a user or a process.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import accumulate

from refresher.front_cache.statistics import CacheStatistics, FollowerStatistics, RegionStatistics
from web.telemetry.metric_families import COUNTER, HISTOGRAM, MICROSECONDS, Series, counts_time, family_of
from web.telemetry.worker_statistics import (
    EventStreamStatistics,
    KeyStatistics,
    LatencyStatistics,
    ProcessStatistics,
    WarmingStatistics,
    WorkerStatistics,
)

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_NO_EVENTS = {"materialized_view", "database", "stale", "patched", "shared", "running"}  # Metrics of their own.

Sample = tuple[str, dict[str, str], float]


@dataclass(slots=True)
class Numbers:
    """Samples of one process, or of several added up.

    Counters are whole numbers, those of time in microseconds. The sum of fractions depends on their order, and
    Prometheus takes a counter that falls by its last bit for a restart.
    """

    counters: dict[Series, int] = field(default_factory=dict)
    gauges: dict[Series, float] = field(default_factory=dict)

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Add a sample: counters are summed, gauges combined as their family says."""
        series = (name, tuple(sorted(labels.items())))
        family = family_of(name)
        if family.kind in (COUNTER, HISTOGRAM):
            self.counters[series] = self.counters.get(series, 0) + int(value)
        elif family.worst:
            self.gauges[series] = max(self.gauges.get(series, value), value)
        else:
            self.gauges[series] = self.gauges.get(series, 0) + value


def numbers_of(statistics: WorkerStatistics) -> Numbers:
    """Return a process's statistics as samples."""
    numbers = Numbers()
    for name, labels, value in _samples(statistics):
        numbers.add(name, labels, value * MICROSECONDS if counts_time(name) else value)
    return numbers


def process_statistics() -> ProcessStatistics:
    """Return processor time and memory of this process."""
    times = os.times()
    with open("/proc/self/statm") as statm:
        resident_pages = int(statm.read().split()[1])
    return ProcessStatistics(times.user + times.system, resident_pages * _PAGE_BYTES)


def _samples(statistics: WorkerStatistics) -> Iterator[Sample]:
    for name, region in statistics.cache.regions.items():
        yield from _region(region, {"region": name})
    yield from _cache(statistics.cache)
    yield from _reads(statistics)
    yield from _feed(statistics.feed)
    yield from _latency(statistics.latency)
    yield from _places(statistics)
    yield from _event_streams(statistics.event_streams)
    yield from _warming(statistics.warming)
    yield from _by_label("frontview_access_events_total", "event", asdict(statistics.accesses))
    yield from _keys(statistics.keys)
    yield "frontview_worker_cpu_seconds_total", {}, statistics.process.cpu_seconds
    yield "frontview_worker_resident_bytes", {}, statistics.process.resident_bytes or 0
    yield "frontview_worker_started_timestamp_seconds", {}, statistics.started_at


def _by_label(name: str, label: str, values: Mapping[str, float], **labels: str) -> Iterator[Sample]:
    for key, value in values.items():
        yield name, {**labels, label: key}, value


def _region(region: RegionStatistics, label: dict[str, str]) -> Iterator[Sample]:
    yield "frontview_cache_entries", label, region.entries
    yield "frontview_cache_bytes", label, region.bytes
    yield "frontview_cache_limit_entries", label, region.max_entries
    yield "frontview_cache_limit_bytes", label, region.max_bytes
    yield "frontview_cache_hits_total", label, region.hits
    yield "frontview_cache_fills_total", label, region.fills
    yield "frontview_cache_renewals_total", label, region.renewals
    yield from _by_label("frontview_cache_misses_total", "reason", region.misses, **label)
    yield from _by_label("frontview_cache_refused_total", "reason", region.refused, **label)
    yield from _by_label("frontview_cache_evictions_total", "reason", region.evictions, **label)
    yield from _by_label("frontview_cache_entries_by_age", "age", region.ages, **label)


def _cache(cache: CacheStatistics) -> Iterator[Sample]:
    yield from _by_label("frontview_cache_flushes_total", "reason", cache.flushes)
    yield "frontview_cache_running_fills", {}, cache.running_fills
    yield "frontview_cache_trusted_workers", {}, cache.trust.trusted
    yield "frontview_cache_doubts_total", {}, cache.trust.doubts


def _reads(statistics: WorkerStatistics) -> Iterator[Sample]:
    reads = statistics.reads
    by_source = {
        "cache": statistics.hits,
        "materialized_view": reads.materialized_view,
        "database": reads.database,
        "stale": reads.stale,
    }
    yield from _by_label("frontview_reads_total", "source", by_source)
    yield "frontview_reads_patched_total", {}, reads.patched
    yield "frontview_reads_shared_total", {}, reads.shared
    yield "frontview_reads_running", {}, reads.running
    events = {event: count for event, count in asdict(reads).items() if event not in _NO_EVENTS}
    yield from _by_label("frontview_read_events_total", "event", events)


def _feed(feed: FollowerStatistics) -> Iterator[Sample]:
    yield "frontview_feed_connected_workers", {}, feed.connected
    if feed.lag_seconds is not None:
        yield "frontview_feed_lag_seconds", {}, feed.lag_seconds
    if feed.seconds_since_poll is not None:
        yield "frontview_feed_poll_age_seconds", {}, feed.seconds_since_poll
    yield "frontview_feed_polls_total", {}, feed.polls
    yield "frontview_feed_reconnects_total", {}, feed.reconnects
    yield "frontview_feed_failures_total", {}, feed.failures


def _latency(latency: LatencyStatistics) -> Iterator[Sample]:
    bounds = [*map(str, latency.bounds_seconds), "+Inf"]
    for series in latency.series:
        labels = {"route": series.route, "source": series.source}
        for bound, count in zip(bounds, accumulate(series.counts), strict=True):
            yield "frontview_request_seconds_bucket", labels | {"le": bound}, count
        requests = sum(series.counts)
        yield "frontview_request_seconds_count", labels, requests
        yield "frontview_request_seconds_sum", labels, series.seconds
        yield "frontview_http_responses_total", {"route": series.route, "status": str(series.status)}, requests


def _places(statistics: WorkerStatistics) -> Iterator[Sample]:
    yield "frontview_admission_capacity", {}, statistics.admission.capacity
    yield "frontview_admission_inside", {}, statistics.admission.inside
    yield "frontview_admission_refused_total", {}, statistics.admission.refused
    yield "frontview_pool_size", {}, statistics.pool.size
    yield "frontview_pool_in_use", {}, statistics.pool.in_use


def _keys(keys: KeyStatistics) -> Iterator[Sample]:
    counted = asdict(keys)
    age_seconds = counted.pop("age_seconds")
    if age_seconds is not None:
        yield "frontview_keys_age_seconds", {}, age_seconds
    yield from _by_label("frontview_key_events_total", "event", counted)


def _event_streams(streams: EventStreamStatistics) -> Iterator[Sample]:
    yield "frontview_event_streams", {}, streams.open or 0
    yield "frontview_event_streams_limit", {}, streams.limit
    yield "frontview_event_streams_opened_total", {}, streams.opened
    yield "frontview_event_streams_refused_total", {}, streams.refused
    yield from _by_label("frontview_events_sent_total", "event", streams.sent)


def _warming(warming: WarmingStatistics) -> Iterator[Sample]:
    yield "frontview_warming_state", {"state": "planned"}, warming.planned
    if warming.plan_age_seconds is not None:
        yield "frontview_warming_state", {"state": "plan_age_seconds"}, warming.plan_age_seconds
    counted = {
        "renewed": warming.renewed,
        "held": warming.held,
        "refused": warming.refused,
        "failed": warming.failed,
    }
    counted |= {f"warmed_{reason}": count for reason, count in warming.warmed.items()}
    counted |= {f"skipped_{cause}": count for cause, count in warming.skipped.items()}
    yield from _by_label("frontview_warming_events_total", "event", counted)
