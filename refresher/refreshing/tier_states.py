"""Reads what the refresh policy decides by: the state of every tier, and the horizons."""

from dataclasses import dataclass, field
from datetime import date, datetime

from models.connection import Connection
from refresher.refreshing.policy import TierState

# Marks are looked for source by source in the order of the index on their days, so that a million of another source, or
# of days that the tier does not hold, are not read. Sums are refreshed with the tier they are made of: they have no row
# of their own here, and add to its duration.
TIER_STATES = """
SELECT
    v.view, v.tier, v.through IS NOT NULL AND c.relispopulated AS populated,
    EXISTS (
        SELECT FROM unnest(v.sources) s (source) CROSS JOIN LATERAL (
            (
                SELECT FROM frontview.stale_key k
                WHERE k.source = s.source AND k.day = '-infinity' AND k.drain_id > v.through
                ORDER BY k.source, k.day, k.user_id LIMIT 1
            )
            UNION ALL
            (
                SELECT FROM frontview.stale_key k
                WHERE k.source = s.source AND k.day >= v.first_day AND k.day <= v.before_day
                AND k.drain_id > v.through AND frontview.tier_holds(v.first_day, v.before_day, k.day)
                ORDER BY k.source, k.day, k.user_id LIMIT 1
            )
        ) k
    ) AS stale,
    EXISTS (
        SELECT FROM frontview.stale_key k
        WHERE k.user_id IS NULL AND k.drain_id > v.through AND k.source = ANY (v.sources)
    ) AS every_key,
    v.tier = 'archive' AND frontview.seal_is_due(v.view) AS sealing,
    EXTRACT(EPOCH FROM clock_timestamp() - v.refreshed_at)::float8 AS refreshed_seconds_ago,
    (
        SELECT COALESCE(sum(t.duration_ms), 0) FROM frontview.view_state t WHERE t.view = v.view
        AND (t.tier = v.tier OR (v.tier, t.tier) IN (('archive', 'total'), ('recent', 'by_day')))
    ) / 1000.0::float8 AS duration_seconds
FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
WHERE v.tier NOT IN ('total', 'by_day')
ORDER BY v.view, v.tier
"""

HORIZONS = """
SELECT
    v.view, CASE WHEN isfinite(v.first_day) THEN v.first_day END AS horizon, now() AT TIME ZONE 'UTC' AS now, (
        SELECT a.first_day FROM frontview.view_state a
        WHERE a.view = v.view AND a.tier = 'archive' AND isfinite(a.first_day)
    ) AS sealed_before
FROM frontview.view_state v WHERE v.tier = 'recent' ORDER BY v.view
"""


@dataclass
class Failures:
    """For each tier, how many refreshes failed in a row, and the monotonic time of the last failure."""

    counts: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)

    def note(self, view: str, tier: str, failed: bool, now: float) -> None:
        """Remember whether a refresh failed; a success resets the count."""
        count, _ = self.counts.pop((view, tier), (0, 0.0))
        if failed:
            self.counts[view, tier] = (count + 1, now)

    def count_of(self, view: str, tier: str) -> int:
        """Return the number of failures in a row."""
        return self.counts.get((view, tier), (0, 0.0))[0]

    def seconds_since(self, view: str, tier: str, now: float) -> float:
        """Return seconds since the last failure, 0 when there was none."""
        return now - self.counts.get((view, tier), (0, now))[1]


def read_tier_states(connection: Connection, failures: Failures, now: float) -> list[TierState]:
    """Return the state of every tier whose materialized view exists, in one statement."""
    return [
        TierState(
            view=view,
            tier=tier,
            populated=populated,
            stale=stale,
            every_key=every_key,
            sealing=sealing,
            refreshed_seconds_ago=ago,
            duration_seconds=seconds,
            failures=failures.count_of(view, tier),
            failed_seconds_ago=failures.seconds_since(view, tier, now),
        )
        for view, tier, populated, stale, every_key, sealing, ago, seconds in connection.execute(TIER_STATES)
    ]


@dataclass(frozen=True, slots=True)
class Horizon:
    """Where the horizon of a daily view is.

    :param day: None when the view was never populated.
    :param now: the time in UTC.
    :param sealed_before: the first day that is not sealed; None: no day is.
    """

    view: str
    day: date | None
    now: datetime
    sealed_before: date | None


def read_horizons(connection: Connection) -> list[Horizon]:
    """Return the horizon of every daily view."""
    return [Horizon(*row) for row in connection.execute(HORIZONS).fetchall()]
