"""Which requests may wait for the database, and which are refused at once."""

import threading

import pytest

from models.errors import DatabaseUnavailable
from tests.refresher.front_cache.cache_fakes import Clock
from tests.waiting import until
from web.reads.computing import STALLED_SECONDS, Admission


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
