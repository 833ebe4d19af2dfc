"""Token buckets: how often a caller is let in, and how long one who is not has to wait."""

from tests.unit.cache_fakes import Clock
from web.token_bucket import TokenBuckets


def test_a_caller_is_let_in_as_often_at_once_as_in_a_minute() -> None:
    clock = Clock()
    buckets = TokenBuckets(30, clock)
    assert [buckets.take("a") for _ in range(30)] == [0.0] * 30
    assert buckets.take("a") == 2.0


def test_who_waits_as_long_as_told_is_let_in_and_once() -> None:
    clock = Clock()
    buckets = TokenBuckets(30, clock)
    for _ in range(30):
        buckets.take("a")
    clock.advance(0.5)
    wait = buckets.take("a")
    assert wait == 1.5
    clock.advance(wait)
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0


def test_a_refusal_costs_nothing() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, clock)
    buckets.take("a")
    assert [buckets.take("a") for _ in range(100)] == [60.0] * 100


def test_time_fills_no_bucket_beyond_its_size() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, clock)
    buckets.take("a")
    clock.advance(86_400)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 30.0]


def test_callers_have_buckets_of_their_own() -> None:
    buckets = TokenBuckets(1, Clock())
    assert (buckets.take("a"), buckets.take("b")) == (0.0, 0.0)
    assert buckets.take("a") > 0


def test_many_callers_take_no_more_memory_than_the_most_that_are_kept() -> None:
    buckets = TokenBuckets(1, Clock(), most_callers=10)
    for caller in range(1000):
        assert buckets.take(caller) == 0.0
    assert len(buckets._buckets) == 10
