"""What workers report: read back as it was written, whichever version wrote it, and complete as metrics."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from tests.web.telemetry.filled_statistics import filled_statistics
from web.telemetry.process_numbers import numbers_of
from web.telemetry.worker_statistics import HistoryStatistics, WorkerReport, WorkerStatistics

REPORT = WorkerReport(filled_statistics(), HistoryStatistics(5.5, ("cache",), ((0, 3),)))
# Numbers that are no metrics: other processes export them, or they are useful only with the worker's other values.
NO_METRICS = {
    "pid",
    "declaration",
    "cache.regions.one.hit_ratio",
    "cache.regions.other.hit_ratio",
    "cache.invalidations.rows.one",
    "cache.invalidations.rows.other",
    "cache.invalidations.dropped.one",
    "cache.invalidations.dropped.other",
    "cache.trust.remaining_seconds",
    "cache.feed.epoch",
    "cache.feed.drain_id",
    "cache.feed.remembered_rows",
    "cache.feed.remembers_from",
    "feed.trusted",
}


def numbers_in(value: Any, path: str = "") -> Iterator[str]:
    """Yield where in nested values there is a number, and no time or status of a request."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from numbers_in(member, f"{path}.{name}")
    elif isinstance(value, int | float):
        yield path.removeprefix(".")


def without(values: dict[str, Any], path: str) -> WorkerStatistics:
    """Return the statistics with a zero at that place."""
    changed = json.loads(json.dumps(values))
    *above, name = path.split(".")
    parent = changed
    for step in above:
        parent = parent[step]
    parent[name] = type(parent[name])(0)
    return WorkerReport.from_json(json.dumps(changed)).statistics


def test_a_report_is_read_back_as_it_was_written() -> None:
    assert WorkerReport.from_json(REPORT.as_json()) == REPORT


def test_a_number_that_is_not_finite_is_never_stored() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        WorkerReport(WorkerStatistics(started_at=float("nan"))).as_json()


def test_what_another_version_adds_is_ignored_and_what_it_lacks_counts_as_nothing() -> None:
    stored = json.loads(REPORT.as_json())
    stored["poems"] = {"written": 7}
    stored["cache"]["regions"]["one"]["rhymes"] = 5
    del stored["reads"]["stale"], stored["pool"], stored["history"]
    read = WorkerReport.from_json(json.dumps(stored))
    assert read.statistics.reads.stale == read.statistics.pool.size == 0
    assert read.statistics.reads.database == REPORT.statistics.reads.database
    assert read.statistics.cache == REPORT.statistics.cache
    assert read.history == HistoryStatistics()
    assert WorkerReport.from_json("{}") == WorkerReport()


@pytest.mark.parametrize("text", ["[]", '{"pid": "seven"}', '{"reads": 4}', '{"history": {"buckets": 1}}'])
def test_a_report_of_another_shape_counts_as_empty(text: str) -> None:
    assert WorkerReport.from_json(text) == WorkerReport()


def test_every_number_is_told_as_a_metric_but_those_that_are_listed() -> None:
    values = asdict(REPORT.statistics)
    everything = numbers_of(REPORT.statistics)
    untold = {path for path in numbers_in(values) if numbers_of(without(values, path)) == everything}
    assert untold == NO_METRICS
    assert len(set(numbers_in(values))) > 70
