"""The metrics of the web server: the name, kind and meaning of each, and how the values of processes are combined.

Invariant: every sample belongs to a family of this list. A counter is summed over all processes that ever ran, a gauge
over those that run now.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
MICROSECONDS = 1_000_000  # How many there are in a second.
SUFFIXES = ("_bucket", "_count", "_sum", "_total")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    :param name: without the suffix ``_total``.
    :param worst: for a gauge: the largest value of all processes is reported instead of their sum.
    """

    name: str
    kind: str
    meaning: str
    worst: bool = False


_DECLARED = (
    Family("frontview_cache_hits", COUNTER, "Reads that the front cache answered."),
    Family("frontview_cache_misses", COUNTER, "Lookups that found nothing usable, by reason."),
    Family("frontview_cache_fills", COUNTER, "Answers that were stored."),
    Family("frontview_cache_refused", COUNTER, "Answers that were not stored, by reason."),
    Family("frontview_cache_evictions", COUNTER, "Entries that were dropped, by reason."),
    Family("frontview_cache_renewals", COUNTER, "Entries renewed before they ended."),
    Family("frontview_cache_events", COUNTER, "What else a region counts."),
    Family("frontview_cache_flushes", COUNTER, "Times that everything was dropped, by reason."),
    Family("frontview_cache_entries", GAUGE, "Entries held."),
    Family("frontview_cache_bytes", GAUGE, "Bytes held."),
    Family(
        "frontview_cache_entries_by_age", GAUGE, "Entries held, by the least age in seconds that they do not exceed."
    ),
    Family("frontview_cache_limit_entries", GAUGE, "Entries that may be held."),
    Family("frontview_cache_limit_bytes", GAUGE, "Bytes that may be held."),
    Family("frontview_cache_running_fills", GAUGE, "Computations that may become entries."),
    Family("frontview_cache_trusted_workers", GAUGE, "Processes whose front cache may be used now."),
    Family("frontview_cache_doubts", COUNTER, "Times that clocks disagreed, so that the front cache was not trusted."),
    Family("frontview_reads", COUNTER, "Reads answered, by who answered: the hit ratio is cache over all."),
    Family("frontview_reads_patched", COUNTER, "Computed reads with days that were recomputed from base tables."),
    Family("frontview_reads_shared", COUNTER, "Reads that took another's computation (single flight)."),
    Family("frontview_reads_running", GAUGE, "Computations that run now."),
    Family("frontview_read_events", COUNTER, "What went otherwise than planned in reads, by event."),
    Family("frontview_request_seconds", HISTOGRAM, "Duration of requests within the process, by route and source."),
    Family("frontview_http_responses", COUNTER, "Answers, by route and HTTP status."),
    Family("frontview_feed_lag_seconds", GAUGE, "Age of the newest drain as the slowest worker knows it.", worst=True),
    Family("frontview_feed_poll_age_seconds", GAUGE, "Since the last poll, of the slowest worker.", worst=True),
    Family("frontview_feed_connected_workers", GAUGE, "Processes whose feed connection stands."),
    Family("frontview_feed_polls", COUNTER, "Polls of the feed."),
    Family("frontview_feed_reconnects", COUNTER, "Feed connections lost."),
    Family("frontview_feed_failures", COUNTER, "Defects in the feed's thread."),
    Family("frontview_admission_capacity", GAUGE, "Requests that may wait for the database at once."),
    Family("frontview_admission_inside", GAUGE, "Requests that wait for the database now."),
    Family("frontview_admission_refused", COUNTER, "Requests turned away because too many waited."),
    Family("frontview_pool_size", GAUGE, "Database connections that reads may use."),
    Family("frontview_pool_in_use", GAUGE, "Database connections that reads use now."),
    Family("frontview_event_streams", GAUGE, "Streams of events that are open."),
    Family("frontview_event_streams_limit", GAUGE, "Streams of events that may be open."),
    Family("frontview_event_streams_opened", COUNTER, "Streams of events that were opened."),
    Family("frontview_event_streams_refused", COUNTER, "Streams of events that found no place."),
    Family("frontview_events_sent", COUNTER, "What was sent on streams, by event."),
    Family("frontview_warming_events", COUNTER, "What warming did, by event."),
    Family("frontview_warming_state", GAUGE, "Where warming stands, the largest value of any process.", worst=True),
    Family("frontview_access_events", COUNTER, "What the reporting of accesses did, by event."),
    Family("frontview_access_state", GAUGE, "Where the reporting of accesses stands.", worst=True),
    Family("frontview_keys_age_seconds", GAUGE, "Since a process last fetched the keys of tokens.", worst=True),
    Family("frontview_key_events", COUNTER, "What happened to the published keys of tokens, by event."),
    Family("frontview_worker_cpu_seconds", COUNTER, "Processor time of the processes."),
    Family("frontview_worker_resident_bytes", GAUGE, "Memory of the processes."),
    Family("frontview_worker_started_timestamp_seconds", GAUGE, "When the youngest process started.", worst=True),
    Family("frontview_worker_snapshot_age_seconds", GAUGE, "Age of the oldest numbers told here.", worst=True),
    Family("frontview_workers", GAUGE, "Processes of this server."),
    Family("frontview_workers_ended", COUNTER, "Processes of this server that have ended."),
    Family("frontview_metrics_shared", GAUGE, "1: all processes are told together; 0: this one alone."),
)
FAMILIES = {family.name: family for family in _DECLARED}

Series = tuple[str, tuple[tuple[str, str], ...]]  # The sample's full name, and its labels.


def family_of(sample: str) -> Family:
    """Return the family of a sample.

    :raises KeyError: there is no such family.
    """
    if sample in FAMILIES:
        return FAMILIES[sample]
    for suffix in SUFFIXES:
        if sample.endswith(suffix) and (name := sample.removesuffix(suffix)) in FAMILIES:
            return FAMILIES[name]
    raise KeyError(sample)


def counts_time(sample: str) -> bool:
    """Return whether a sample is a counter of time; such counters are kept in microseconds."""
    return sample.endswith(("_seconds_sum", "_seconds_total"))


class SampleCollector(Collector):
    """Hands samples to prometheus_client; families without samples are listed as well."""

    def __init__(self, samples: dict[Series, float]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        metrics = {family.name: Metric(family.name, family.meaning, family.kind) for family in _DECLARED}
        for (name, labels), value in self._samples.items():
            exposed = value / MICROSECONDS if counts_time(name) else value
            metrics[family_of(name).name].add_sample(name, dict(labels), exposed)
        return metrics.values()
