"""Backoff: exponential with full jitter."""

from models.backoff import Backoff


def upper(_low: float, high: float) -> float:
    return high


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(0.1, 5.0, uniform=upper)
    assert [round(backoff.delay(), 3) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_each_delay_is_drawn_from_its_whole_range() -> None:
    ranges: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        ranges.append((low, high))
        return low

    backoff = Backoff(0.1, 5.0, floor_seconds=0.02, uniform=draw)
    assert [backoff.delay(), backoff.delay()] == [0.02, 0.02]
    assert ranges == [(0.0, 0.1), (0.0, 0.2)]


def test_a_good_poll_begins_it_again() -> None:
    backoff = Backoff(0.1, 5.0, uniform=upper)
    for _ in range(5):
        backoff.delay()
    backoff.reset()
    assert backoff.delay() == 0.1


def test_a_thousand_failures_do_not_overflow() -> None:
    backoff = Backoff()
    assert all(0.02 <= backoff.delay() <= 5.0 for _ in range(2000))
