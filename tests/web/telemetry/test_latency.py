"""Latencies and the other numbers of one process, as Prometheus reads them."""

import threading

import pytest

from refresher.front_cache.statistics import CacheStatistics, RegionStatistics
from tests.scraping import Scraped, parse
from tests.web.web_fakes import HELD, MISS, FakeWorker, bearer, make_app
from web.endpoints.metrics import exposition
from web.telemetry.latency import BOUNDS_SECONDS, Latency
from web.telemetry.metric_families import FAMILIES
from web.telemetry.metrics_folder import ServerNumbers
from web.telemetry.process_numbers import numbers_of
from web.telemetry.worker_statistics import (
    AccessStatistics,
    KeyStatistics,
    ProcessStatistics,
    WarmingStatistics,
    WorkerStatistics,
)

LOANS = "/api/v1/view/loans"


def told(statistics: WorkerStatistics) -> Scraped:
    return parse(exposition(ServerNumbers(numbers_of(statistics), 1, 0, 0.0)).decode())


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.0001, 0), (0.00011, 1), (20.0, 16), (20.1, 17)])
def test_an_observation_falls_in_the_bucket_that_bounds_it(seconds: float, bucket: int) -> None:
    latency = Latency()
    latency.observe("/x", "cache", 200, seconds)
    ((_, _, _, counts, total),) = latency
    assert counts.index(1) == bucket
    assert total == seconds


def test_no_observation_is_lost_between_threads() -> None:
    latency = Latency()

    def observe() -> None:
        for _ in range(2000):
            latency.observe("/x", "cache", 200, 0.001)

    threads = [threading.Thread(target=observe) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((_, _, _, counts, _),) = latency
    assert sum(counts) == 16_000


def test_buckets_are_told_as_prometheus_wants_them() -> None:
    latency = Latency()
    for seconds in (0.00005, 0.003, 0.003, 60.0):
        latency.observe("/x", "cache", 200, seconds)
    latency.observe("/x", "cache", 304, 0.003)
    latency.observe(None, None, 404, 0.001)
    scraped = told(WorkerStatistics(latency=latency.statistics()))
    labels = {"route": "/x", "source": "cache"}
    buckets = [scraped.value("frontview_request_seconds_bucket", **labels, le=str(bound)) for bound in BOUNDS_SECONDS]
    assert buckets == sorted(buckets)
    assert scraped.value("frontview_request_seconds_bucket", **labels, le="0.005") == 4
    assert scraped.value("frontview_request_seconds_bucket", **labels, le="+Inf") == 5
    assert scraped.value("frontview_request_seconds_count", **labels) == 5
    assert scraped.value("frontview_request_seconds_sum", **labels) == pytest.approx(60.00905, abs=1e-5)
    assert scraped.value("frontview_http_responses_total", route="/x", status="200") == 4
    assert scraped.value("frontview_http_responses_total", route="/x", status="304") == 1
    assert scraped.value("frontview_http_responses_total", route="(none)", status="404") == 1


def test_requests_are_observed_in_flask_and_before_it() -> None:
    worker = FakeWorker()
    worker.read_path.outcome = MISS
    client = make_app(worker).test_client()
    client.get(LOANS, headers=bearer())
    worker.read_path.held = HELD
    client.get(LOANS, headers=bearer())  # answered before Flask
    client.get("/nowhere/4711")
    client.get(LOANS)
    found = {(rule, source, status): sum(counts) for rule, source, status, counts, _ in worker.latency}
    assert found == {
        (LOANS, "materialized_view", 200): 1,
        (LOANS, "cache", 200): 1,
        ("(none)", "none", 404): 1,
        ("/api/v1/view/<name>", "none", 401): 1,
    }
    assert len(worker.read_path.asked) == 1


def test_a_process_that_has_not_begun_names_every_metric() -> None:
    scraped = told(WorkerStatistics())
    assert {name.removesuffix("_total").removesuffix("_bucket") for name in scraped.kinds} >= set(FAMILIES)


def test_warming_and_accesses_are_told_by_state_and_event() -> None:
    warming = WarmingStatistics(
        planned=7, plan_age_seconds=0.25, warmed={"predicted": 3}, renewed=4, skipped={"busy": 1}, failed=2
    )
    scraped = told(WorkerStatistics(warming=warming, accesses=AccessStatistics(reported_reads=12)))
    assert scraped.value("frontview_warming_state", state="planned") == 7
    assert scraped.value("frontview_warming_state", state="plan_age_seconds") == 0.25
    for event, count in {"warmed_predicted": 3, "renewed": 4, "skipped_busy": 1, "failed": 2}.items():
        assert scraped.value("frontview_warming_events_total", event=event) == count
    assert scraped.value("frontview_access_events_total", event="reported_reads") == 12


def test_the_keys_of_tokens_are_told_by_age_and_event() -> None:
    keys = KeyStatistics(age_seconds=7.5, fetched=3, fetch_failed=2, unknown=5, unavailable=1)
    scraped = told(WorkerStatistics(keys=keys))
    assert scraped.value("frontview_keys_age_seconds") == 7.5
    for event, count in {"fetched": 3, "fetch_failed": 2, "unknown": 5, "unavailable": 1}.items():
        assert scraped.value("frontview_key_events_total", event=event) == count
    assert not told(WorkerStatistics()).labels("frontview_keys_age_seconds"), "a shared secret has no age"


def test_a_region_is_told_with_its_renewals_and_the_ages_of_its_entries() -> None:
    region = RegionStatistics(renewals=3, ages={"1": 4, "inf": 6})
    scraped = told(WorkerStatistics(cache=CacheStatistics(regions={"a": region})))
    assert scraped.value("frontview_cache_renewals_total", region="a") == 3
    assert scraped.value("frontview_cache_entries_by_age", region="a", age="inf") == 6


def test_sums_of_time_do_not_depend_on_the_order_of_adding() -> None:
    """A sum that falls by its last bit is a restart to Prometheus, and the whole sum an increase."""
    seconds = [0.1, 0.2, 0.3, 0.7, 1e-5]
    parts = [numbers_of(WorkerStatistics(process=ProcessStatistics(cpu_seconds=value))) for value in seconds]

    def together(order: list[int]) -> float:
        total = numbers_of(WorkerStatistics())
        for index in order:
            for (name, labels), value in parts[index].counters.items():
                total.add(name, dict(labels), value)
        return total.counters["frontview_worker_cpu_seconds_total", ()]

    assert together([0, 1, 2, 3, 4]) == together([4, 3, 2, 1, 0]) == together([2, 0, 4, 1, 3])
