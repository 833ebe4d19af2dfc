"""Which rows one writer has in one table, and which places (user, day, bit) are still free for it.

Invariant: a place is given out once, whatever became of the row; writers of one run never share a place, nor a row.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.record.encoding import DAYS, MOVING_BITS, PLAIN_BITS, PLAIN_ROWS, plain_place

GROUP = 12  # users that the moving rows of one group move between; few of them are read often
ROWS_OF_A_USER = PLAIN_ROWS * 2 // 3  # the places of the highest numbers are for the rows of faults
MOST_KNOWN_ROWS = 500  # that a writer remembers to delete or to write about


@dataclass(slots=True)
class Row:
    """A row of the load; ``identity`` is None until the database has given one."""

    name: str
    bit: int
    user: int
    day: int
    identity: int | None = None


def groups_of(users: Sequence[int]) -> list[list[int]]:
    """Return the users in their groups; the first three of each are the ones that are read often."""
    return [list(users[first : first + GROUP]) for first in range(0, len(users), GROUP)]


@dataclass
class Book:
    """The rows of writer ``index`` of ``count`` writers.

    :param table: as SQL names it.
    :param captured: whether readers see it, so that its writes belong into the history.
    """

    table: str
    captured: bool
    index: int
    count: int
    users: Sequence[int]
    chance: random.Random
    known: list[Row] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)
    moving: list[tuple[list[int], int, Row | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open = list(self.users)
        slots = [(group, bit) for group in groups_of(self.users) for bit in range(MOVING_BITS)]
        self.moving = [(group, PLAIN_BITS + bit, None) for group, bit in slots[self.index :: self.count]]

    def new_rows(self, most: int = 1) -> list[Row]:
        """Return up to that many new rows of one user, none when all places are taken."""
        while self._open:
            place = self.chance.randrange(len(self._open))
            rows = self._new_rows_of(self._open[place], most)
            if rows:
                return rows
            self._open[place] = self._open[-1]
            self._open.pop()
        return []

    def _new_rows_of(self, user: int, most: int) -> list[Row]:
        first = self._numbers.get(user, self.index)
        numbers = range(first, ROWS_OF_A_USER, self.count)[:most]
        self._numbers[user] = first + len(numbers) * self.count
        rows = []
        for number in numbers:
            day, bit = plain_place(user, number)
            rows.append(Row(f"{user}/{number}", bit, user, day))
        return rows

    def note(self, row: Row) -> None:
        """Remember a row that is there for sure."""
        if len(self.known) >= MOST_KNOWN_ROWS:
            self.forget(self.a_known_row())
        self.known.append(row)

    def a_known_row(self) -> Row | None:
        """Return a row that is there for sure, or None."""
        return self.chance.choice(self.known) if self.known else None

    def forget(self, row: Row | None) -> None:
        """Never touch that row again."""
        if row in self.known:
            self.known.remove(row)

    def a_moving_slot(self) -> int | None:
        """Return the number of a moving row, placed already or not; None: this writer has none."""
        return self.chance.randrange(len(self.moving)) if self.moving else None

    def moving_row(self, slot: int) -> tuple[Row, bool]:
        """Return the row and whether it is in the database already; a new one gets a place."""
        group, bit, row = self.moving[slot]
        if row is not None:
            return row, True
        return Row(f"{group[0]}+{bit}", bit, self.chance.choice(group), self.chance.randrange(DAYS)), False

    def destination(self, slot: int) -> tuple[int, int]:
        """Return (user, day) to move the row to: another day of its user, or another user of the group."""
        group, _, row = self.moving[slot]
        assert row is not None
        stays = self.chance.random() < 0.5
        user = row.user if stays else self.chance.choice(group)
        return user, (row.day + self.chance.randrange(1, DAYS)) % DAYS

    def keep_moving(self, slot: int, row: Row) -> None:
        """Remember where a moving row is now."""
        group, bit, _ = self.moving[slot]
        self.moving[slot] = (group, bit, row)

    def abandon_moving(self, slot: int) -> None:
        """Never touch that row again: nobody knows whether it is there."""
        del self.moving[slot]
