"""The warmer: fills the front cache ahead of reads, from one thread of a worker.

Sources in this order: entries that were read and then invalidated; entries that are read and grow old; what the
leader's plan wants and the cache lacks. Invariant: takes at most ``duty`` of one connection's time and stands back
while real reads wait; every fill goes through the read path's single flight: no answer is computed twice at a time.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from refresher.allowance import Allowance
from refresher.entry import EntryKey
from web.warm_plan import Planned
from web.warming_pace import LAPSED_SECONDS, Pace

TICK_SECONDS = 0.25
SCAN_SECONDS = 0.5  # between two looks for what the plan wants and the cache lacks
RENEWAL_SECONDS = 1.0
PLAN_SECONDS = 5.0
SWEEP_SECONDS = 5.0
BUSY_SECONDS = 1.0
MOST_HOT = 2_000  # the newest are kept


class Cache(Protocol):
    """What the warmer asks of the front cache."""

    def sweep(self) -> int:
        """Drop expired entries; return how many."""

    def due_for_renewal(self, share: float) -> list[EntryKey]:
        """Return entries read since their fill whose age is past ``share`` of their life."""

    def take_dropped(self) -> list[EntryKey]:
        """Return keys that were read since their fill and dropped since the last call, the newest first."""

    def holds(self, key: EntryKey) -> bool:
        """Return whether an entry is there whose life is not over."""

    def may_answer(self, arrived: float) -> bool:
        """Return whether entries are trusted; where they are not, none can be filled."""


class Warm(Protocol):
    """How an answer is filled: :meth:`web.read_path.ReadPath.warm`."""

    def __call__(self, key: EntryKey, *, renew: bool = False) -> str:
        """Return ``stored``, ``held``, ``refused``, ``busy`` or ``failed``."""


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
    """Does a little at each :meth:`tick`.

    :param read_plan: what is wanted now, the most urgent first; None: not now, real reads need the connections.
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
        self._hot: dict[EntryKey, None] = {}
        self._plan: list[Planned] = []
        self._sweep_at = self._plan_at = self._scan_at = self._renewal_at = self._busy_until = float("-inf")
        self._planned_at: float | None = None
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
        self._note_dropped()
        if now < self._busy_until or not self._cache.may_answer(now):
            return
        if now >= self._plan_at:
            self._plan_at = now + PLAN_SECONDS
            self._follow_plan(now)
        self._fill(now)

    def statistics(self) -> dict[str, Any]:
        """Return plain numbers; ``plan_age_seconds``: since the plan was last read, None: never."""
        planned_at = self._planned_at
        return {
            "planned": len(self._plan),
            "plan_age_seconds": None if planned_at is None else self._monotonic() - planned_at,
            "warmed": dict(self._warmed),
            "renewed": self._counts["renewed"],
            "skipped": {why: self._counts[why] for why in ("busy", "budget")},
            **{outcome: self._counts[outcome] for outcome in ("held", "refused", "failed")},
        }

    # --- what to fill

    def _note_dropped(self) -> None:
        for key in reversed(self._cache.take_dropped()):
            self._pace.was_read(key)
            if self._policy.on_invalidation:
                self._hot.pop(key, None)
                self._hot[key] = None
        while len(self._hot) > MOST_HOT:
            del self._hot[next(iter(self._hot))]

    def _follow_plan(self, now: float) -> None:
        plan = self._read_plan()
        if plan is None:
            return
        since = {planned.key: planned.since for planned in self._plan}
        for planned in plan:
            if planned.since != since.get(planned.key):
                self._pace.was_read(planned.key)
        self._plan, self._planned_at = plan, now

    def _fill(self, now: float) -> None:
        for key, reason in self._due(now):
            if self._stopping():
                return
            if self._allowance.seconds <= 0:
                self._counts["budget"] += 1
                return
            if not self._fill_one(key, reason):
                return

    def _due(self, now: float) -> Iterator[tuple[EntryKey, str]]:
        """Yield keys with their reasons; what is looked up last costs nothing where the budget ends before."""
        for key in [key for key in self._hot if self._pace.may_fill(key, now)]:
            if self._cache.holds(key):  # a read was quicker
                del self._hot[key]
            else:
                yield key, "invalidated"
        if self._policy.renew_at is not None and now >= self._renewal_at:
            for key in self._cache.due_for_renewal(self._policy.renew_at):
                self._pace.was_read(key)
                if self._pace.may_fill(key, now):
                    yield key, "renewal"
            self._renewal_at = now + RENEWAL_SECONDS
        if now >= self._scan_at:
            for planned in self._plan:
                if self._pace.may_fill(planned.key, now) and not self._cache.holds(planned.key):
                    yield planned.key, planned.reason
            self._scan_at = now + SCAN_SECONDS

    def _fill_one(self, key: EntryKey, reason: str) -> bool:
        """Fill one answer; return whether to go on with others."""
        begun = self._monotonic()
        outcome = self._warm(key, renew=reason == "renewal")
        now = self._monotonic()
        self._allowance.spend(now - begun)
        if outcome == "stored":
            self._pace.filled(key, now)
            if reason == "renewal":
                self._counts["renewed"] += 1
            else:
                self._warmed[reason] += 1
        else:
            self._counts[outcome] += 1
        if outcome == "busy":
            self._busy_until = now + BUSY_SECONDS
            return False
        again = outcome in ("refused", "failed") and self._pace.failed(key, now)
        if not (again and outcome == "refused"):
            self._hot.pop(key, None)
        return True
