"""What answers about one user must, may and must not contain as time goes on.

Answers are examined in the order in which they were received. Beside each day stands the value it would have if every
write sent so far had committed; where an answer agrees, only rows in motion (changed so recently that answers may
rightly differ) need a closer look. So a check costs little more than one comparison a day of an answer.

Invariant: a row that no answer may see in two ways any more is at rest, and agreement with the value settles it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.checker.row_checks import Terms, examine_row, newest_contents
from tests.faults.checker.row_states import RowStates, rows_of
from tests.faults.checker.verdict import Findings
from tests.faults.record.encoding import BIT_MASK, TAG_SHIFT, bits_of, tag
from tests.faults.record.history import Read, Write


@dataclass(slots=True)
class _Motion:
    """A row that changed for this user just now: by its write ``number``; and what each client was shown of it."""

    number: int
    shown: dict[tuple[str, str], int] = field(default_factory=dict)


class UserTimeline:
    """One user's rows, and the values of their days after the changes sent so far."""

    def __init__(self, user: int) -> None:
        self.user = user
        self.changes: list[tuple[float, RowStates, int]] = []  # commit_sent, row, number of its write; in order
        self.rows: dict[tuple[int, int], RowStates] = {}  # by day and bit
        self.rolled_back: set[tuple[int, int]] = set()
        self._tag = tag(user)
        self._values: dict[int, int] = {}
        self._applied = 0
        self._motions: dict[RowStates, _Motion] = {}

    def claim(self, day: int, row: RowStates) -> None:
        """Note that ``row`` may be there."""
        if self.rows.setdefault((day, row.bit), row) is not row:
            other = self.rows[day, row.bit].name
            raise ValueError(f"rows {row.name} and {other} have one bit, {row.bit}, on day {day} of user {self.user}")

    def advance(self, now: float, horizon: float) -> None:
        """Apply what was sent until ``now``; no answer from here on was asked for before ``horizon`` + the window."""
        changes = self.changes
        while self._applied < len(changes) and changes[self._applied][0] <= now:
            self._apply(*changes[self._applied][1:])
            self._applied += 1
        for row, motion in list(self._motions.items()):
            if row.known[motion.number - 1] < horizon:
                del self._motions[row]

    def _apply(self, row: RowStates, number: int) -> None:
        before, after = row.places[number - 1], row.places[number]
        if before is not None and before[0] == self.user:
            self._values[before[1]] = self._values.get(before[1], self._tag) & ~(1 << row.bit)
        if after is not None and after[0] == self.user:
            self._values[after[1]] = self._values.get(after[1], self._tag) | 1 << row.bit
        self._motions.setdefault(row, _Motion(number)).number = number

    def examine(self, read: Read, terms: Terms, findings: Findings) -> float:
        """Note what is wrong with the answer; return its staleness, in seconds."""
        differences = {
            day: difference
            for day, value in read.values.items()
            if (difference := value ^ self._values.get(day, self._tag))
        }
        if any(difference >> TAG_SHIFT for difference in differences.values()):
            self._blame_foreign(read, differences, findings)
            return 0.0
        rows = dict.fromkeys(self._motions)
        for day, difference in differences.items():
            for bit in bits_of(difference & BIT_MASK):
                row = self.rows.get((day, bit))
                if row is None:
                    self._blame_phantom(read, day, bit, findings)
                else:
                    rows[row] = None
        rows.update(dict.fromkeys(self._changed_since(read.received, newest_contents(read, terms))))
        return max((self._examine_row(row, read, terms, findings) for row in rows), default=0.0)

    def _changed_since(self, received: float, newest: float) -> Iterable[RowStates]:
        """Yield the rows that changed after the contents of an answer, by its age, were read."""
        number = self._applied
        while newest < received and number and self.changes[number - 1][0] > newest:
            number -= 1
            yield self.changes[number][1]

    def _examine_row(self, row: RowStates, read: Read, terms: Terms, findings: Findings) -> float:
        if self.user not in row.days or read.values.keys().isdisjoint(row.days[self.user]):
            return 0.0
        client, motion = (read.client, read.worker), self._motions.get(row)
        shown = motion.shown.get(client, 0) if motion else 0
        state, staleness = examine_row(row, read, shown, terms, findings)
        if motion:
            motion.shown[client] = state
        return staleness

    def _blame_foreign(self, read: Read, differences: dict[int, int], findings: Findings) -> None:
        day = next(day for day, difference in differences.items() if difference >> TAG_SHIFT)
        owner = read.values[day] >> TAG_SHIFT
        findings.blame("I3", read, f"day {day} has the tag of user {owner}: value {read.values[day]}")

    def _blame_phantom(self, read: Read, day: int, bit: int, findings: Findings) -> None:
        why = "was rolled back" if (day, bit) in self.rolled_back else "no write ever set there"
        findings.blame("I3", read, f"day {day} has bit {bit}, which {why}: value {read.values[day]}")


def timelines_of(writes: list[Write]) -> dict[int, UserTimeline]:
    """Return the timelines of all users who ever had a row.

    :raises ValueError: rows cannot be told apart.
    """
    timelines: dict[int, UserTimeline] = {}
    for row in rows_of(writes):
        for user, days in row.days.items():
            timeline = timelines.setdefault(user, UserTimeline(user))
            for day in days:
                timeline.claim(day, row)
        for number, sent in enumerate(row.sent, 1):
            for user in {place[0] for place in row.places[number - 1 : number + 1] if place is not None}:
                timelines[user].changes.append((sent, row, number))
    for timeline in timelines.values():
        timeline.changes.sort(key=lambda change: change[0])
    for write in writes:
        if write.rolled_back and write.day is not None and write.user in timelines:
            timelines[write.user].rolled_back.add((write.day, write.bit))
    return timelines
