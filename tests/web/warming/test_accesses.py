"""Access counts: what a read adds, and what is dropped when there are too many readers."""

import threading

from web.warming.accesses import AccessCounter


def test_reads_are_counted_by_user_and_dashboard_until_they_are_taken() -> None:
    counter = AccessCounter()
    for user, dashboard in ((1, "a"), (1, "a"), (1, "b"), (2, "a")):
        counter.note(user, dashboard)
    assert counter.take() == {(1, "a"): 2, (1, "b"): 1, (2, "a"): 1}
    assert counter.take() == {}


def test_of_too_many_readers_those_with_the_most_reads_are_kept() -> None:
    counter = AccessCounter(most_pairs=3)
    for user in range(3):
        for _ in range(10):
            counter.note(user, "a")
    for user in range(100, 120):
        counter.note(user, "a")
    counts = counter.take()
    assert {user for user, _ in counts} == {0, 1, 2}
    assert counter.dropped == 20
    assert sum(counts.values()) + counter.dropped == 50


def test_no_read_is_lost_between_threads() -> None:
    counter = AccessCounter()
    taken: list[int] = []

    def read() -> None:
        for _ in range(2_000):
            counter.note(1, "a")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    while any(reader.is_alive() for reader in readers):
        taken += counter.take().values()
    taken += counter.take().values()
    assert sum(taken) == 8_000
