"""The history of a process: no answer lost or counted twice, whichever thread records it, whatever the clock does."""

import threading
import time
from typing import Any

from web.telemetry.history import BUCKET_SECONDS, COUNTED, KEPT_SECONDS, History

NOON = 1_790_000_000  # a multiple of ten


class Clock:
    def __init__(self) -> None:
        self.now = float(NOON)

    def __call__(self) -> float:
        return self.now


def told(history: History, name: str = "cache") -> dict[int, int]:
    statistics = history.statistics()
    column = statistics.columns.index(name) + 1
    return {bucket[0]: bucket[column] for bucket in statistics.buckets}


def test_a_record_adds_what_came_since_the_last_one_to_the_current_ten_seconds() -> None:
    history = History(clock := Clock())
    history.record({"cache": 5, "database": 1})
    clock.now += 9.9
    history.record({"cache": 7, "database": 1})
    clock.now += 0.1
    history.record({"cache": 7, "database": 4})
    assert told(history) == {NOON: 7, NOON + 10: 0}
    assert told(history, "database") == {NOON: 1, NOON + 10: 3}
    assert history.statistics().at == NOON + 10
    assert history.statistics().columns == COUNTED


def test_a_record_of_nothing_new_leaves_nothing() -> None:
    history = History(clock := Clock())
    history.record({"cache": 0})
    clock.now += 60
    history.record({"cache": 0})
    assert told(history) == {}


def test_it_keeps_a_quarter_of_an_hour() -> None:
    history = History(clock := Clock())
    for answered in range(1, 201):
        history.record({"cache": answered})
        clock.now += BUCKET_SECONDS
    newest = NOON + 199 * BUCKET_SECONDS
    assert list(told(history)) == list(range(newest - KEPT_SECONDS + BUCKET_SECONDS, newest + 1, BUCKET_SECONDS))


def test_records_that_overtake_each_other_count_nothing_twice() -> None:
    history = History(Clock())
    history.record({"cache": 10})
    history.record({"cache": 8})
    history.record({"cache": 12})
    assert told(history) == {NOON: 12}


class Overtaken(dict[str, int]):
    """Counters that let other threads run while they are compared with the last ones."""

    def items(self) -> Any:
        for item in super().items():
            yield item
            time.sleep(0.001)  # Lets another thread go on.


def test_threads_that_record_at_the_same_time_count_nothing_twice() -> None:
    for _ in range(10):
        history = History(Clock())
        threads = [threading.Thread(target=history.record, args=(Overtaken(cache=5),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told(history) == {NOON: 5}


def test_after_a_step_of_the_clock_nothing_is_told_of_times_to_come_and_counting_goes_on() -> None:
    history = History(clock := Clock())
    history.record({"cache": 1})
    clock.now += 86_400
    history.record({"cache": 3})
    assert told(history) == {NOON + 86_400: 2}
    clock.now = float(NOON)
    history.record({"cache": 6})
    assert told(history) == {NOON: 3}


def test_it_is_plain_values() -> None:
    history: Any = History(Clock())
    history.record(dict.fromkeys(COUNTED, 2))
    assert history.statistics().buckets == ((NOON, 2, 2, 2, 2, 2, 2),)
