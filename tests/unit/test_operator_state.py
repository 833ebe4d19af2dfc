"""Sums over what workers report: hit ratios and sources, whatever a worker leaves out."""

from web.latency import Latency
from web.operator_state import sum_of_latencies, sum_of_regions, sum_of_sources


def worker(hits: int, misses: dict[str, int], **reads: int) -> dict[str, object]:
    region = {"entries": 2, "bytes": 5000, "hits": hits, "misses": misses, "fills": 3, "refused": {}, "evictions": {}}
    return {"cache": {"regions": {"dashboard": region}}, "reads": reads}


def test_regions_are_summed_over_all_workers() -> None:
    (region,) = sum_of_regions([worker(90, {"absent": 5}), worker(5, {"absent": 1, "untrusted": 4}), {}])
    assert region["region"] == "dashboard"
    assert (region["entries"], region["bytes"], region["hits"], region["misses"]) == (4, 10_000, 95, 10)
    assert region["hit_ratio"] == round(95 / 105, 4)


def test_without_a_lookup_there_is_no_hit_ratio() -> None:
    (region,) = sum_of_regions([worker(0, {})])
    assert region["hit_ratio"] is None


def test_sources_are_hits_and_what_was_computed() -> None:
    workers = [worker(9, {}, materialized_view=3, database=1, shared=5), worker(1, {}, stale=2), {}]
    assert sum_of_sources(workers) == {"cache": 10, "materialized_view": 3, "database": 1, "stale": 2}


def test_latencies_are_summed_by_route_and_source() -> None:
    latencies = [Latency(), Latency()]
    for n in range(99):
        latencies[n % 2].observe("/a", "cache", 200, 0.0009)
    latencies[0].observe("/a", "cache", 304, 99.0)
    latencies[1].observe(None, None, 404, 0.002)
    none, cached = sum_of_latencies([*({"latency": it.statistics()} for it in latencies), {}])
    assert (cached["route"], cached["source"], cached["requests"]) == ("/a", "cache", 100)
    assert (cached["p50_ms"], cached["p99_ms"], cached["mean_ms"]) == (1.0, 1.0, 990.891)
    assert (none["route"], none["requests"], none["p99_ms"]) == ("(none)", 1, 2.5)
    (slow,) = sum_of_latencies([{"latency": _slow()}])
    assert (slow["p50_ms"], slow["p99_ms"]) == (None, None)


def _slow() -> dict[str, object]:
    latency = Latency()
    latency.observe("/a", "database", 200, 99.0)
    return latency.statistics()
