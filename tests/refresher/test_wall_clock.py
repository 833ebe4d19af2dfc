"""A wall clock that was set is noticed, whichever way; one that runs is not."""

import pytest

from refresher.wall_clock import WallClock
from tests.refresher.front_cache.cache_fakes import Clock


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.5])
def test_a_step_is_noticed_once(step: float) -> None:
    wall, monotonic = Clock(), Clock()
    clock = WallClock(wall, monotonic)
    wall.advance(step)
    assert clock.was_set()
    assert not clock.was_set()


def test_time_that_passes_is_no_step() -> None:
    wall, monotonic = Clock(), Clock()
    clock = WallClock(wall, monotonic)
    for seconds in (0.0, 1.0, 86_400.0):
        wall.advance(seconds)
        monotonic.advance(seconds)
        assert not clock.was_set()
