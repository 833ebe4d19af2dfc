"""The front cache against a model: random interleavings of writes, drains, polls, fills and faults.

Two promises are checked after every step: no answer misses a write committed more than H before the request, and no
user is shown less than before. The same of every computation that requests may share.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refresher.cache import HARMLESS_REFUSALS, Fill, FrontCache
from refresher.entry import Entry, EntryKey
from refresher.feed import Dependence, FeedMemory, FeedRow, Poll, Position, concerns
from refresher.region import RegionLimits
from refresher.trust import Sighting
from tests.unit.cache_fakes import Clock, make_entry, make_key

H = 1.0
DAYS = [date(2026, 3, day) for day in (1, 2, 3)]
USERS = [1, 2]
QUESTIONS = {  # sources and days that each dashboard depends on
    "first": (frozenset({"calls"}), DAYS[0], DAYS[0]),
    "later": (frozenset({"calls", "leads"}), DAYS[1], DAYS[2]),
    "all": (frozenset({"leads"}), None, None),
}
KEYS = [*(make_key(1, dashboard) for dashboard in QUESTIONS), make_key(2, "later")]
SECONDS = [0.02, 0.05, 0.2, 0.4, 0.8, 1.1]
STEPS = [-3600.0, -0.5, 0.5, 3600.0]


class Write(NamedTuple):
    number: int
    committed: float
    user: int | None
    source: str
    day: date | None


class Drain(NamedTuple):
    drain_id: int
    epoch: int
    nonce: int
    writes: tuple[Write, ...]


@dataclass
class Running:
    fill: Fill
    entry: Entry | None = None
    undrained: bool = False
    holds: frozenset[Write] = frozenset()
    owed: set[Write] = field(default_factory=set)


def concerns_key(write: Write, key: EntryKey) -> bool:
    if write.user not in (None, key.user):
        return False
    return concerns(write.source, write.day, write.day, Dependence(key, *QUESTIONS[key.dashboard]))


class Model:
    """A database, a leader, one follower and its cache, with a clock moved by hand.

    Every step takes a number from 0 to 59, from which it makes its choices.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.database_ahead = 1e9
        limits = [RegionLimits("dashboard", max_entries=4, max_bytes=1_000_000)]
        memory = FeedMemory(max_rows=3, max_drains=6)
        self.cache = FrontCache(limits, trust_seconds=H, monotonic=self.clock, memory=memory)
        self.writes: list[Write] = []
        self.undrained: list[Write] = []
        self.drains = [Drain(1, 1, 1, ())]
        self.kept_from = 1
        self.drained_at = self.database_time()
        self.connected = False
        self.asked: tuple[int | None, float] | None = None
        self.answer: Poll | None = None
        self.running: list[Running] = []
        self.kept: list[Entry] = []
        self.holds: dict[int, frozenset[Write]] = {}
        self.refused: set[int] = set()
        self.shown: dict[int, set[Write]] = {user: set() for user in USERS}
        self.whole_poll(0)

    def database_time(self) -> float:
        return self.clock.now + self.database_ahead

    def owed(self, key: EntryKey) -> set[Write]:
        """Return the writes that an answer to a request arriving now must hold."""
        old = {write for write in self.writes if write.committed < self.clock.now - H - 1e-6}
        return {write for write in old | self.shown[key.user] if concerns_key(write, key)}

    # --- the world

    def time_passes(self, number: int) -> None:
        self.clock.advance(SECONDS[number % len(SECONDS)])

    def write(self, number: int) -> None:
        user = [1, 1, 1, 2, None][number % 5]
        source, day = ["calls", "leads"][number // 5 % 2], [*DAYS, *DAYS[1:], None][number // 10 % 6]
        written = Write(len(self.writes), self.clock.now, user, source, day)
        self.writes.append(written)
        self.undrained.append(written)

    def drain(self, _: int) -> None:
        newest = self.drains[-1]
        if self.undrained:
            self._append(newest._replace(drain_id=newest.drain_id + 1))
        self.drained_at = self.database_time()

    def new_leader(self, number: int) -> None:
        newest = self.drains[-1]
        # a nonce alone changes where a restored database repeats its epochs
        self._append(Drain(newest.drain_id + 1, newest.epoch + number % 2, newest.nonce + 1, ()))
        self.drained_at = self.database_time()

    def _append(self, drain: Drain) -> None:
        self.drains.append(drain._replace(writes=tuple(self.undrained)))
        self.undrained = []

    def old_drains_are_collected(self, number: int) -> None:
        self.kept_from = max(self.kept_from, self.drains[-1].drain_id - number % 3)

    def database_clock_steps(self, number: int) -> None:
        if self.asked is None:
            self.database_ahead += STEPS[number % len(STEPS)]

    # --- the follower

    def send_poll(self, _: int) -> None:
        if self.asked is None:
            applied = self.cache.applied
            self.asked = (applied.drain_id if applied and self.connected else None, self.clock.now)
            self.answer = None

    def answer_poll(self, _: int) -> None:
        if self.asked is None or self.answer is not None:
            return
        (since, sent), newest, now = self.asked, self.drains[-1], self.database_time()
        wanted = since if since is not None else newest.drain_id
        after = [drain for drain in self.drains if drain.drain_id > wanted and drain.drain_id >= self.kept_from]
        rows = [FeedRow(d.drain_id, w.user, w.source, w.day, w.day) for d in after for w in d.writes]
        seen = Sighting(sent, sent, now - self.drained_at, self.drained_at, now)
        self.answer = Poll(since, Position(newest.epoch, newest.nonce, newest.drain_id), seen, len(after), rows)

    def receive_poll(self, _: int) -> None:
        if (poll := self.answer) is None or (seen := poll.seen) is None:
            return
        self.asked, self.answer = None, None
        seen = Sighting(seen.sent, self.clock.now, seen.age, seen.drained_at, seen.database_time)
        arrived = Poll(poll.since, poll.newest, seen, poll.drains_since, poll.rows)
        self.cache.apply(arrived, reconnected=not self.connected)
        self.connected = True

    def whole_poll(self, number: int) -> None:
        for step in (self.send_poll, self.answer_poll, self.receive_poll):
            step(number)

    def link_is_lost(self, _: int) -> None:
        self.asked, self.answer, self.connected = None, None, False

    def all_works_for_a_while(self, number: int) -> None:
        for _ in range(number % 4 + 1):
            self.clock.advance([0.05, 0.4][number // 4 % 2])
            self.drain(0)
            self.whole_poll(0)

    # --- readers

    def begin_fill(self, number: int) -> None:
        self.running.append(Running(self.cache.begin(KEYS[number % len(KEYS)])))

    def read_in_fill(self, number: int) -> None:
        if waiting := [it for it in self.running if it.entry is None]:
            self._read(waiting[number % len(waiting)])

    def _read(self, it: Running) -> None:
        key, newest = it.fill.key, self.drains[-1]
        sources, first_day, last_day = QUESTIONS[key.dashboard]
        it.holds = frozenset(write for write in self.writes if concerns_key(write, key))
        it.undrained = any(concerns_key(write, key) for write in self.undrained)
        facts = {"sources": sources, "first_day": first_day, "last_day": last_day}
        it.entry = make_entry(newest.drain_id, began=it.fill.began, epoch=newest.epoch, **facts)

    def finish_fill(self, number: int) -> None:
        if ready := [it for it in self.running if it.entry]:
            self._finish(ready[number % len(ready)])

    def _finish(self, it: Running) -> None:
        self.running.remove(it)
        entry = it.entry
        assert entry is not None
        self.kept.append(entry)  # so that no identity is used twice
        self.holds[id(entry)] = it.holds
        epoch, drain_id = entry.epoch, entry.drain_id
        why = self.cache.finish(it.fill, entry, epoch=epoch, drain_id=drain_id, undrained=it.undrained)
        SEEN[f"fill {why}"] += 1
        if why is not None:
            self.refused.add(id(entry))
        if why is None or why in HARMLESS_REFUSALS:
            assert it.owed <= it.holds, f"shared with requests that were owed {it.owed - it.holds}"
        self.shown[it.fill.key.user] |= it.holds

    def whole_read(self, number: int) -> None:
        self.begin_fill(number)
        it = self.running[-1]
        self._read(it)
        self._finish(it)

    def request(self, number: int) -> None:
        key = KEYS[number % len(KEYS)]
        entry, _ = self.cache.lookup(key, self.clock.now)
        if entry is not None:
            self.shown[key.user] |= self.holds[id(entry)]

    def check(self) -> None:
        for it in self.running:
            if it.fill.joinable and self.cache.may_answer(self.clock.now):
                it.owed |= self.owed(it.fill.key)
        for key in KEYS:
            entry, _ = self.cache.lookup(key, self.clock.now)
            if entry is not None:
                SEEN["hit"] += 1
                assert id(entry) not in self.refused
                missing = self.owed(key) - self.holds[id(entry)]
                assert not missing, f"{key.label} misses {missing}"


STEP_WEIGHTS = {
    Model.time_passes: 3,
    Model.write: 6,
    Model.drain: 3,
    Model.send_poll: 2,
    Model.answer_poll: 2,
    Model.receive_poll: 2,
    Model.whole_poll: 2,
    Model.all_works_for_a_while: 3,
    Model.begin_fill: 4,
    Model.read_in_fill: 4,
    Model.finish_fill: 4,
    Model.whole_read: 3,
    Model.request: 3,
    Model.new_leader: 1,
    Model.link_is_lost: 1,
    Model.database_clock_steps: 2,
    Model.old_drains_are_collected: 2,
}
SEEN: Counter[str] = Counter()
steps = st.tuples(
    st.sampled_from([step for step, weight in STEP_WEIGHTS.items() for _ in range(weight)]), st.integers(0, 59)
)


def test_no_interleaving_shows_a_user_too_little() -> None:
    SEEN.clear()
    run_interleavings()
    assert SEEN["hit"] > 5000, "a run that hardly hits the cache proves nothing"
    assert all(SEEN[f"fill {why}"] for why in (None, "overtaken", "dropped", "epoch", "forgotten")), SEEN


@settings(max_examples=600, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=80, max_size=120))
def run_interleavings(program: list[tuple[object, int]]) -> None:
    model = Model()
    for step, number in program:
        step(model, number)  # type: ignore[operator]
        model.check()
