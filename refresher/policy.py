"""What to refresh and when: pure decisions over plain values.

Invariant: a clean tier is never refreshed; all refreshes together take at most their duty of one core, except that
an unpopulated tier and an every-key mark are dealt with at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class TierState:
    """What is known of one tier.

    :param stale: some key it holds changed after what its contents cover.
    :param every_key: all its keys are stale.
    :param refreshed_seconds_ago: None when it never was.
    :param duration_seconds: of its last refresh.
    :param failures: refreshes failed in a row; :param failed_seconds_ago: when the last one did.
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


def next_refresh(tiers: Sequence[TierState], *, duty: float, min_seconds: float) -> TierState | None:
    """Return the tier to refresh now, or None.

    :param duty: share of one core that all refreshes together may take.
    :param min_seconds: least time between two refreshes of a tier.
    """
    interval = max(min_seconds, sum(tier.duration_seconds for tier in tiers) / duty)
    # an every-key mark at once; but marks that come again and again get no more than half of the time
    due = [tier for tier in tiers if _is_due(tier, tier.duration_seconds if tier.every_key else interval)]
    return min(due, key=_urgency, default=None)


def _is_due(tier: TierState, interval_seconds: float) -> bool:
    if tier.failures and tier.failed_seconds_ago < retry_seconds(tier.failures):
        return False
    if not tier.populated:
        return True
    waited = tier.refreshed_seconds_ago
    # below zero: the server's clock was set back, so nobody knows
    return tier.stale and (waited is None or waited < 0 or waited >= interval_seconds)


def _urgency(tier: TierState) -> tuple[bool, bool, float]:
    return (tier.populated, not tier.every_key, -(tier.refreshed_seconds_ago or 0.0))


def retry_seconds(failures: int) -> float:
    """Return how long to wait after that many failures in a row."""
    return float(min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 20), LONGEST_RETRY_SECONDS))


def horizon_to_move_to(today: date, horizon: date | None, recent_days: int) -> date | None:
    """Return the horizon that a daily view should move to, None when it may stay.

    It moves when the recent tier holds a third more than ``recent_days``: a move refreshes history too.

    :param horizon: None when the view was never populated.
    """
    wanted = today - timedelta(days=recent_days)
    if horizon is None or horizon > today or (today - horizon).days > recent_days * 4 // 3:
        return wanted
    return None
