"""The stage: world, worker and running requests, and what must hold of them after every step.

Invariant: what an answer owes a request is fixed when the request arrives, from the world's own record and not from
the product's.
"""

from collections import Counter
from dataclasses import dataclass

from hypothesis.stateful import RuleBasedStateMachine, invariant

from models.errors import DatabaseUnavailable
from refresher.front_cache.entry import EntryKey
from tests.simulation.questions import KEYS, REGION, TTL_SECONDS, USERS, H
from tests.simulation.scheduler import Task
from tests.simulation.worker import MEMORY_ROWS, Worker
from tests.simulation.world import World
from web.reads.read_path import Reading, ReadPolicy

SEEN: Counter[str] = Counter()
POLICIES = (
    ReadPolicy(),
    ReadPolicy(),
    ReadPolicy(exact=True),
    ReadPolicy(max_age_seconds=0.3),
)
MOST_REQUESTS = 4
MOST_WARMINGS = 2
ROUNDING = 1e-6


@dataclass
class Request:
    """A running request and what it is owed: the changes that its answer must hold."""

    key: EntryKey
    policy: ReadPolicy
    arrived: float
    owed: int
    task: Task


class Stage(RuleBasedStateMachine):
    """Everything but the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.worker = Worker(self.world, self.saw)
        self.requests: list[Request] = []
        self.warmings: list[Task] = []
        self.shown = dict.fromkeys(USERS, 0)
        self.stopped = False
        SEEN["schedules"] += 1

    def saw(self, what: str) -> None:
        SEEN[what] += 1

    def teardown(self) -> None:
        SEEN["shared"] += self.worker.path.statistics().shared
        for task in (*(request.task for request in self.requests), *self.warmings, self.worker.feed):
            task.end()

    # --- requests

    def may_arrive(self) -> bool:
        return not self.stopped and len(self.requests) < MOST_REQUESTS

    def owed(self, key: EntryKey, policy: ReadPolicy) -> int:
        world = self.world
        oldest = min(H, policy.max_age_seconds if policy.max_age_seconds is not None else H)
        by_age = (
            world.visible if policy.exact else world.visible & world.committed_before(world.now - oldest - ROUNDING)
        )
        return world.concerning(key, by_age | self.shown[key.user])

    def ready_requests(self) -> list[Request]:
        return [] if self.stopped else [it for it in self.requests if it.task.ready()]

    def _resume(self, it: Request, steps: int = 1) -> None:
        for _ in range(steps):
            if it.task.place is not None and it.task.ready():
                it.task.resume()
        self._take(it)

    def _take(self, it: Request) -> None:
        """Judge the answer of a request that is over."""
        if it.task.place is not None:
            return
        self.requests.remove(it)
        if it.task.error is not None:
            self.saw("unavailable")
            if not isinstance(it.task.error, DatabaseUnavailable):
                raise it.task.error
            return
        self._judge(it, it.task.result)

    def _judge(self, it: Request, reading: Reading) -> None:
        world, answered = self.world, self.world.answers[reading.data.decode()]
        self.saw("exact" if it.policy.exact else reading.source)
        assert answered.key == it.key, "somebody else's answer"
        missing = it.owed & ~answered.holds & ~world.lost
        assert not missing, f"{it.key.labels[1]} from {reading.source} misses {world.told(missing)}"
        assert reading.age_seconds >= it.arrived - answered.snapshot_at - ROUNDING, "older than it says"
        if reading.source == "cache":
            assert not it.policy.exact
            assert it.arrived < answered.snapshot_at + TTL_SECONDS, "a hit has outlived its end"
            assert reading.data not in self.worker.cache.refused, "a refused fill was served"
        self.shown[it.key.user] |= answered.holds

    # --- computations in the background

    def warming_goes_on_by(self, task: Task, steps: int, error: Exception | None = None) -> None:
        for _ in range(steps):
            if task.place is not None and task.ready():
                task.resume(error)
        if task.place is not None:
            return
        self.warmings.remove(task)
        if task.error is not None:
            raise task.error
        for outcome in task.result:
            self.saw(f"warm: {outcome}")
        if list(task.result).count("stored") > 1:
            self.saw("warm: several stored")

    # --- what must hold

    @invariant()
    def all_holds(self) -> None:
        self.no_hit_would_miss_what_it_owes()
        self.nothing_refused_or_overtaken_is_kept()
        self.limits_hold()
        self.nothing_failed_that_cannot()

    def no_hit_would_miss_what_it_owes(self) -> None:
        for key in KEYS:
            entry, _ = self.worker.cache.lookup(key, self.world.now)
            assert self.worker.cache.hit(key, self.world.now) is entry
            if entry is not None:
                answered = self.world.answers[entry.data.decode()]
                missing = self.owed(key, POLICIES[0]) & ~answered.holds
                assert not missing, f"{key.labels[1]} would miss {self.world.told(missing)}"

    def nothing_refused_or_overtaken_is_kept(self) -> None:
        cache = self.worker.cache
        for key in KEYS:
            entry = cache.last_resort(key, self.world.now, 1e9)
            if entry is not None:
                assert entry.data not in cache.refused, "a refused fill is kept"
                holds = self.world.answers[entry.data.decode()].holds
                missing = self.world.concerning(key, cache.applied_look) & ~holds
                assert not missing, f"{key.labels[1]} is kept without {self.world.told(missing)}"

    def limits_hold(self) -> None:
        cache = self.worker.cache
        region = cache.statistics().regions[REGION.name]
        assert region.entries <= REGION.max_entries
        assert region.bytes <= REGION.max_bytes
        assert region.entries == cache.indexed()
        assert len(cache.memory) <= MEMORY_ROWS

    def nothing_failed_that_cannot(self) -> None:
        assert not self.worker.follower.defects, self.worker.follower.defects
        assert self.worker.path.statistics().cache_failed == 0
        assert self.worker.feed.place is not None, self.worker.feed.error
