"""The warmer: fills the front cache ahead of reads, from one thread of a worker.

Sources in this order: entries that were read and then invalidated; entries that are read and grow old; what the
leader's plan wants and the cache lacks. One statement computes everything that is due, and what will soon be due.

Invariant: it takes at most ``duty`` of one connection's time and pauses while real reads wait; its fills are those of
the read path, so no answer is computed twice at a time.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from models.allowance import Allowance
from refresher.front_cache.entry import EntryKey, Reads
from web.reads.background_fills import RENEWAL, WantedFill
from web.telemetry.worker_statistics import WarmingStatistics
from web.warming.expectations import LAPSED_SECONDS, Expectations
from web.warming.pace import Pace
from web.warming.warm_plan import Planned

TICK_SECONDS = 0.25
SCAN_SECONDS = 0.5  # How often it checks what the plan wants and the cache lacks.
RENEWAL_SECONDS = 1.0
PLAN_SECONDS = 5.0
SWEEP_SECONDS = 5.0
BUSY_SECONDS = 1.0
MOST_HOT = 2_000  # How many lost keys are remembered, the newest ones.
MOST_TOGETHER = 32
COMPANY_SECONDS = 5.0  # How early an answer is filled that shares a statement with others.
COMPANY_SHARE = 0.95  # A renewal that shares a statement with others comes at this part of the usual age.
FIRST_GUESS_SECONDS = 0.02  # The assumed time of one answer, until some were filled.
NEWEST_WEIGHT = 0.2


class Cache(Protocol):
    """The part of the front cache that the warmer uses."""

    def sweep(self) -> int:
        """Drop expired entries; return how many."""

    def due_for_renewal(self, share: float) -> list[EntryKey]:
        """Return entries in use whose age is past ``share`` of their life."""

    def take_dropped(self) -> Mapping[EntryKey, Reads]:
        """Return what was read since its fill and dropped since the last call, the newest first."""

    def holds(self, key: EntryKey) -> bool:
        """Return whether an entry is there whose life is not over."""

    def may_answer(self, arrived: float) -> bool:
        """Return whether entries are trusted; if they are not, none can be filled."""


class Warm(Protocol):
    """How answers are filled: :meth:`web.reads.background_fills.BackgroundFills.warm`."""

    def __call__(self, wanted: Sequence[WantedFill], /) -> Sequence[str]:
        """Return of each ``stored``, ``held``, ``refused``, ``busy`` or ``failed``."""


@dataclass(frozen=True, slots=True)
class WarmingPolicy:
    """What the operator allows.

    :param duty: share of one connection's time.
    :param renew_at: share of an entry's life after which it is renewed; None: no renewal.
    """

    enabled: bool = True
    on_invalidation: bool = True
    renew_at: float | None = 0.8
    duty: float = 0.1


class Warmer:
    """Fills some answers at each :meth:`tick`.

    :param read_plan: returns what is wanted now, the most urgent first; None: real reads need the connections.
    :param stopping: whether to end soon.
    """

    def __init__(
        self,
        cache: Cache,
        warm: Warm,
        read_plan: Callable[[], list[Planned] | None],
        policy: WarmingPolicy,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._cache, self._warm, self._read_plan, self._policy = cache, warm, read_plan, policy
        self._monotonic, self._stopping = monotonic, stopping
        self._allowance = Allowance(policy.duty, monotonic())
        self._pace = Pace()
        self._hot: dict[EntryKey, float] = {}  # When to fill each.
        self._expected = Expectations()
        self._sweep_at = self._plan_at = self._scan_at = self._renewal_at = self._busy_until = float("-inf")
        self._planned_at: float | None = None
        self._seconds_each = FIRST_GUESS_SECONDS
        self._warmed: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def tick(self) -> None:
        """Do what is due and allowed."""
        now = self._monotonic()
        self._allowance.grant(now)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_SECONDS
            self._pace.forget_before(now - LAPSED_SECONDS)
            self._cache.sweep()
        if not self._policy.enabled:
            return
        self._note_dropped(now)
        if now < self._busy_until or not self._cache.may_answer(now):
            return
        if now >= self._plan_at:
            self._plan_at = now + PLAN_SECONDS
            self._follow_plan(now)
        self._fill(now)

    def statistics(self) -> WarmingStatistics:
        """Return what was warmed, renewed and skipped, and how old the plan is."""
        planned_at = self._planned_at
        return WarmingStatistics(
            planned=len(self._expected),
            plan_age_seconds=None if planned_at is None else self._monotonic() - planned_at,
            warmed=dict(self._warmed),
            renewed=self._counts["renewed"],
            skipped={why: self._counts[why] for why in ("busy", "budget")},
            held=self._counts["held"],
            refused=self._counts["refused"],
            failed=self._counts["failed"],
        )

    # --- what to fill

    def _note_dropped(self, now: float) -> None:
        for key, reads in reversed(list(self._cache.take_dropped().items())):
            self._was_read(key)
            wanted_at = self._pace.wanted_at(key, reads, now)
            self._hot.pop(key, None)
            if wanted_at is not None and self._policy.on_invalidation:
                self._hot[key] = wanted_at
        while len(self._hot) > MOST_HOT:
            del self._hot[next(iter(self._hot))]

    def _follow_plan(self, now: float) -> None:
        plan = self._read_plan()
        if plan is not None:
            self._expected.follow(plan, now)
            self._planned_at = now

    def _was_read(self, key: EntryKey) -> None:
        self._pace.was_read(key)
        self._expected.has_come(key)

    def _fill(self, now: float) -> None:
        due = self._due(now)
        while not self._stopping():
            batch = [WantedFill(*it) for it in islice(due, self._most_together())]
            if not batch:
                return
            if self._allowance.seconds <= 0:
                self._counts["budget"] += 1
                return
            if not self._fill_together(batch):
                return

    def _most_together(self) -> int:
        """Return how many answers the allowance pays for."""
        return min(MOST_TOGETHER, max(1, int(self._allowance.seconds / self._seconds_each)))

    def _due(self, now: float) -> Iterator[tuple[EntryKey, str]]:
        """Yield keys with their reasons, each once; sources that the allowance does not reach are not read.

        Keys that will soon be due follow only if something is due now.
        """
        yielded = set[EntryKey]()
        for source in (self._due_hot, self._due_renewals, self._due_planned):
            for key, reason in source(now):
                if key not in yielded:
                    yielded.add(key)
                    yield key, reason
        if yielded:
            yield from ((key, reason) for key, reason in self._company(now) if key not in yielded)

    def _due_hot(self, now: float, ahead_seconds: float = 0.0) -> Iterator[tuple[EntryKey, str]]:
        for key in [key for key, at in self._hot.items() if at <= now + ahead_seconds]:
            if self._cache.holds(key):  # A read was faster.
                del self._hot[key]
            elif self._pace.may_fill(key, now):
                yield key, "invalidated"

    def _due_renewals(self, now: float) -> Iterator[tuple[EntryKey, str]]:
        if self._policy.renew_at is None or now < self._renewal_at:
            return
        yield from self._to_renew(now, self._policy.renew_at)
        self._renewal_at = now + RENEWAL_SECONDS

    def _to_renew(self, now: float, share: float) -> Iterator[tuple[EntryKey, str]]:
        for key in self._cache.due_for_renewal(share):
            self._was_read(key)
            if self._pace.may_fill(key, now):
                yield key, RENEWAL

    def _due_planned(self, now: float) -> Iterator[tuple[EntryKey, str]]:
        if now < self._scan_at:
            return
        for key, reason in self._expected.open(now):
            if self._cache.holds(key):
                self._expected.ready(key, now)
            elif self._pace.may_fill(key, now):
                yield key, reason
        self._scan_at = now + SCAN_SECONDS

    def _company(self, now: float) -> Iterator[tuple[EntryKey, str]]:
        yield from self._due_hot(now, COMPANY_SECONDS)
        if self._policy.renew_at is not None:
            yield from self._to_renew(now, COMPANY_SHARE * self._policy.renew_at)

    def _fill_together(self, batch: Sequence[WantedFill]) -> bool:
        """Fill some answers; return whether to continue with others."""
        begun = self._monotonic()
        outcomes = self._warm(batch)
        now = self._monotonic()
        self._allowance.spend(now - begun)
        self._learn((now - begun) / len(batch))
        for (key, reason), outcome in zip(batch, outcomes, strict=True):
            self._note(key, reason, outcome, now)
        if "busy" in outcomes:
            self._busy_until = now + BUSY_SECONDS
            return False
        return True

    def _learn(self, seconds_each: float) -> None:
        self._seconds_each += NEWEST_WEIGHT * (seconds_each - self._seconds_each)

    def _note(self, key: EntryKey, reason: str, outcome: str, now: float) -> None:
        if outcome == "stored":
            self._pace.filled(key, now)
            self._expected.ready(key, now)
            self._count_stored(reason)
        else:
            self._counts[outcome] += 1
        if outcome == "busy":
            return
        again = outcome in ("refused", "failed") and self._pace.failed(key, now)
        if not (again and outcome == "refused"):
            self._hot.pop(key, None)

    def _count_stored(self, reason: str) -> None:
        if reason == RENEWAL:
            self._counts["renewed"] += 1
        else:
            self._warmed[reason] += 1
