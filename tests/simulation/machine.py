"""The machine: what may happen next, as rules by name.

Invariant: every rule is something that a real database, network, process or user can do at that moment. The file is
as long as the list of such things; each is a few lines.
"""

from functools import cache
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Rule, precondition, rule

from refresher.front_cache.entry import EntryKey
from tests.simulation.questions import CHANGES, DAYS, GLOBS, KEYS, Change, H
from tests.simulation.stage import MOST_REQUESTS, MOST_WARMINGS, POLICIES, Request, Stage
from tests.simulation.worker import MEMORY_ROWS
from tests.web.reads.database_fakes import GONE
from web.reads.read_path import ReadPolicy

SECONDS = (0.02, 0.1, 0.3, 0.6, 1.1)
CLOCK_STEPS = (-3600.0, -0.9, -0.5, -0.3, 0.5, 3600.0)
ORDINARY = {
    "read_goes_on": 12,
    "change_comes_through": 8,
    "request": 6,
    "read_whole": 6,
    "poll_whole": 6,
    "commit": 6,
    "write_is_read_back_amid_a_request": 1,
}
BACKGROUND = {"warm": 3, "warming_goes_on": 5, "warming_fails": 1, "sweep": 1}
DISASTERS = {
    "clock_step": 2,
    "crash": 1,
    "forget_feed": 1,
    "leader_changes": 1,
    "leader_is_gone": 1,
    "poll_lost": 1,
    "restore_from_backup": 1,
    "worker_paused": 1,
    "manual_invalidation": 1,
    "all_is_well": 1,
}
OTHERS_WEIGHT = 3
ELSEWHERE = Change(2, "loans", DAYS[0])  # concerns nobody who asks
keys, changes, degrees = st.sampled_from(KEYS), st.sampled_from(CHANGES), st.integers(0, 5)


@cache
def _by_weight(machine: "type[Simulation]") -> st.SearchStrategy[Rule]:
    """Return the choice of the next rule: the frequent ones more often, none switched off.

    Hypothesis by itself switches half of the rules off in each schedule; in hardly one could a change then travel
    from a writer to a hit. And it likes the first of a choice: that shall be a request.
    """
    rules = sorted(machine.setup_state().rules, key=lambda it: it.function.__name__ != "request")
    return st.sampled_from(
        [it for it in rules for _ in range(machine.weights.get(it.function.__name__, OTHERS_WEIGHT))]
    )


class Simulation(Stage):
    """A database, its leader, a network and one worker, under any schedule."""

    weights: ClassVar[dict[str, int]] = ORDINARY | BACKGROUND | DISASTERS

    def __init__(self) -> None:
        super().__init__()
        rules = self._rules_strategy
        rules._enabled_rules_strategy = _by_weight(type(self)).filter(rules.is_valid)
        self.poll_whole()

    # --- time and clocks

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    # --- writers

    @rule(change=changes)
    def commit(self, change: Change) -> None:
        self.world.commit(change)

    @rule(change=changes)
    def transaction_opens(self, change: Change) -> None:
        self.world.open.append(change)

    @precondition(lambda self: self.world.open)
    @rule()
    def commit_late(self) -> None:
        self.world.commit(self.world.open.pop(0))

    @rule(change=changes, key=keys)
    def write_and_read_back(self, change: Change, key: EntryKey) -> None:
        self.world.commit(change)
        self.read_whole(key, POLICIES[2])

    @rule(glob=st.sampled_from(GLOBS))
    def manual_invalidation(self, glob: Change) -> None:
        self.world.globs.append(glob)

    # --- the leader

    @precondition(lambda self: self.world.term)
    @rule()
    def drain(self) -> None:
        if not self.world.looked:
            self.world.look()
        self.world.commit_drain()

    @precondition(lambda self: self.world.term and not self.world.looked)
    @rule()
    def drain_looks(self) -> None:
        self.world.look()

    @precondition(lambda self: self.world.looked)
    @rule()
    def drain_commits(self) -> None:
        self.world.commit_drain()

    @precondition(lambda self: self.world.term and not self.world.looked)
    @rule()
    def heartbeat(self) -> None:
        self.world.now += 0.25
        self.drain()

    @rule(change=changes)
    def change_comes_through(self, change: Change) -> None:
        """A change is committed, drained, and the worker hears of it; what it runs itself takes longer."""
        self.world.commit(change)
        self.moment_passes(0.05)

    @rule(first=st.integers(0, len(CHANGES) - 1))
    def more_changes_than_remembered_come_through(self, first: int) -> None:
        for i in range(MEMORY_ROWS + 1):
            self.world.commit(CHANGES[(first + i) % len(CHANGES)])
            if self.world.term:
                self.drain()
        self.moment_passes(0.05)

    @rule(seconds=st.sampled_from((0.05, 0.05, 0.26)))
    def moment_passes(self, seconds: float) -> None:
        """Leader and follower do what they should."""
        self.world.now += seconds
        if self.world.term:
            self.drain()
        if not self.stopped:
            self.poll_whole()

    # --- disasters, each of little weight: most steps are ordinary ones

    @rule(degree=degrees)
    def leader_changes(self, degree: int) -> None:
        self.world.leader_changes(1 + degree // 4)

    @rule(change=changes, keep=st.sampled_from((0, 0, 1)))
    def forget_feed(self, change: Change, keep: int) -> None:
        """Collect old rows, those of a change among them that the worker has not asked for yet."""
        for it in (change, ELSEWHERE):
            self.world.commit(it)
            if self.world.term:
                self.drain()
        self.world.forget_feed(keep)

    @rule(degree=degrees)
    def crash(self, degree: int) -> None:
        self.world.crash()
        self.world.now += (0.15, 0.4)[degree % 2]

    @rule(degree=degrees, change=changes)
    def restore_from_backup(self, degree: int, change: Change) -> None:
        """Put an older state back; a link may outlive it when something in between reconnects and says nothing."""
        self.world.restore(1 + degree // 2)
        self.world.commit(change)
        self.world.now += H + 0.1  # nobody does it in less
        if degree % 2 and self.worker.follower.link is not None:
            self.worker.follower.link.survive_restart()

    @rule(degree=degrees)
    def clock_step(self, degree: int) -> None:
        """Step the database's clock, often after a standstill as long as the step."""
        step = CLOCK_STEPS[degree]
        self.world.now += -step + 0.02 if -H < step < 0 else 0.0
        self.world.database_ahead += step

    @rule()
    def poll_lost(self) -> None:
        if self.worker.follower.link is not None:
            self.worker.follower.link.cut = True

    @rule()
    def leader_is_gone(self) -> None:
        self.world.term = self.world.looked = None

    # --- the follower

    def feed_is_at(self, *places: str) -> bool:
        feed = self.worker.feed
        return not self.stopped and feed.place in places and feed.ready()

    @precondition(lambda self: self.feed_is_at("start", "feed: waits to connect", "feed: connecting"))
    @rule()
    def reconnect(self) -> None:
        self.worker.feed.resume()

    @precondition(lambda self: not self.stopped and self.worker.feed.place == "feed: listening")
    @rule()
    def poll_sent(self) -> None:
        """It is time, or there was a notification, real or forged: the difference is none."""
        assert self.worker.follower.link is not None
        self.worker.follower.link.notified = True
        self.worker.feed.resume()

    @precondition(lambda self: self.feed_is_at("feed: sent"))
    @rule()
    def poll_reaches_the_database(self) -> None:
        self.worker.feed.resume()

    @precondition(lambda self: self.feed_is_at("feed: answered"))
    @rule()
    def poll_answered(self) -> None:
        self.worker.feed.resume()

    @precondition(lambda self: not self.stopped)
    @rule()
    def poll_whole(self) -> None:
        """Whatever the follower is doing, it ends; then a poll is sent and answered at once."""
        self._until_listening()
        if self.worker.feed.place == "feed: listening":
            self.poll_sent()
            self._until_listening()

    def _until_listening(self) -> None:
        for _ in range(12):
            if self.worker.feed.place != "feed: listening" and self.worker.feed.ready():
                self.worker.feed.resume()

    # --- the worker's process

    @precondition(lambda self: not self.stopped)
    @rule(seconds=st.sampled_from((0.0, 0.6, 1.5)))
    def worker_paused(self, seconds: float) -> None:
        self.stopped = True
        self.world.now += seconds

    @precondition(lambda self: self.stopped)
    @rule()
    def worker_goes_on(self) -> None:
        self.stopped = False

    # --- requests

    @precondition(Stage.may_arrive)
    @rule(key=keys, policy=st.sampled_from(POLICIES), steps=st.sampled_from((3, 3, 2, 1)))
    def request(self, key: EntryKey, policy: ReadPolicy, steps: int) -> None:
        """It arrives, and is answered at once or goes on: until it missed, was sent, or the database has answered."""
        owed, task = self.owed(key, policy), self.worker.read(key, policy)
        self.requests.append(Request(key, policy, self.world.now, owed, task))
        self._resume(self.requests[-1], steps)

    @precondition(lambda self: self.requests and self.may_arrive())
    @rule(policy=st.sampled_from(POLICIES))
    def request_likewise(self, policy: ReadPolicy) -> None:
        """Ask for something that is being computed."""
        self.request(self.requests[0].key, policy, 2)

    @precondition(Stage.may_arrive)
    @rule(key=keys, change=changes, steps=st.sampled_from((3, 4)))
    def write_is_read_back_amid_a_request(self, key: EntryKey, change: Change, steps: int) -> None:
        """The database has answered a request, and nobody has taken the answer, when its user sees a later state."""
        self.request(key, POLICIES[0], steps)
        self.write_and_read_back(change, key)

    @precondition(lambda self: self.ready_requests())
    @rule(which=st.integers(0, MOST_REQUESTS - 1), steps=st.sampled_from((1, 1, 2, 9)))
    def read_goes_on(self, which: int, steps: int) -> None:
        """From one of its places to the next: missed, sent, answered, about to end, over."""
        ready = self.ready_requests()
        self._resume(ready[which % len(ready)], steps)

    @precondition(lambda self: any(it.task.place == "read: sent" for it in self.ready_requests()))
    @rule()
    def read_fails(self) -> None:
        it = next(it for it in self.ready_requests() if it.task.place == "read: sent")
        it.task.resume(GONE)
        self._take(it)

    @precondition(Stage.may_arrive)
    @rule(key=keys, policy=st.sampled_from(POLICIES))
    def read_whole(self, key: EntryKey, policy: ReadPolicy) -> None:
        if self.may_arrive():
            self.request(key, policy, 9)

    # --- the worker's own computations

    @precondition(lambda self: not self.stopped and len(self.warmings) < MOST_WARMINGS)
    @rule(
        together=st.lists(keys, min_size=1, max_size=3, unique=True),
        renew=st.sampled_from((True, True, False)),
        steps=st.sampled_from((3, 2, 9)),
    )
    def warm(self, together: list[EntryKey], renew: bool, steps: int) -> None:
        """Answers are computed in the background, whether they are there or not; it goes on, or is over at once."""
        self.warmings.append(self.worker.warm(together, renew=renew))
        self.warming_goes_on_by(self.warmings[-1], steps)

    @precondition(lambda self: not self.stopped and self.warmings)
    @rule(which=st.integers(0, MOST_WARMINGS - 1), steps=st.sampled_from((1, 1, 2, 9)))
    def warming_goes_on(self, which: int, steps: int) -> None:
        self.warming_goes_on_by(self.warmings[which % len(self.warmings)], steps)

    @precondition(lambda self: not self.stopped and any(it.place == "read: sent" for it in self.warmings))
    @rule()
    def warming_fails(self) -> None:
        self.warming_goes_on_by(next(it for it in self.warmings if it.place == "read: sent"), 1, GONE)

    @precondition(lambda self: not self.stopped)
    @rule()
    def sweep(self) -> None:
        self.worker.cache.sweep()
        for key in KEYS:
            entry = self.worker.cache.last_resort(key, self.world.now, 1e9)
            assert entry is None or self.world.now < entry.expires, "a swept entry is kept"

    # --- and when all is well

    @rule(key=keys)
    def all_is_well(self, key: EntryKey) -> None:
        """After a quiet second with a leader and a link, the cache is trusted, and a repetition is a hit."""
        self.stopped = False
        if self.world.term is None:
            self.world.leader_changes(1)
        while self.requests:
            for it in self.ready_requests():
                self._resume(it)
            self._end_warmings()
        self._end_warmings()
        for _ in range(4):
            self.world.now += 0.26
            self.drain()
            self.poll_whole()
        for _ in range(2):
            self.request(key, POLICIES[0], 9)
        assert self.worker.cache.may_answer(self.world.now), self.worker.cache.statistics()
        again = self.worker.path.read(key.dashboard, key.user, {})
        assert again.source == "cache", self.worker.cache.statistics()
        self.saw("well")

    def _end_warmings(self) -> None:
        for task in list(self.warmings):
            self.warming_goes_on_by(task, 9)
