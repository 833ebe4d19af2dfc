"""Which requests may wait for the database, and which are refused at once."""

import threading
from collections.abc import Callable

import pytest

from models.errors import DatabaseUnavailable
from tests.refresher.front_cache.cache_fakes import Clock
from tests.waiting import until
from web.reads.computing import STALLED_SECONDS, WAIT_SECONDS, Admission


def test_a_place_that_was_given_back_is_free_again() -> None:
    admission = Admission(1)
    for _ in range(3):
        with admission.slot():
            pass


def test_a_burst_after_a_quiet_time_is_no_stall() -> None:
    clock = Clock()
    admission = Admission(1, monotonic=clock)
    clock.advance(60.0)
    leave = threading.Event()
    with admission.slot():
        waiting = threading.Thread(target=lambda: _enter(admission, leave))
        waiting.start()
        until(lambda: admission.waiting, "waiter")
    assert leave.wait(10)
    waiting.join()


def _enter(admission: Admission, entered: threading.Event) -> None:
    with admission.slot():
        entered.set()


def test_nobody_waits_where_nothing_comes_back() -> None:
    clock = Clock()
    admission = Admission(1, monotonic=clock)
    with admission.slot():
        clock.advance(STALLED_SECONDS)
        with pytest.raises(DatabaseUnavailable), admission.slot():
            pass


class Passing(threading.Condition):
    """A condition with which time passes for a waiter, and nothing else happens."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.advance(timeout or 0.0)
        return False

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        return self.wait(timeout) or predicate()


@pytest.mark.parametrize("since_last_move", [0.0, STALLED_SECONDS, 60.0])
def test_where_the_database_is_only_slow_a_request_waits_as_long_as_a_statement_may_take(
    since_last_move: float,
) -> None:
    clock = Clock(100.0)
    admission = Admission(1, clock, Passing(clock), patience_seconds=15.0, database_answers=lambda: True)
    with admission.slot():
        clock.advance(since_last_move)
        arrived = clock.now
        with pytest.raises(DatabaseUnavailable), admission.slot():
            pass
    assert clock.now == arrived + 15.0
    assert (admission.waiting, admission.statistics().refused) == (0, 1)


def test_a_place_that_comes_late_is_taken() -> None:
    clock = Clock()
    admission = Admission(1, clock, patience_seconds=15.0, database_answers=lambda: True)
    entered = threading.Event()
    with admission.slot():
        clock.advance(STALLED_SECONDS)
        waiting = threading.Thread(target=lambda: _enter(admission, entered))
        waiting.start()
        until(lambda: admission.waiting, "waiter")
    assert entered.wait(10)
    waiting.join()


def test_who_waits_is_refused_as_soon_as_the_database_answers_nobody() -> None:
    clock = Clock(100.0)
    answers = [True, True, False]
    admission = Admission(1, clock, Passing(clock), patience_seconds=15.0, database_answers=lambda: answers.pop(0))
    with admission.slot():
        clock.advance(STALLED_SECONDS)
        arrived = clock.now
        with pytest.raises(DatabaseUnavailable), admission.slot():
            pass
    assert clock.now == arrived + 2 * WAIT_SECONDS
    assert answers == []


def test_no_more_requests_wait_for_long_than_may_be_inside() -> None:
    clock = Clock()
    admission = Admission(2, clock, patience_seconds=15.0, database_answers=lambda: True)
    entered = [threading.Event() for _ in range(2)]
    with admission.slot(), admission.slot():
        clock.advance(STALLED_SECONDS)
        waiting = [threading.Thread(target=_enter, args=(admission, event)) for event in entered]
        for thread in waiting:
            thread.start()
        until(lambda: admission.waiting == 2, "waiters")
        with pytest.raises(DatabaseUnavailable), admission.slot():
            pass
        assert admission.waiting == 2
    for event, thread in zip(entered, waiting, strict=True):
        assert event.wait(10)
        thread.join()


def test_while_answers_come_a_request_waits_for_the_next_place() -> None:
    admission = Admission(1, monotonic=Clock())
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with admission.slot():
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(10)
    waiting = threading.Thread(target=lambda: until(lambda: admission.waiting, "waiter") and leave.set())
    waiting.start()
    with admission.slot():
        assert leave.is_set()
    holder.join()
    waiting.join()


def test_a_failure_inside_gives_the_place_back() -> None:
    admission = Admission(1)
    with pytest.raises(ZeroDivisionError), admission.slot():
        raise ZeroDivisionError
    with admission.slot():
        pass


def test_a_spare_place_is_there_while_more_than_half_are_free() -> None:
    admission = Admission(4)
    with admission.slot(), admission.spare_slot() as third, admission.spare_slot() as half:
        assert (third, half) == (True, False)
    with admission.spare_slot() as plenty:
        assert plenty


def test_the_only_place_is_spare_when_nobody_has_it() -> None:
    admission = Admission(1)
    with admission.spare_slot() as plenty, admission.spare_slot() as another:
        assert (plenty, another) == (True, False)


class SlowToWake(threading.Condition):
    """A condition whose waiters, once notified, go on only when ``awake`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.awake = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        notified = super().wait(timeout)
        self.release()
        try:
            assert self.awake.wait(10)
        finally:
            self.acquire()
        return notified


def test_no_place_is_spare_while_somebody_waits() -> None:
    changed = SlowToWake()
    admission = Admission(1, monotonic=Clock(), changed=changed)
    entered = threading.Event()
    with admission.slot():
        waiting = threading.Thread(target=lambda: _enter(admission, entered))
        waiting.start()
        until(lambda: admission.waiting, "waiter")
    assert admission.statistics().inside == 0, "the place was given back, and the waiter is not awake yet"
    with admission.spare_slot() as plenty:
        assert not plenty
    changed.awake.set()
    assert entered.wait(10)
    waiting.join()
