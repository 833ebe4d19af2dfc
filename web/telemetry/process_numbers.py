"""The numbers of one process as samples: its statistics (:meth:`web.process.worker.Worker.statistics`) as metrics.

Invariant: labels are regions, sources, reasons, events, routes and statuses; what the statistics lack is left out, and
sections that are not known here are told by their own words.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from web.telemetry.metric_families import COUNTER, HISTOGRAM, MICROSECONDS, Series, counts_time, family_of

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_COMPUTED = ("materialized_view", "database", "stale")
_SECTIONS = {"warming": "warming", "access": "access", "accesses": "access"}
# Words for what is there at a moment; every other whole number is a count of events.
_STATES = frozenset(
    {"bytes", "entries", "pending", "planned", "queued", "remaining", "running", "waiting", "held_keys"}
)
_KNOWN_OF_A_REGION = frozenset({"entries", "bytes", "max_entries", "max_bytes", "hits", "fills", "renewals"})

Sample = tuple[str, dict[str, str], float]


@dataclass(slots=True)
class Numbers:
    """Samples of one process, or of several added up.

    Counters are whole numbers, those of time in microseconds: a sum of fractions depends on their order, and one that
    falls by the last bit is a restart to Prometheus.
    """

    counters: dict[Series, int] = field(default_factory=dict)
    gauges: dict[Series, float] = field(default_factory=dict)

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Add one sample to what is there, the way its family adds up."""
        series = (name, tuple(sorted(labels.items())))
        family = family_of(name)
        if family.kind in (COUNTER, HISTOGRAM):
            self.counters[series] = self.counters.get(series, 0) + int(value)
        elif family.worst:
            self.gauges[series] = max(self.gauges.get(series, value), value)
        else:
            self.gauges[series] = self.gauges.get(series, 0) + value


def numbers_of(statistics: Mapping[str, Any]) -> Numbers:
    """Return a process's statistics as samples."""
    numbers = Numbers()
    for name, labels, value in _samples(statistics):
        numbers.add(name, labels, value * MICROSECONDS if counts_time(name) else value)
    return numbers


def process_statistics() -> dict[str, float]:
    """Return processor time and memory of this process."""
    times = os.times()
    with open("/proc/self/statm") as statm:
        resident_pages = int(statm.read().split()[1])
    return {"cpu_seconds": times.user + times.system, "resident_bytes": resident_pages * _PAGE_BYTES}


def _samples(statistics: Mapping[str, Any]) -> Iterator[Sample]:
    cache = statistics.get("cache", {})
    yield from _cache(cache)
    yield from _reads(statistics.get("reads", {}), cache)
    yield from _feed(statistics.get("feed", {}))
    yield from _latency(statistics.get("latency", {}))
    yield from _waiting(statistics)
    yield from _event_streams(statistics.get("event_streams", {}))
    for section, name in _SECTIONS.items():
        yield from _section(name, statistics.get(section) or {})
    yield from _process(statistics)


def _cache(cache: Mapping[str, Any]) -> Iterator[Sample]:
    for name, region in cache.get("regions", {}).items():
        label = {"region": name}
        yield "frontview_cache_entries", label, region.get("entries", 0)
        yield "frontview_cache_bytes", label, region.get("bytes", 0)
        yield "frontview_cache_limit_entries", label, region.get("max_entries", 0)
        yield "frontview_cache_limit_bytes", label, region.get("max_bytes", 0)
        for counter in ("hits", "fills", "renewals"):
            yield f"frontview_cache_{counter}_total", label, _sum(region.get(counter, 0))
        for counter in ("misses", "refused", "evictions"):
            for reason, count in region.get(counter, {}).items():
                yield f"frontview_cache_{counter}_total", label | {"reason": str(reason)}, count
        for age, count in region.get("ages", {}).items():
            yield "frontview_cache_entries_by_age", label | {"age": str(age)}, count
        for event, count in region.items():
            if event not in _KNOWN_OF_A_REGION and event not in _STATES and type(count) is int:
                yield "frontview_cache_events_total", label | {"event": event}, count
    for reason, count in cache.get("flushes", {}).items():
        yield "frontview_cache_flushes_total", {"reason": reason}, count
    yield "frontview_cache_running_fills", {}, cache.get("running_fills", 0)
    trust = cache.get("trust", {})
    yield "frontview_cache_trusted_workers", {}, bool(trust.get("trusted"))
    yield "frontview_cache_doubts_total", {}, trust.get("doubts", 0)


def _reads(reads: Mapping[str, Any], cache: Mapping[str, Any]) -> Iterator[Sample]:
    hits = sum(region.get("hits", 0) for region in cache.get("regions", {}).values())
    yield "frontview_reads_total", {"source": "cache"}, hits
    for source in _COMPUTED:
        yield "frontview_reads_total", {"source": source}, reads.get(source, 0)
    yield "frontview_reads_patched_total", {}, reads.get("patched", 0)
    yield "frontview_reads_shared_total", {}, reads.get("shared", 0)
    yield "frontview_reads_running", {}, reads.get("running", 0)
    for event, count in reads.items():
        if event not in (*_COMPUTED, "patched", "shared", "running") and type(count) is int:
            yield "frontview_read_events_total", {"event": event}, count


def _feed(feed: Mapping[str, Any]) -> Iterator[Sample]:
    yield "frontview_feed_connected_workers", {}, bool(feed.get("connected"))
    for gauge, key in (("lag", "lag_seconds"), ("poll_age", "seconds_since_poll")):
        if feed.get(key) is not None:
            yield f"frontview_feed_{gauge}_seconds", {}, feed[key]
    for counter in ("polls", "reconnects", "failures"):
        yield f"frontview_feed_{counter}_total", {}, feed.get(counter, 0)


def _latency(latency: Mapping[str, Any]) -> Iterator[Sample]:
    bounds = [*map(str, latency.get("bounds_seconds", ())), "+Inf"]
    for series in latency.get("series", ()):
        labels = {"route": series["route"], "source": series["source"]}
        for bound, count in zip(bounds, accumulate(series["counts"]), strict=True):
            yield "frontview_request_seconds_bucket", labels | {"le": bound}, count
        requests = sum(series["counts"])
        yield "frontview_request_seconds_count", labels, requests
        yield "frontview_request_seconds_sum", labels, series["seconds"]
        status = {"route": series["route"], "status": str(series["status"])}
        yield "frontview_http_responses_total", status, requests


def _waiting(statistics: Mapping[str, Any]) -> Iterator[Sample]:
    admission, pool = statistics.get("admission", {}), statistics.get("pool", {})
    yield "frontview_admission_capacity", {}, admission.get("capacity", 0)
    yield "frontview_admission_inside", {}, admission.get("inside", 0)
    yield "frontview_admission_refused_total", {}, admission.get("refused", 0)
    yield "frontview_pool_size", {}, pool.get("size", 0)
    yield "frontview_pool_in_use", {}, pool.get("in_use", 0)


def _event_streams(streams: Mapping[str, Any]) -> Iterator[Sample]:
    yield "frontview_event_streams", {}, streams.get("open", 0)
    yield "frontview_event_streams_limit", {}, streams.get("limit", 0)
    for counter in ("opened", "refused"):
        yield f"frontview_event_streams_{counter}_total", {}, streams.get(counter, 0)
    for event, count in streams.get("sent", {}).items():
        yield "frontview_events_sent_total", {"event": event}, count


def _section(section: str, values: Mapping[str, Any], within: str = "") -> Iterator[Sample]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _section(section, value, f"{within}{key}_")
        elif isinstance(value, float | bool) or key in _STATES:
            if isinstance(value, int | float):
                yield f"frontview_{section}_state", {"state": f"{within}{key}"}, value
        elif isinstance(value, int):
            yield f"frontview_{section}_events_total", {"event": f"{within}{key}"}, value


def _process(statistics: Mapping[str, Any]) -> Iterator[Sample]:
    process = statistics.get("process", {})
    yield "frontview_worker_cpu_seconds_total", {}, process.get("cpu_seconds", 0)
    yield "frontview_worker_resident_bytes", {}, process.get("resident_bytes", 0)
    yield "frontview_worker_started_timestamp_seconds", {}, statistics.get("started_at", time.time())


def _sum(value: Any) -> float:
    """Return a count, or the sum of counts by reason."""
    return float(sum(value.values()) if isinstance(value, Mapping) else value)
