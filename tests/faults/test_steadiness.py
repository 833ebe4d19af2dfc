"""A run is steady only if its end is like its beginning; the check finds each way of growing."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.record.history import Attempt, History, Read
from tests.faults.runs.steadiness import Sample, unsteadiness, with_rates

BOUNDS: dict[str, Any] = {"users": 600, "most_connections": 40, "retention_seconds": 300}


def sample(at: float, *, megabytes: float = 100, connections: int = 20, **rows: float) -> Sample:
    tables = {"change_log": 1_000, "stale_key": 2_000, "feed": 500 * min(at, 310), "drain": 30 * min(at, 310)}
    counts = {name: round(count) for name, count in {**tables, **rows}.items()}
    return Sample(at, {"worker-1": round(megabytes * 1e6)}, connections, 0.0, counts, counts)


def run_of(seconds: int, grown: Callable[[float], dict[str, float]] = lambda at: {}) -> list[Sample]:
    """Return the samples of such a run; ``grown``: what is otherwise than in a steady one, by time."""
    return [sample(at, **grown(at)) for at in range(seconds // 40, seconds + 1, max(1, min(10, seconds // 40)))]


@pytest.mark.parametrize("seconds", [120, 400, 3600])
def test_tables_that_fill_until_their_retention_are_steady(seconds: int) -> None:
    assert unsteadiness(run_of(seconds), **BOUNDS) == []


def test_what_grows_while_a_run_warms_up_is_steady() -> None:
    assert unsteadiness(run_of(600, lambda at: {"megabytes": 60 + min(at, 60)}), **BOUNDS) == []


@pytest.mark.parametrize(
    ("grown", "found"),
    [
        (lambda at: {"megabytes": 100 + at / 10}, "worker-1 grew from"),
        (lambda at: {"connections": 20 + at / 10}, "connections late, more than 40"),
        (lambda at: {"change_log": 100 * at}, "change_log grew from"),
        (lambda at: {"stale_key": 100 * at}, "stale_key grew from"),
        (lambda at: {"feed": 500 * at}, "feed grew from"),
        (lambda at: {"drain": 30 * at}, "drain grew from"),
    ],
)
def test_growth_of_a_long_run_is_found(grown: Callable[[float], dict[str, float]], found: str) -> None:
    sentences = unsteadiness(run_of(1800, grown), **BOUNDS)
    assert [found in it and it.startswith("I9: ") for it in sentences] == [True]


def test_run_with_few_samples_proves_nothing() -> None:
    assert "prove nothing" in unsteadiness(run_of(600)[:6], **BOUNDS)[0]
    assert "prove nothing" in unsteadiness([], **BOUNDS)[0]


def test_rates_count_what_went_well_since_the_sample_before() -> None:
    reads = [Read("c", "worker-1", 1, False, at, at, 200 if at % 2 else 503) for at in range(1000, 1020)]
    attempts = [Attempt(True, 1003, 1004, None), Attempt(False, 1003, 1004, None), Attempt(True, 1003, 1004, "40P01")]
    rated = with_rates([sample(10), sample(20)], History([], reads, attempts), 1000.0)
    assert [(it.writes_a_second, it.reads_a_second) for it in rated] == [(0.1, 0.5), (0.0, 0.5)]
