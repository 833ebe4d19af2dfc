"""Sums over what workers report: hit ratios, sources, times and history, whatever a worker leaves out."""

from typing import Any

from web.operators.operator_state import freshness, worker_row
from web.operators.operator_sums import (
    hit_ratio_of,
    reads_per_second,
    sum_of_history,
    sum_of_latencies,
    sum_of_regions,
    sum_of_sources,
)
from web.telemetry.history import COUNTED
from web.telemetry.latency import Latency

NOON = 1_790_000_000


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


def test_regions_add_up_limits_and_reasons() -> None:
    one, other = worker(1, {"absent": 5}), worker(1, {"absent": 1, "untrusted": 4})
    for it, evictions in ((one, {"bytes": 1}), (other, {"bytes": 2, "invalidated": 3})):
        it["cache"]["regions"]["dashboard"] |= {"max_entries": 500, "max_bytes": 7, "evictions": evictions}  # type: ignore[index]
    (region,) = sum_of_regions([one, other])
    assert (region["max_entries"], region["max_bytes"], region["evictions"]) == (1000, 14, 6)
    assert region["evictions_by_reason"] == {"bytes": 3, "invalidated": 3}
    assert region["misses_by_reason"] == {"absent": 6, "untrusted": 4}


def test_the_times_of_a_region_are_those_of_the_reads_of_its_routes() -> None:
    latency = Latency()
    latency.belongs("/a", "dashboard")
    latency.belongs("/b", "dashboard")
    latency.belongs("/c", "agent")
    for rule in ("/a", "/b"):
        for _ in range(60):
            latency.observe(rule, "cache", 200, 0.0009)
    for _ in range(40):
        latency.observe("/b", "materialized_view", 200, 0.04)
    latency.observe("/c", "cache", 200, 9.0)
    latency.observe("/a", None, 503, 9.0)
    latency.observe("/unknown", "cache", 200, 9.0)
    (region,) = sum_of_regions([worker(1, {}) | {"latency": latency.statistics()}])
    assert (region["requests"], region["p50_ms"], region["p99_ms"]) == (160, 1.0, 50.0)
    assert region["cache"] == {"requests": 120, "p50_ms": 1.0, "p99_ms": 1.0}
    assert region["computed"] == {"requests": 40, "p50_ms": 50.0, "p99_ms": 50.0}


def test_a_region_without_reads_has_no_times() -> None:
    (region,) = sum_of_regions([worker(0, {})])
    assert region["computed"] == {"requests": 0, "p50_ms": None, "p99_ms": None}


def history(at: float, buckets: dict[int, dict[str, int]]) -> dict[str, Any]:
    rows = [[begun, *(counts.get(name, 0) for name in COUNTED)] for begun, counts in buckets.items()]
    return {"at": at, "columns": list(COUNTED), "buckets": rows}


def test_history_is_every_ten_seconds_of_a_quarter_of_an_hour_all_workers_together() -> None:
    now = NOON + 17.0
    one = history(now, {NOON - 20: {"cache": 3, "requests": 9}, NOON - 2_000: {"cache": 99}})
    other = history(now, {NOON - 20: {"cache": 1, "database": 4}, NOON: {"stale": 1}, NOON + 600: {"cache": 99}})
    told = sum_of_history([(one, now), (other, now)], now)
    assert [row["at"] for row in told] == list(range(NOON - 890, NOON + 11, 10))
    assert {row["at"]: row["cache"] for row in told if row["cache"]} == {NOON - 20: 4}
    both = next(row for row in told if row["at"] == NOON - 20)
    assert (both["database"], both["requests"], both["hit_ratio"]) == (4, 9, 0.5)
    assert told[0] == dict.fromkeys(COUNTED, 0) | {"at": NOON - 890, "hit_ratio": None, "complete": True}
    assert [row["complete"] for row in told[-3:]] == [True, True, False], "6 s and more after its end all is known"
    assert not sum_of_history([(one, now)], now - 2)[-2]["complete"]


def test_a_process_whose_clock_is_wrong_counts_for_the_databases_time() -> None:
    ahead = history(NOON + 3_601.0, {NOON + 3_590: {"cache": 2}})
    told = sum_of_history([(ahead, NOON + 1.0)], NOON + 4.0)
    assert {row["at"] for row in told if row["cache"]} == {NOON - 10}


def test_a_worker_of_another_version_may_say_less_or_more() -> None:
    stranger = {"at": NOON + 1.0, "columns": ["cache", "poems"], "buckets": [[NOON, 5, 7]]}
    assert sum_of_history([(stranger, NOON + 1.0)], NOON + 1.0)[-1]["cache"] == 5


def test_reads_a_second_are_those_of_the_last_half_minute_that_is_over() -> None:
    buckets = {NOON - 40: {"cache": 900}, NOON - 30: {"cache": 30, "patched": 99}, NOON - 10: {"database": 15}}
    assert reads_per_second(history(NOON + 9.0, buckets | {NOON: {"cache": 900}})) == 1.5
    assert reads_per_second({}) is None


def test_the_hit_ratio_of_a_worker_is_that_of_all_its_regions() -> None:
    it = worker(90, {"absent": 10})
    it["cache"]["regions"]["agent"] = {"hits": 0, "misses": {"absent": 100}}  # type: ignore[index]
    assert hit_ratio_of(it) == 0.45
    assert hit_ratio_of({}) is None


def test_freshness_counts_computed_and_patched_reads_of_all_workers() -> None:
    workers: list[Any] = [worker(9, {}, materialized_view=3, database=1, patched=2), worker(9, {}, patched=1), {}]
    drained = {"age_seconds": 0.1, "undrained_rows": 4, "stale_keys": 7}
    assert freshness(drained, workers) == {
        "drain_age_seconds": 0.1,
        "drain_lag": 4,
        "stale_keys": 7,
        "patched_reads": 3,
        "computed_reads": 4,
    }
    assert freshness(None, [])["drain_lag"] is None


def test_a_worker_says_at_once_what_people_look_at_first() -> None:
    statistics = {
        "feed": {"lag_seconds": 0.1, "trusted": True, "connected": True},
        "process": {"resident_bytes": 5_000},
        "event_streams": {"open": 3, "limit": 20},
    }
    row = {"pid": 7, "statistics": statistics, "history": history(NOON + 1.0, {NOON - 10: {"cache": 60}})}
    told = worker_row(row)
    assert told["statistics"] == statistics
    assert "history" not in told
    assert (told["memory_bytes"], told["feed_lag_seconds"], told["event_streams"]) == (5_000, 0.1, 3)
    assert (told["trusted"], told["connected"], told["reads_per_second"]) == (True, True, 2.0)
    bare = worker_row({"pid": 8, "statistics": {}, "history": None})
    assert (bare["trusted"], bare["connected"]) == (False, False)
    assert {bare[name] for name in ("memory_bytes", "feed_lag_seconds", "event_streams", "reads_per_second")} == {None}
