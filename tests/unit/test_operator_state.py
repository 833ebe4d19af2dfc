"""Sums over what workers report: hit ratios and sources, whatever a worker leaves out."""

from web.operator_state import sum_of_regions, sum_of_sources


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
