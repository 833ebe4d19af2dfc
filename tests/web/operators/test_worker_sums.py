"""Sums over what workers report: hit ratios, sources, times and history, whatever a worker leaves out."""

from dataclasses import replace

from refresher.front_cache.statistics import CacheStatistics, FollowerStatistics, RegionStatistics
from web.http.answers import utc_text
from web.operators.history_sums import Answered, reads_per_second, sum_of_history
from web.operators.operator_state import Freshness, freshness
from web.operators.system_state import Watermark
from web.operators.worker_states import WorkerRow, worker_state
from web.operators.worker_sums import Sources, Times, hit_ratio_of, sum_of_latencies, sum_of_regions, sum_of_sources
from web.reads.statistics import ReadStatistics
from web.telemetry.history import COUNTED
from web.telemetry.latency import Latency
from web.telemetry.worker_statistics import (
    EventStreamStatistics,
    HistoryStatistics,
    ProcessStatistics,
    WorkerReport,
    WorkerStatistics,
)

NOON = 1_790_000_000
NOTHING = WorkerStatistics()


def worker(hits: int, misses: dict[str, int], **reads: int) -> WorkerStatistics:
    return with_region(RegionStatistics(entries=2, bytes=5000, hits=hits, misses=misses, fills=3), **reads)


def with_region(region: RegionStatistics, **reads: int) -> WorkerStatistics:
    return WorkerStatistics(cache=CacheStatistics(regions={"dashboard": region}), reads=ReadStatistics(**reads))


def with_latency(latency: Latency) -> WorkerStatistics:
    return WorkerStatistics(latency=latency.statistics())


def test_regions_are_summed_over_all_workers() -> None:
    (region,) = sum_of_regions([worker(90, {"absent": 5}), worker(5, {"absent": 1, "untrusted": 4}), NOTHING])
    assert region.region == "dashboard"
    assert (region.entries, region.bytes, region.hits, region.misses) == (4, 10_000, 95, 10)
    assert region.hit_ratio == round(95 / 105, 4)


def test_without_a_lookup_there_is_no_hit_ratio() -> None:
    (region,) = sum_of_regions([worker(0, {})])
    assert region.hit_ratio is None


def test_sources_are_hits_and_what_was_computed() -> None:
    workers = [worker(9, {}, materialized_view=3, database=1, shared=5), worker(1, {}, stale=2), NOTHING]
    assert sum_of_sources(workers) == Sources(cache=10, materialized_view=3, database=1, stale=2)


def test_latencies_are_summed_by_route_and_source() -> None:
    latencies = [Latency(), Latency()]
    for n in range(99):
        latencies[n % 2].observe("/a", "cache", 200, 0.0009)
    latencies[0].observe("/a", "cache", 304, 99.0)
    latencies[1].observe(None, None, 404, 0.002)
    none, cached = sum_of_latencies([*map(with_latency, latencies), NOTHING])
    assert (cached.route, cached.source, cached.requests) == ("/a", "cache", 100)
    assert (cached.p50_ms, cached.p99_ms, cached.mean_ms) == (1.0, 1.0, 990.891)
    assert (none.route, none.requests, none.p99_ms) == ("(none)", 1, 2.5)


def test_a_time_beyond_the_largest_bound_is_not_known() -> None:
    latency = Latency()
    latency.observe("/a", "database", 200, 99.0)
    (slow,) = sum_of_latencies([with_latency(latency)])
    assert (slow.p50_ms, slow.p99_ms) == (None, None)


def test_regions_add_up_limits_and_reasons() -> None:
    one = RegionStatistics(max_entries=500, max_bytes=7, misses={"absent": 5}, evictions={"bytes": 1})
    other = replace(one, misses={"absent": 1, "untrusted": 4}, evictions={"bytes": 2, "invalidated": 3})
    (region,) = sum_of_regions([with_region(one), with_region(other)])
    assert (region.max_entries, region.max_bytes, region.evictions) == (1000, 14, 6)
    assert region.evictions_by_reason == {"bytes": 3, "invalidated": 3}
    assert region.misses_by_reason == {"absent": 6, "untrusted": 4}


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
    (region,) = sum_of_regions([replace(worker(1, {}), latency=latency.statistics())])
    assert (region.requests, region.p50_ms, region.p99_ms) == (160, 1.0, 50.0)
    assert region.cache == Times(120, p50_ms=1.0, p99_ms=1.0)
    assert region.computed == Times(40, p50_ms=50.0, p99_ms=50.0)


def test_a_region_without_reads_has_no_times() -> None:
    (region,) = sum_of_regions([worker(0, {})])
    assert region.computed == Times(0, p50_ms=None, p99_ms=None)


def history(at: float, buckets: dict[int, dict[str, int]]) -> HistoryStatistics:
    rows = tuple((begun, *(counts.get(name, 0) for name in COUNTED)) for begun, counts in buckets.items())
    return HistoryStatistics(at, COUNTED, rows)


def test_history_is_every_ten_seconds_of_a_quarter_of_an_hour_all_workers_together() -> None:
    now = NOON + 17.0
    one = history(now, {NOON - 20: {"cache": 3, "requests": 9}, NOON - 2_000: {"cache": 99}})
    other = history(now, {NOON - 20: {"cache": 1, "database": 4}, NOON: {"stale": 1}, NOON + 600: {"cache": 99}})
    told = sum_of_history([(one, now), (other, now), (HistoryStatistics(), now)], now)
    assert [it.at for it in told] == [utc_text(at) for at in range(NOON - 890, NOON + 11, 10)]
    assert {it.at: it.cache for it in told if it.cache} == {utc_text(NOON - 20): 4}
    both = next(it for it in told if it.at == utc_text(NOON - 20))
    assert (both.database, both.requests, both.hit_ratio) == (4, 9, 0.5)
    assert told[0] == Answered(utc_text(NOON - 890), 0, 0, 0, 0, 0, 0, hit_ratio=None, complete=True)
    assert [it.complete for it in told[-3:]] == [True, True, False], "6 s and more after its end all is known"
    assert not sum_of_history([(one, now)], now - 2)[-2].complete


def test_a_process_whose_clock_is_wrong_counts_for_the_databases_time() -> None:
    ahead = history(NOON + 3_601.0, {NOON + 3_590: {"cache": 2}})
    told = sum_of_history([(ahead, NOON + 1.0)], NOON + 4.0)
    assert {it.at for it in told if it.cache} == {utc_text(NOON - 10)}


def test_a_worker_of_another_version_may_say_less_or_more() -> None:
    stranger = HistoryStatistics(NOON + 1.0, ("cache", "poems"), ((NOON, 5, 7),))
    assert sum_of_history([(stranger, NOON + 1.0)], NOON + 1.0)[-1].cache == 5


def test_reads_a_second_are_those_of_the_last_half_minute_that_is_over() -> None:
    buckets = {NOON - 40: {"cache": 900}, NOON - 30: {"cache": 30, "patched": 99}, NOON - 10: {"database": 15}}
    assert reads_per_second(history(NOON + 9.0, buckets | {NOON: {"cache": 900}})) == 1.5
    assert reads_per_second(HistoryStatistics()) is None


def test_the_hit_ratio_of_a_worker_is_that_of_all_its_regions() -> None:
    regions = {
        "dashboard": RegionStatistics(hits=90, misses={"absent": 10}),
        "agent": RegionStatistics(misses={"absent": 100}),
    }
    assert hit_ratio_of(WorkerStatistics(cache=CacheStatistics(regions=regions))) == 0.45
    assert hit_ratio_of(NOTHING) is None


def test_freshness_counts_computed_and_patched_reads_of_all_workers() -> None:
    workers = [worker(9, {}, materialized_view=3, database=1, patched=2), worker(9, {}, patched=1), NOTHING]
    drained = Watermark(epoch=1, drain_id=2, age_seconds=0.1, undrained_rows=4, stale_keys=7, feed_rows=0)
    assert freshness(drained, workers) == Freshness(
        drain_age_seconds=0.1, drain_lag=4, stale_keys=7, patched_reads=3, computed_reads=4
    )
    assert freshness(None, []).drain_lag is None


ROW = WorkerRow(
    worker_id="a",
    host="here",
    pid=7,
    started_at="2026-05-04T10:11:12Z",
    uptime_seconds=60.0,
    seen_seconds_ago=1.0,
    reported_at=NOON + 1.0,
    is_running=True,
    report="",
)


def test_a_worker_says_at_once_what_people_look_at_first() -> None:
    statistics = WorkerStatistics(
        feed=FollowerStatistics(lag_seconds=0.1, trusted=True, connected=True),
        process=ProcessStatistics(resident_bytes=5_000),
        event_streams=EventStreamStatistics(open=3, limit=20),
    )
    told = worker_state(ROW, WorkerReport(statistics, history(NOON + 1.0, {NOON - 10: {"cache": 60}})))
    assert told.statistics == statistics
    assert (told.pid, told.host, told.seen_seconds_ago) == (7, "here", 1.0)
    assert (told.memory_bytes, told.feed_lag_seconds, told.event_streams) == (5_000, 0.1, 3)
    assert (told.trusted, told.connected, told.reads_per_second) == (True, True, 2.0)


def test_of_a_worker_that_says_nothing_nothing_is_told() -> None:
    bare = worker_state(ROW, WorkerReport())
    assert (bare.trusted, bare.connected) == (False, False)
    assert {bare.memory_bytes, bare.feed_lag_seconds, bare.event_streams, bare.reads_per_second} == {None}
