"""The front cache against a model: random interleavings of writes, drains, polls, fills and faults.

Two promises are checked at every hit: no answer misses a write committed more than H before the request, and no
user is shown less than before. The same of every computation that requests may share.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

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


KEYS = [make_key(user, dashboard) for user in USERS for dashboard in sorted(QUESTIONS)]
SEEN = {"hits": 0}
keys = st.sampled_from(KEYS)
pick = st.integers(0, 5)


class CacheAgainstModel(RuleBasedStateMachine):
    """A database, a leader, one follower and its cache, with a clock moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.database_ahead = 1e9
        limits = [RegionLimits("dashboard", max_entries=4, max_bytes=1_000_000)]
        memory = FeedMemory(max_rows=5, max_drains=8)
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
        self.holds: dict[int, frozenset[Write]] = {}
        self.refused: list[Entry] = []
        self.kept: list[Entry] = []
        self.shown: dict[int, set[Write]] = {user: set() for user in USERS}
        self.a_whole_poll()

    def database_time(self) -> float:
        return self.clock.now + self.database_ahead

    def owed(self, key: EntryKey) -> set[Write]:
        """Return the writes that an answer to a request arriving now must hold."""
        old = {write for write in self.writes if write.committed < self.clock.now - H - 1e-6}
        return {write for write in old | self.shown[key.user] if concerns_key(write, key)}

    # --- the world

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.2, 0.4, 0.8, 1.1]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(
        user=st.sampled_from([*USERS, *USERS, None]),
        source=st.sampled_from(["calls", "leads"]),
        day=st.sampled_from([*DAYS, None]),
    )
    def write(self, user: int | None, source: str, day: date | None) -> None:
        written = Write(len(self.writes), self.clock.now, user, source, day)
        self.writes.append(written)
        self.undrained.append(written)

    @rule(beats=st.integers(1, 4), seconds=st.sampled_from([0.1, 0.4]))
    def everything_works_for_a_while(self, beats: int, seconds: float) -> None:
        for _ in range(beats):
            self.clock.advance(seconds)
            self.drain()
            self.a_whole_poll()

    @rule()
    def drain(self) -> None:
        newest = self.drains[-1]
        if self.undrained:
            writes = tuple(self.undrained)
            self.drains.append(newest._replace(drain_id=newest.drain_id + 1, writes=writes))
            self.undrained = []
        self.drained_at = self.database_time()

    @rule(what=st.sampled_from(["leader", "link", "clock", "collection", *["nothing"] * 4]), number=pick)
    def something_rare_happens(self, what: str, number: int) -> None:
        if what == "leader":
            self.a_new_leader()
        elif what == "link":
            self.asked, self.answer, self.connected = None, None, False
        elif what == "clock" and self.asked is None:
            self.database_ahead += [-3600.0, -2.0, -0.5, 0.5, 2.0, 3600.0][number]
        elif what == "collection":
            self.kept_from = max(self.kept_from, self.drains[-1].drain_id - number)

    def a_new_leader(self) -> None:
        newest = self.drains[-1]
        self.drains.append(Drain(newest.drain_id + 1, newest.epoch + 1, newest.nonce + 7, tuple(self.undrained)))
        self.undrained = []
        self.drained_at = self.database_time()

    # --- the follower

    @precondition(lambda self: self.asked is None)
    @rule()
    def a_poll_is_sent(self) -> None:
        applied = self.cache.applied
        self.asked = (applied.drain_id if applied and self.connected else None, self.clock.now)
        self.answer = None

    @precondition(lambda self: self.asked is not None and self.answer is None)
    @rule()
    def the_database_answers(self) -> None:
        assert self.asked is not None
        (since, sent), newest, now = self.asked, self.drains[-1], self.database_time()
        after = [d for d in self.drains if since is not None and d.drain_id > since and d.drain_id >= self.kept_from]
        rows = [FeedRow(d.drain_id, w.user, w.source, w.day, w.day) for d in after for w in d.writes]
        seen = Sighting(sent, sent, now - self.drained_at, self.drained_at, now)
        position = Position(newest.epoch, newest.nonce, newest.drain_id)
        self.answer = Poll(since, position, seen, len(after), rows)

    @precondition(lambda self: self.answer is not None)
    @rule()
    def the_answer_arrives(self) -> None:
        poll, self.asked, self.answer = self.answer, None, None
        assert poll is not None
        assert poll.seen is not None
        seen = Sighting(poll.seen.sent, self.clock.now, poll.seen.age, poll.seen.drained_at, poll.seen.database_time)
        arrived = Poll(poll.since, poll.newest, seen, poll.drains_since, poll.rows)
        self.cache.apply(arrived, reconnected=not self.connected)
        self.connected = True

    @rule()
    def a_whole_poll(self) -> None:
        if self.asked is None:
            self.a_poll_is_sent()
        if self.answer is None:
            self.the_database_answers()
        self.the_answer_arrives()

    # --- readers

    @rule(key=keys)
    def a_fill_begins(self, key: EntryKey) -> None:
        self.running.append(Running(self.cache.begin(key)))

    @precondition(lambda self: self.running)
    @rule(number=pick)
    def a_fill_reads(self, number: int) -> None:
        it = self.running[number % len(self.running)]
        if it.entry is not None:
            return
        key, newest = it.fill.key, self.drains[-1]
        sources, first_day, last_day = QUESTIONS[key.dashboard]
        it.holds = frozenset(write for write in self.writes if concerns_key(write, key))
        it.undrained = any(concerns_key(write, key) for write in self.undrained)
        it.entry = make_entry(
            newest.drain_id,
            began=it.fill.began,
            epoch=newest.epoch,
            sources=sources,
            first_day=first_day,
            last_day=last_day,
        )

    @precondition(lambda self: any(it.entry for it in self.running))
    @rule(number=pick)
    def a_fill_finishes(self, number: int) -> None:
        ready = [it for it in self.running if it.entry]
        it = ready[number % len(ready)]
        self.running.remove(it)
        entry = it.entry
        assert entry is not None
        why = self.cache.finish(it.fill, entry, epoch=entry.epoch, drain_id=entry.drain_id, undrained=it.undrained)
        self.shown[it.fill.key.user] |= it.holds
        if why is None or why in HARMLESS_REFUSALS:
            assert it.owed <= it.holds, f"shared with requests that were owed {it.owed - it.holds}"
        if why is not None:
            self.refused.append(entry)
        self.kept.append(entry)  # so that no identity is used twice
        self.holds[id(entry)] = it.holds

    @rule(key=keys)
    def a_read_at_once(self, key: EntryKey) -> None:
        self.a_fill_begins(key)
        number = len(self.running) - 1
        self.a_fill_reads(number)
        self.a_fill_finishes([it for it in self.running if it.entry].index(self.running[number]))

    @rule(key=keys)
    def a_request_arrives(self, key: EntryKey) -> None:
        entry, _ = self.cache.lookup(key, self.clock.now)
        if entry is not None:
            self.shown[key.user] |= self.holds[id(entry)]

    @invariant()
    def no_request_would_be_shown_too_little(self) -> None:
        for it in self.running:
            if it.fill.joinable and self.cache.may_answer(self.clock.now):
                it.owed |= self.owed(it.fill.key)
        for key in KEYS:
            entry, _ = self.cache.lookup(key, self.clock.now)
            if entry is not None:
                assert all(entry is not other for other in self.refused)
                missing = self.owed(key) - self.holds[id(entry)]
                assert not missing, f"{key.label} misses {missing}"

    def teardown(self) -> None:
        SEEN["hits"] += self.cache.statistics()["regions"]["dashboard"]["hits"]


def test_no_interleaving_shows_a_user_too_little() -> None:
    SEEN["hits"] = 0
    run_state_machine_as_test(
        CacheAgainstModel,
        settings=settings(
            max_examples=500,
            stateful_step_count=60,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert SEEN["hits"] > 1000, "a run that hardly hits the cache proves nothing"
