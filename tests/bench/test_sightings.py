"""What the freshness benchmark makes of writes and answers: which of them count, and where the time went."""

from dataclasses import astuple

import pytest

from bench.watching.sightings import Shown, Sighting, Write, sightings, stages

USER, OTHER = 7, 8


def shown(at: float, calls: int, *, user: int = USER, cached: bool = True, computed: float = 0.0) -> Shown:
    return Shown(user, calls, at - 0.001, at, cached, computed)


def write(calls: int, sent: float) -> Write:
    return Write(USER, calls, sent, sent + 0.5)


def test_a_write_is_seen_by_each_connection_at_the_first_answer_with_it() -> None:
    first = [shown(1, 10), shown(3, 10), shown(4, 11)]
    second = [shown(1, 10), shown(5, 12)]
    found, left_out = sightings([write(11, 2.0)], [first, second])
    assert [it.milliseconds for it in found] == [1500, 2500]
    assert left_out == 0


def test_another_users_connection_says_nothing() -> None:
    found, left_out = sightings([write(11, 2.0)], [[shown(1, 99, user=OTHER), shown(3, 99, user=OTHER)]])
    assert (found, left_out) == ([], 0)


def test_a_write_that_met_no_cached_answer_is_left_out_and_counted() -> None:
    notes = [shown(1, 10, cached=False), shown(3, 11)]
    assert sightings([write(11, 2.0)], [notes]) == ([], 1)
    assert sightings([write(11, 0.5)], [notes]) == ([], 1)


def test_a_write_seen_before_its_commit_returned_took_no_time() -> None:
    found, _ = sightings([write(11, 2.0)], [[shown(1, 10), shown(2.1, 11)]])
    assert [it.milliseconds for it in found] == [0]


def test_a_write_that_is_never_shown_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="never shown"):
        sightings([write(11, 2.0)], [[shown(1, 10), shown(9, 10)]])


def test_the_stages_of_a_sighting_add_up_to_its_time() -> None:
    sighting = Sighting(write(11, 2.0), shown(2.9, 11, computed=1002.8))
    found = stages(sighting, [(USER, 1.0), (OTHER, 2.1), (USER, 2.6)], [2.5, 2.7], 1000.0)
    assert found is not None
    assert astuple(found) == pytest.approx((100, 100, 100, 100))
    assert sighting.milliseconds == pytest.approx(400)


def test_stages_that_cannot_be_told_are_none() -> None:
    sighting = Sighting(write(11, 2.0), shown(2.9, 11, computed=1002.8))
    assert stages(sighting, [(USER, 1.0)], [2.7], 1000.0) is None
    assert stages(sighting, [(USER, 2.6)], [2.5], 1000.0) is None
    computed_before = Sighting(sighting.write, shown(2.9, 11, computed=1001.5))
    assert stages(computed_before, [(USER, 2.6)], [2.7], 1000.0) is None
