"""Which tier to refresh, when and why: pure decisions over plain values.

Invariant: the decisions that are shown are the ones that are carried out. A clean tier is never refreshed; all
refreshes together take at most their duty of one core, except that an unpopulated tier, or one with an every-key mark,
is refreshed at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 300.0
FAILURES_TO_GIVE_UP = 3  # Of a view that nobody is served from yet.
MOVE_WAITS_SECONDS = 6 * 3600.0  # How long after midnight a move of the horizon may wait for a refresh that is due.

# Why a refresh is due when it is: codes that programs may rely on, and sentences for people.
REASONS = {
    "unpopulated": "It has no contents yet: at once.",
    "every_key": "Every key is stale: at once, but for at most half of the time.",
    "stale": "Keys are stale, and nothing holds it back.",
    "duty": "Keys are stale; until then refreshes have used up their share of time.",
    "min_interval": "Keys are stale; the least time between two refreshes has not passed.",
    "failed": "Its last refresh failed, {failures} in a row; it is tried again then.",
    "given_up": "It failed {failures} times in a row, and a declaration waits for it: `frontview refresh` tries again.",
    "horizon": "The horizon is to move: the recent tier is refreshed with it.",
    "seal": "Its days are to be sealed: at once.",
    "clean": "Nothing that it holds is stale: nothing to do.",
}


@dataclass(frozen=True, slots=True)
class TierState:
    """The state of one tier, its sums included.

    :param stale: whether a key it holds changed after the drain that its contents cover.
    :param every_key: whether all its keys are stale.
    :param refreshed_seconds_ago: None if it was never refreshed.
    :param duration_seconds: duration of its last refresh.
    :param failures: number of refreshes that failed in a row.
    :param failed_seconds_ago: time since the last of these.
    :param sealing: whether days of an archive can be sealed now, as an operator requested.
    :param building: whether only a declaration has the view that waits until it has contents.
    """

    view: str
    tier: str
    populated: bool
    stale: bool
    every_key: bool
    refreshed_seconds_ago: float | None
    duration_seconds: float
    failures: int = 0
    failed_seconds_ago: float = 0.0
    sealing: bool = False
    building: bool = False

    @property
    def given_up(self) -> bool:
        """Whether somebody has to look before it is tried again; the declaration before goes on."""
        return self.building and self.failures >= FAILURES_TO_GIVE_UP


@dataclass(frozen=True, slots=True)
class Decision:
    """When a tier is due, if nothing changes until then, and why.

    :param in_seconds: 0: now; None: not due until something changes.
    :param code: a key of :data:`REASONS`.
    """

    tier: TierState
    in_seconds: float | None
    code: str

    @property
    def why(self) -> str:
        """The reason as a sentence."""
        return REASONS[self.code].format(failures=self.tier.failures)


def decide(tiers: Sequence[TierState], *, duty: float, min_seconds: float) -> list[Decision]:
    """Return a decision for each tier.

    :param duty: share of one core that all refreshes together may take.
    :param min_seconds: least time between two refreshes of a tier.
    """
    duty_seconds = sum(tier.duration_seconds for tier in tiers) / duty
    interval = (duty_seconds, "duty") if duty_seconds > min_seconds else (min_seconds, "min_interval")
    return [_retried(Decision(tier, *_wanted(tier, *interval))) for tier in tiers]


def with_moves(decisions: Sequence[Decision], moving: Mapping[str, float]) -> list[Decision]:
    """Return ``decisions``, replaced by a horizon move where that comes sooner than the tier's own refresh.

    :param moving: in how many seconds the horizon of a view moves: that refreshes all its tiers, once the recent one
        may be tried.
    """
    recent = {it.tier.view: it.tier for it in decisions if it.tier.tier == "recent"}

    def sooner(decision: Decision) -> Decision:
        tier = recent.get(decision.tier.view)
        if tier is None or tier.view not in moving:
            return decision
        move = _retried(Decision(tier, moving[tier.view], "horizon"))
        comes_first = decision.in_seconds is None or (move.in_seconds or 0.0) < decision.in_seconds
        return replace(move, tier=decision.tier) if comes_first else decision

    return [sooner(decision) for decision in decisions]


def most_urgent(decisions: Sequence[Decision]) -> TierState | None:
    """Return the most urgent tier to refresh now, None if there is none."""
    return min((it.tier for it in decisions if it.in_seconds == 0), key=_urgency, default=None)


def _wanted(tier: TierState, interval_seconds: float, held_by: str) -> tuple[float | None, str]:
    """Return in how many seconds a refresh is due, and why, regardless of failures."""
    if not tier.populated:
        return 0.0, "unpopulated"
    if tier.sealing:
        return 0.0, "seal"
    if not tier.stale:
        return None, "clean"
    due = "stale"
    if tier.every_key:  # at once, but repeated every-key marks get at most half of the time
        interval_seconds, held_by, due = tier.duration_seconds, "every_key", "every_key"
    waited = tier.refreshed_seconds_ago
    # a negative time means that the server's clock was set back
    if waited is None or waited < 0 or waited >= interval_seconds:
        return 0.0, due
    return interval_seconds - waited, held_by


def _retried(decision: Decision) -> Decision:
    """Return ``decision``, postponed if the tier's last refresh failed recently, or too often."""
    tier, wanted = decision.tier, decision.in_seconds
    if not tier.failures or wanted is None:
        return decision
    if tier.given_up:
        return Decision(tier, None, "given_up")
    remaining = retry_seconds(tier.failures) - tier.failed_seconds_ago
    return Decision(tier, remaining, "failed") if remaining > wanted else decision


def _urgency(tier: TierState) -> tuple[bool, bool, float]:
    return (tier.populated, not tier.every_key, -(tier.refreshed_seconds_ago or 0.0))


def retry_seconds(failures: int) -> float:
    """Return how many seconds to wait after that many failures in a row."""
    return float(min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 20), LONGEST_RETRY_SECONDS))


def horizon_to_move_to(
    today: date, horizon: date | None, recent_days: int, sealed_before: date | None = None
) -> date | None:
    """Return the horizon that a daily view should move to, None if its horizon may stay.

    It moves daily.

    :param horizon: None if the view was never populated.
    :param sealed_before: the first day that is not sealed, None if no day is: sealed days stay in the archive.
    """
    wanted = max(today - timedelta(days=recent_days), sealed_before or date.min)
    if horizon == wanted:  # Sealed days may end after today, where the clock was set back.
        return None
    # A shorter recent tier grows by itself.
    return wanted if horizon is None or horizon < wanted or horizon > today else None


def move_waits_seconds(now: datetime, horizon: date | None, wanted: date) -> float:
    """Return how long a move by a day may wait for a refresh of the recent tier that is due anyway.

    A move refreshes the recent tier, which costs its whole size, and that is most of what a move costs.

    :param now: the time in UTC.
    """
    if horizon is None or wanted - horizon != timedelta(days=1):
        return 0.0
    since_midnight = now - datetime.combine(now, time.min)
    return max(0.0, MOVE_WAITS_SECONDS - since_midnight.total_seconds())
