"""The checker accepts whatever a correct store and a cache of bounded staleness do, and rejects a single defect.

The store is a list of commits, each visible from one moment on; an answer is the rows visible at a moment that the
promises allow. Times are whole milliseconds until the history is made of them.

Invariant: the simulation decides what an answer shows by moments alone; it shares no reasoning with the checker.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.checker.checker import check
from tests.faults.record.encoding import PLAIN_BITS, bits_of, tag
from tests.faults.record.history import History, Read, Write

USERS, DAYS, MOVING_ROWS = (1, 2), (0, 1, 2), 2
H_MS, SLOWEST_MS = 1_000, 300  # of a cached answer; of a statement
Place = tuple[int, int]


@dataclass(frozen=True)
class Commit:
    """A row is at a place (or nowhere) from a moment on; the moment is None if it never came to that."""

    row: str
    bit: int
    place: Place | None
    visible: int | None
    write: Write


class Store:
    """Commits in order of their moments, drawn by Hypothesis."""

    def __init__(self, draw: Callable[..., int]) -> None:
        self.draw, self.commits, self.now = draw, [], 5_000
        self._free = {(user, day): list(range(8)) for user in USERS for day in DAYS}
        self._plain: dict[str, tuple[int, Place]] = {}
        self._write("first", 0, (1, 0), "committed")  # so that there is something to leave out
        self._write("second", 1, (2, 0), "committed")
        for _ in range(draw(st.integers(2, 25))):
            self._step()
        self.end = self.now + 3_000

    def _step(self) -> None:
        kind = self.draw(st.sampled_from(["insert", "insert", "delete", "move", "move", "roll back"]))
        outcome = self.draw(st.sampled_from(["committed"] * 4 + ["unknown", "lost"]))
        place = (self.draw(st.sampled_from(USERS)), self.draw(st.sampled_from(DAYS)))
        if kind == "move":
            number = self.draw(st.integers(0, MOVING_ROWS - 1))
            self._write(f"moving {number}", PLAIN_BITS + number, place, outcome)
        elif kind == "delete" and self._plain:
            row = self.draw(st.sampled_from(sorted(self._plain)))
            self._write(row, self._plain.pop(row)[0], None, outcome)
        elif len(self._free[place]) > 2:
            bit = self._free[place].pop()
            row = f"{place} {bit}"
            self._write(row, bit, place, "rolled back" if kind == "roll back" else outcome)
            if outcome == "committed" and kind == "insert":
                self._plain[row] = (bit, place)

    def _write(self, row: str, bit: int, place: Place | None, outcome: str) -> None:
        self.now += self.draw(st.integers(1, 900))
        visible = self.now + self.draw(st.integers(0, 40))
        committed = visible + self.draw(st.integers(0, 40))
        user, day = place or (None, None)
        write = Write(row, bit, user, day, self.now / 1000, committed / 1000)
        if outcome != "committed":
            write = replace(write, committed=None, rolled_back=outcome == "rolled back")
        self.now = committed + 1
        self.commits.append(Commit(row, bit, place, visible if outcome in ("committed", "unknown") else None, write))

    def values(self, user: int, days: tuple[int, ...], moment: int) -> dict[int, int]:
        """Return what a snapshot of that moment holds."""
        where = {it.row: (it.bit, it.place) for it in self.commits if it.visible is not None and it.visible <= moment}
        values = {day: tag(user) for day in days}
        for bit, place in where.values():
            if place is not None and place[0] == user and place[1] in values:
                values[place[1]] += 1 << bit
        return values


def _reads(store: Store, draw: Callable[..., int]) -> list[Read]:
    """Return reads by clients, one after another; plain ones are answered from snapshots up to H old."""
    reads: list[Read] = []
    free_at: defaultdict[int, int] = defaultdict(int)
    shown_until: dict[tuple[int, int], int] = {}  # by client and user: the moment of the newest snapshot
    for _ in range(draw(st.integers(0, 30))):
        client, user = draw(st.integers(0, 2)), draw(st.sampled_from(USERS))
        days = draw(st.sampled_from([DAYS, (0,), (1, 2)]))
        sent = max(draw(st.integers(5_000, store.end)), free_at[client])
        received = sent + draw(st.integers(2, SLOWEST_MS))
        exact = draw(st.booleans())
        oldest = sent if exact else max(sent - H_MS, shown_until.get((client, user), 0))
        moment = draw(st.integers(oldest, max(oldest, received)))
        began = draw(st.integers(max(sent if exact else 0, moment - SLOWEST_MS), moment))
        now = draw(st.integers(max(began, sent), max(began, received)))
        free_at[client] = received + 1
        shown_until[client, user] = moment
        reads.append(_read(store, client, user, days, sent, received, moment, now - began, exact))
    return reads


def _read(
    store: Store,
    client: int,
    user: int,
    days: tuple[int, ...],
    sent: int,
    received: int,
    moment: int,
    age_ms: int,
    exact: bool,
) -> Read:
    values = store.values(user, days, moment)
    source = "database" if exact else "cache"
    watermark = (1, moment // 250)
    return Read(
        f"client-{client}",
        "worker-1",
        user,
        exact,
        sent / 1000,
        received / 1000,
        200,
        source,
        age_seconds=age_ms / 1000,
        watermark=watermark,
        values=values,
        whole=sum(values.values()),
    )


@st.composite
def histories(draw) -> History:
    store = Store(draw)
    reads = _reads(store, draw)
    end = store.end + 5_000  # an exact read of each user, before everything and after
    for user in USERS:
        reads.append(_read(store, 10 + user, user, DAYS, 1_000, 1_010, 1_005, 5, True))
        reads.append(_read(store, 10 + user, user, DAYS, end, end + 10, end + 5, 5, True))
    return History([it.write for it in store.commits], reads)


def _verdict(history: History, reads: list[Read] | None = None):
    return check(
        History(history.writes, history.reads if reads is None else reads),
        trust_seconds=H_MS / 1000,
        computing_seconds=SLOWEST_MS / 1000,
    )


def _with_values(read: Read, values: dict[int, int]) -> Read:
    return replace(read, values=values, whole=sum(values.values()))


@settings(max_examples=200, deadline=None)
@given(histories())
def test_what_correct_systems_answer_is_accepted(history: History) -> None:
    verdict = _verdict(history)
    assert verdict.ok, verdict


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_one_row_left_out_of_an_old_enough_answer_is_rejected(history: History, data: st.DataObject) -> None:
    candidates = [
        (number, write)
        for number, read in enumerate(history.reads)
        for write in history.writes
        if write.user == read.user
        and read.values.get(write.day, 0) >> write.bit & 1
        and write.committed is not None
        and write.committed < read.sent - (0 if read.exact else H_MS / 1000)
        and write.bit < PLAIN_BITS
        and not any(it.row == write.row and it.user is None for it in history.writes)
    ]
    number, write = data.draw(st.sampled_from(candidates))
    reads = list(history.reads)
    values = reads[number].values
    reads[number] = _with_values(reads[number], values | {write.day: values[write.day] - (1 << write.bit)})
    assert not _verdict(history, reads).ok


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_one_row_from_the_future_is_rejected(history: History, data: st.DataObject) -> None:
    candidates = [
        (number, write)
        for number, read in enumerate(history.reads)
        for write in history.writes
        if write.user == read.user
        and write.day in read.values
        and write.commit_sent > read.received
        and write.bit < PLAIN_BITS
    ]
    number, write = data.draw(st.sampled_from(candidates))
    reads = list(history.reads)
    values = reads[number].values
    reads[number] = _with_values(reads[number], values | {write.day: values[write.day] + (1 << write.bit)})
    assert not _verdict(history, reads).ok


@settings(max_examples=50, deadline=None)
@given(histories(), st.data())
def test_the_answer_to_another_user_is_rejected(history: History, data: st.DataObject) -> None:
    reads = list(history.reads)
    number = data.draw(st.integers(0, len(reads) - 1))
    reads[number] = replace(reads[number], user=3 - reads[number].user)
    assert not _verdict(history, reads).ok


@settings(max_examples=50, deadline=None)
@given(histories(), st.data())
def test_a_row_seen_and_then_gone_is_rejected(history: History, data: st.DataObject) -> None:
    """The defect is one that a client sees without knowing any commit: all outcomes are unknown."""
    writes = [replace(write, committed=None) for write in history.writes]
    last = max(history.reads, key=lambda read: read.sent)
    shown = [
        (day, bit)
        for day, value in last.values.items()
        for bit in bits_of(value - tag(last.user))
        if bit < PLAIN_BITS
        and not any(it.bit == bit and it.day is None and it.row == f"{(last.user, day)} {bit}" for it in writes)
    ]
    day, bit = data.draw(st.sampled_from(shown))
    later = replace(last, client="another", sent=last.received + 0.001, received=last.received + 0.01)
    again = _with_values(later, later.values | {day: later.values[day] - (1 << bit)})
    assert _verdict(History(writes), [*history.reads, later]).ok
    assert not _verdict(History(writes), [*history.reads, again]).ok
