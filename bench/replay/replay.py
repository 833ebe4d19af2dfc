"""Replays a trace against the real parts of a worker and of the leader, on a clock that skips idle time.

Real: PostgreSQL with capture, drain and feed; front cache, read path, warmer, access counts, and the planner with its
tables. One thread does everything in the order of the trace. Invariant: no duration is scaled: TTLs, the pauses of the
warmer, plan and sweep, and the minutes of an hour are what they are in operation, in seconds of the trace. The clock
jumps over the time in which nothing is due, and real time that a piece of work takes passes in the trace, too.

Simplified: polls of the feed between which nothing was written, and reports, are counted and not sent; the cache gets
what the polls would have returned. A change is drained and read by the worker 50 ms after its commit, together with
others of that time. While nothing changes, the warmer works once a second instead of four times. Work before the first
read is not counted: earlier hours would have done it, as the last minutes of the trace do it for the next hour.
"""

import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine, event

from bench.replay.fill_log import FillLog
from bench.replay.trace import SOME_RANGE, Event, Trace
from bench.system.application import REGIONS
from bench.system.dashboards import add_call
from models.connection import Connection
from models.engine import make_engine
from models.user_key import INTEGER
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.feed import Poll
from refresher.front_cache.follower import poll_statement, read_poll
from refresher.front_cache.limits import region_limits
from refresher.front_cache.trust import Sighting
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.warming.plan import WarmingPlanner, capacity_of
from refresher.warming.policy import Wanted
from views_sql.operations.catalog import load_application
from web.reads.background_fills import WantedFill
from web.reads.read_path import ReadPath
from web.telemetry.worker_reports import REPORT_SECONDS as WORKER_REPORT_SECONDS
from web.telemetry.worker_statistics import WarmingStatistics
from web.warming.accesses import REPORT_SECONDS as ACCESS_REPORT_SECONDS
from web.warming.warm_plan import Planned, WarmPlan
from web.warming.warmer import TICK_SECONDS, Warmer, WarmingPolicy

POLL_SECONDS = 0.25
DRAINED_AFTER_SECONDS = 0.05
IDLE_TICK_SECONDS = 1.0
PLANNER_SECONDS = 15.0
PLANNED_USERS = 1_000
FIRST_TICK_SECONDS = -300.0  # Planner and warmer begin five minutes before the trace.
FIXED = ("feed", "plan", "report", "accesses")  # Kinds of statements that a worker sends as time passes.
ASKED = ("stored", "refused", "failed")  # Outcomes of warming that took a statement.
NO_ENTRIES = {region.name: {"max_entries": 0} for region in REGIONS}


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run a worker.

    :param most_reads: the replay ends after this number; for contenders that keep no state.
    """

    name: str
    policy: WarmingPolicy
    regions: dict[str, dict[str, int]] = field(default_factory=dict)
    is_planned: bool = False
    most_reads: int | None = None


@dataclass(slots=True)
class Outcome:
    """The result of a replay: counts of reads and hits by kind, and statements by purpose.

    :param seconds: length of the trace.
    :param database_seconds: what the statements of reads and warming took.
    :param fills: fills by cause.
    """

    reads: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    statements: Counter[str] = field(default_factory=Counter)
    warming: WarmingStatistics = field(default_factory=WarmingStatistics)
    seconds: float = 0.0
    database_seconds: float = 0.0
    fills: FillLog = field(default_factory=FillLog)

    def hit_ratio(self, kind: str) -> float:
        """Return the hits for each read of that kind."""
        return self.hits[kind] / self.reads[kind] if self.reads[kind] else 0.0

    def statements_a_read(self, *kinds: str) -> float:
        """Return the statements of those kinds for each read."""
        return sum(self.statements[kind] for kind in kinds) / self.reads["all"]

    @property
    def reads_a_second(self) -> float:
        """Return how many reads the worker had a second."""
        return self.reads["all"] / self.seconds

    @property
    def fixed_a_second(self) -> float:
        """Return the statements a second that a worker sends even without requests."""
        return sum(self.statements[kind] for kind in FIXED) / self.seconds


class TraceClock:
    """Seconds of the trace; real time passes in it, and :meth:`skip_to` skips ahead."""

    def __init__(self) -> None:
        self._at, self._since = FIRST_TICK_SECONDS, time.perf_counter()

    def __call__(self) -> float:
        """Return the seconds since the trace began."""
        return self._at + time.perf_counter() - self._since

    def skip_to(self, moment: float) -> None:
        """Jump to that time; do nothing if it has passed already."""
        self._at, self._since = max(moment, self()), time.perf_counter()


class Replay:
    """One contender's worker, with its leader.

    :param leader: an own connection that leads, and its term.
    """

    def __init__(
        self, url: str, contender: Contender, trace: Trace, leader: tuple[Connection, Term], writer: Connection
    ) -> None:
        self._trace, self._contender, self._leader, self._writer = trace, contender, leader, writer
        self._clock = TraceClock()
        self._outcome = Outcome()
        self._purpose, self._changed, self._sent = "reads", False, 0.0
        self._wanted: list[Wanted] = []
        self._planned: list[Planned] | None = None
        self.engine = self._engine(url)
        self._catalog = load_application(writer)
        limits = region_limits(self._catalog.regions, contender.regions)
        self._cache = FrontCache(limits, monotonic=self._clock)
        self._reads = ReadPath(self.engine, self._cache, self._catalog, monotonic=self._clock)
        capacity = capacity_of(self._catalog, contender.regions, PLANNED_USERS)
        self._planner = WarmingPlanner(capacity, predictive=True, monotonic=self._clock)
        read_plan = partial(self._now_wanted, WarmPlan(self.engine, self._catalog))
        self._warmer = Warmer(self._cache, self._warm, read_plan, contender.policy, monotonic=self._clock)
        self._drain_at = self._beat_at = self._tick_at = self._planner_at = FIRST_TICK_SECONDS

    def run(self) -> Outcome:
        """Replay the whole trace."""
        begun = 0.0
        self._poll(afresh=True)
        for happening in self._trace.events:
            self._do_what_is_due(happening.at)
            if not self._outcome.reads:  # earlier work belongs to hours that are not replayed
                self._outcome.statements.clear()
                self._outcome.fills.begin()
                self._outcome.database_seconds = 0.0
                begun = happening.at
            self._clock.skip_to(happening.at)
            if happening.dashboard:
                self._read(happening)
            else:
                add_call(self._writer, happening.user)
                self._outcome.fills.changed(happening.user, self._clock())
                self._drain_at = min(self._drain_at, self._clock() + DRAINED_AFTER_SECONDS)
            if self._outcome.reads["all"] == self._contender.most_reads:
                break
        self._outcome.warming, self._outcome.seconds = self._warmer.statistics(), self._clock() - begun
        self._outcome.fills.end()
        self._count_reports()
        self.engine.dispose()
        return self._outcome

    def _count_reports(self) -> None:
        """Count what a worker sends at fixed intervals, and the polls that would have found nothing."""
        outcome = self._outcome
        outcome.statements["feed"] += int(outcome.seconds / POLL_SECONDS)
        outcome.statements["report"] = int(outcome.seconds / WORKER_REPORT_SECONDS)
        outcome.statements["accesses"] = int(outcome.seconds / ACCESS_REPORT_SECONDS)

    def _do_what_is_due(self, before: float) -> None:
        """Do everything that is due until then, in its order."""
        while (due := min(self._drain_at, self._tick_at, self._planner_at)) <= before:
            self._clock.skip_to(due)
            if due == self._drain_at:
                self._drain_at = float("inf")
                drain_once(*self._leader)
                self._poll()
            elif due == self._planner_at:
                self._planner_at = due + PLANNER_SECONDS
                if self._contender.is_planned:
                    self._plan()
            else:
                self._tick()
        self._purpose = "reads"

    def _tick(self) -> None:
        self._beat()
        self._purpose = "warming"
        before = self._outcome.statements.total(), self._changed
        self._warmer.tick()
        self._changed = False
        is_idle = before == (self._outcome.statements.total(), False)
        self._tick_at = self._clock() + (IDLE_TICK_SECONDS if is_idle else TICK_SECONDS)

    def _read(self, event: Event) -> None:
        self._beat()
        arguments: Mapping[str, Hashable]
        if event.dashboard == SOME_RANGE:
            dashboard, arguments = "analytics", {"granularity": "week"}
        else:
            dashboard, arguments = event.dashboard, self._catalog.dashboard(event.dashboard).defaults
        hit = self._reads.read(dashboard, event.user, arguments).source == "cache"
        self._outcome.fills.read(self._reads.key(dashboard, event.user, arguments), self._clock(), hit=hit)
        for kind in ("all", *event.kinds):
            self._outcome.reads[kind] += 1
            self._outcome.hits[kind] += hit

    def _warm(self, wishes: Sequence[WantedFill]) -> list[str]:
        outcomes = self._reads.warm(wishes)
        computed = {it.key: it.reason for it, outcome in zip(wishes, outcomes, strict=True) if outcome in ASKED}
        self._outcome.fills.filled(computed, self._clock())
        return outcomes

    def _beat(self) -> None:
        """Give the cache what a poll returns when nothing was written, if one was due."""
        if self._clock() < self._beat_at or self._drain_at != float("inf"):
            return
        applied = self._cache.applied
        assert applied is not None
        self._cache.apply(Poll(applied.drain_id, applied, self._sighting()))
        self._beat_at = self._clock() + POLL_SECONDS

    def _poll(self, *, afresh: bool = False) -> None:
        applied = self._cache.applied
        since = None if afresh or applied is None else applied.drain_id
        sent = self._clock()
        self._outcome.statements["feed"] += 1
        rows = self._leader[0].execute(poll_statement(INTEGER), {"since": since}).fetchall()
        self._changed, self._tick_at = True, min(self._tick_at, self._clock() + TICK_SECONDS)
        self._cache.apply(replace(read_poll(since, rows, sent, self._clock(), INTEGER), seen=self._sighting()))
        self._beat_at = self._clock() + POLL_SECONDS

    def _sighting(self) -> Sighting:
        now = self._clock()
        return Sighting(now, now, 0.0, now, now)

    def _plan(self) -> None:
        now = self._trace.begin + timedelta(seconds=self._clock())
        wanted = self._planner.work(self._writer, now)
        if wanted != self._wanted:
            self._wanted, self._planned = wanted, None

    def _now_wanted(self, plan: WarmPlan) -> list[Planned]:
        """Return the plan as of the trace's time instead of the database's; read again only after it was rewritten."""
        if not self._contender.is_planned:
            return []
        self._outcome.statements["plan"] += 1
        if self._planned is None:
            now = self._trace.begin + timedelta(seconds=self._clock())
            rows = self._writer.execute(
                "SELECT user_id, dashboard, reason, wanted_from FROM frontview.warm_plan "
                "WHERE wanted_from <= %s AND wanted_until > %s ORDER BY priority DESC, user_id, dashboard",
                (now, now),
            ).fetchall()
            self._planned = [plan.planned(*row) for row in rows]
        return self._planned

    def _engine(self, url: str) -> Engine:
        engine = make_engine(url, "frontview-bench-worker")

        @event.listens_for(engine, "before_cursor_execute")
        def begin(*_: object) -> None:
            self._outcome.statements[self._purpose] += 1
            self._sent = time.perf_counter()

        @event.listens_for(engine, "after_cursor_execute")
        def end(*_: object) -> None:
            self._outcome.database_seconds += time.perf_counter() - self._sent

        return engine
