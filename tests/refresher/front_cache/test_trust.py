"""Trust: what a poll proves about time, and when clocks prove nothing."""

import pytest

from refresher.front_cache.trust import NEVER, Sighting, Trust
from tests.refresher.front_cache.cache_fakes import DATABASE_AHEAD


class Clocks:
    """Two clocks and the polls made by them; ``step`` moves the database's one."""

    def __init__(self) -> None:
        self.trust = Trust(1.0)
        self.monotonic, self.offset = 1000.0, DATABASE_AHEAD
        self.drained_at = self.database()

    def database(self) -> float:
        return self.monotonic + self.offset

    def heartbeat(self, after: float = 0.25) -> None:
        self.monotonic += after
        self.drained_at = self.database()

    def poll(self, after: float = 0.0, *, there: float = 0.0, back: float = 0.0) -> None:
        self.monotonic += after
        sent = self.monotonic
        at = self.database() + there
        self.monotonic += there + back
        self.trust.observe(Sighting(sent, self.monotonic, at - self.drained_at, self.drained_at, at))


def test_nothing_is_trusted_before_the_first_poll() -> None:
    assert Trust(1.0).until == NEVER


def test_a_poll_proves_from_when_it_was_sent_minus_the_age_of_the_drain() -> None:
    trust = Trust(1.0)
    trust.observe(Sighting(sent=50.0, received=50.9, age=0.3, drained_at=900.0, database_time=900.3))
    assert trust.until == pytest.approx(50.0 - 0.3 + 1.0)


def test_an_answer_that_took_longer_than_the_limit_proves_nothing_any_more() -> None:
    clocks = Clocks()
    clocks.poll(back=3.0)
    assert clocks.trust.until < clocks.monotonic


def test_the_same_drain_polled_again_extends_nothing() -> None:
    clocks = Clocks()
    clocks.poll()
    until = clocks.trust.until
    for _ in range(20):
        clocks.poll(0.25)
    assert clocks.trust.until == pytest.approx(until)


def test_a_heartbeat_extends_trust() -> None:
    clocks = Clocks()
    clocks.poll()
    clocks.heartbeat()
    clocks.poll(0.1)
    assert clocks.trust.until == pytest.approx(clocks.monotonic - 0.1 + 1.0)


def test_an_age_below_zero_is_distrusted_until_drained_at_moved_twice() -> None:
    clocks = Clocks()
    clocks.drained_at += 0.5
    clocks.poll()
    assert clocks.trust.doubt == "negative_age"
    for expected in (False, False, True):
        assert (clocks.trust.until > clocks.monotonic) is expected
        clocks.heartbeat(0.6)
        clocks.poll(0.01)


@pytest.mark.parametrize("step", [0.2, -0.2, 3600.0, -3600.0])
def test_a_step_of_the_databases_clock_is_distrusted(step: float) -> None:
    clocks = Clocks()
    clocks.poll()
    clocks.heartbeat()
    clocks.poll(0.3)
    clocks.offset += step
    clocks.poll(0.1)
    assert clocks.trust.until == NEVER


def test_after_a_step_forward_two_moves_are_awaited() -> None:
    clocks = Clocks()
    clocks.poll()
    clocks.offset += 10
    clocks.poll(0.1)
    for expected in (False, False, True):
        assert (clocks.trust.until > clocks.monotonic) is expected
        clocks.heartbeat()
        clocks.poll(0.01)


def test_polls_that_see_the_same_drain_do_not_count_as_moves() -> None:
    clocks = Clocks()
    clocks.poll()
    clocks.offset += 10
    clocks.poll(0.1)
    clocks.heartbeat()
    for _ in range(10):
        clocks.poll(0.01)
    assert clocks.trust.until == NEVER


def test_a_slew_too_slow_for_one_poll_is_seen_over_many() -> None:
    clocks = Clocks()
    for _ in range(400):
        clocks.offset -= 0.005
        clocks.monotonic += 0.025
        clocks.drained_at = clocks.database()
        clocks.poll()
    assert clocks.trust.doubts > 0


def test_slow_links_are_no_drift() -> None:
    clocks = Clocks()
    for there, back in [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.3, 0.3), (0.0, 0.9), (0.9, 0.0)]:
        clocks.heartbeat()
        clocks.poll(there=there, back=back)
    assert clocks.trust.doubts == 0


def test_a_clock_a_little_too_fast_is_no_drift_over_an_hour() -> None:
    clocks = Clocks()
    clocks.poll()
    clocks.monotonic += 3600
    clocks.offset += 3600 * 0.0002
    clocks.heartbeat()
    clocks.poll()
    assert clocks.trust.doubts == 0


def test_drained_at_going_backwards_is_distrusted() -> None:
    clocks = Clocks()
    clocks.heartbeat()
    clocks.poll()
    clocks.drained_at -= 0.1
    clocks.poll()
    assert clocks.trust.doubt == "drained_at_backwards"


def test_lost_trust_returns_with_the_next_good_poll() -> None:
    clocks = Clocks()
    clocks.poll()
    clocks.trust.lose()
    assert clocks.trust.until == NEVER
    clocks.poll(0.1)
    assert clocks.trust.until > clocks.monotonic


def test_a_poll_between_a_drains_stamp_and_its_commit_does_not_hide_a_step_of_the_databases_clock() -> None:
    """The clock goes back 0.4 s at 10.1; answers take 0.4 s; drain n begins at 10.0 and commits at 10.8."""
    trust = Trust(1.0)
    ahead = 1000.0

    def see(sent: float, drained_at: float, offset: float) -> None:
        read_at = sent + offset
        trust.observe(Sighting(sent, sent + 0.4, read_at - drained_at, drained_at, read_at))

    for sent, stamp in ((8.0, 7.98), (8.45, 8.43), (8.9, 8.88), (9.35, 9.33), (9.95, 9.93)):
        see(sent, ahead + stamp, ahead)
    see(10.4, ahead + 9.97, ahead - 0.4)
    see(10.85, ahead + 10.0, ahead - 0.4)
    assert trust.until <= 10.0 + 1.0
