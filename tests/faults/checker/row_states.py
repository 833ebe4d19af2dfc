"""The states of one row of the load, in order, and what an answer reveals about them.

State 0 is "not there yet"; write k leads to state k. State k exists at the earliest from ``sent[k - 1]`` on, and the
row has come to it, or beyond, when ``known[k - 1]`` is over. A write of unknown outcome may have been skipped.

Invariant: ``known`` never decreases along the list; it starts as what writers were told, and only ever falls, when an
answer shows that the row had got so far.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from math import inf

from tests.faults.record.encoding import TAG_SHIFT
from tests.faults.record.history import Read, Write

Place = tuple[int, int]  # user, day
TWICE = -1  # seen on two days at once


class RowStates:
    """One row; ``places[k]`` is where state k is, None: nowhere."""

    __slots__ = ("bit", "days", "known", "name", "places", "sent")

    def __init__(self, name: str, writes: list[Write]) -> None:
        writes = sorted(writes, key=lambda write: write.commit_sent)
        self.name, self.bit = name, writes[0].bit
        if any(write.bit != self.bit for write in writes) or self.bit >= TAG_SHIFT:
            raise ValueError(f"row {name} must have one bit, below {TAG_SHIFT}")
        self.places: list[Place | None] = [None, *map(_place, writes)]
        self.sent = [write.commit_sent for write in writes]
        self.known = [inf if write.committed is None else write.committed for write in writes]
        for number in range(len(writes) - 2, -1, -1):
            self.known[number] = min(self.known[number], self.known[number + 1])
        days: defaultdict[int, set[int]] = defaultdict(set)
        for place in filter(None, self.places):
            days[place[0]].add(place[1])
        self.days = dict(days)

    def reached(self, before: float) -> int:
        """Return the state that the row had got to, at least, before that time."""
        return bisect_left(self.known, before)

    def possible(self, until: float) -> int:
        """Return the last state that can have been visible until that time."""
        return bisect_right(self.sent, until)

    def seen(self, read: Read) -> int | None:
        """Return the day on which the answer has the row, None: on no day that was asked for; or ``TWICE``."""
        values = read.values
        days = [day for day in self.days.get(read.user, ()) if values.get(day, 0) >> self.bit & 1]
        return None if not days else days[0] if len(days) == 1 else TWICE

    def last(self, read: Read, seen: int | None, highest: int) -> int | None:
        """Return the last state, ``highest`` at most, in which ``read`` would see what it saw; or None."""
        return next((state for state in range(highest, -1, -1) if self._shows(read, state) == seen), None)

    def first(self, read: Read, seen: int | None, lowest: int) -> int | None:
        """Return the first state, ``lowest`` at least, in which ``read`` would see what it saw; or None."""
        states = range(lowest, len(self.places))
        return next((state for state in states if self._shows(read, state) == seen), None)

    def _shows(self, read: Read, state: int) -> int | None:
        place = self.places[state]
        return place[1] if place is not None and place[0] == read.user and place[1] in read.values else None

    def learn(self, state: int, at: float) -> None:
        """Note that somebody was shown ``state``, or a later one, at that time."""
        while state and self.known[state - 1] > at:
            self.known[state - 1] = at
            state -= 1


def rows_of(writes: Iterable[Write]) -> list[RowStates]:
    """Return all rows that were ever written for good, or perhaps.

    :raises ValueError: two rows could be at one place with one bit, so that no answer could tell them apart.
    """
    by_row: defaultdict[str, list[Write]] = defaultdict(list)
    for write in writes:
        if not write.rolled_back:
            by_row[write.row].append(write)
    return [RowStates(name, mine) for name, mine in by_row.items()]


def _place(write: Write) -> Place | None:
    return None if write.user is None or write.day is None else (write.user, write.day)
