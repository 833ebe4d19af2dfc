"""A sample of the bookkeeping tables for the metrics.

Invariant: it only reads, with one short statement for each subject, none of which counts more than :data:`MOST_ROWS`
rows of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from models.connection import Connection

MOST_ROWS = 100_000  # Larger counts are reported as this number.

# A longer log is a fault in itself (nothing drains or prunes it); its exact length does not matter then.
ROWS: LiteralString = """
SELECT
    (SELECT count(*) FROM (SELECT FROM frontview.change_log LIMIT %(most)s) x) AS change_log,
    (SELECT count(*) FROM (SELECT FROM frontview.feed LIMIT %(most)s) x) AS feed,
    (SELECT count(*) FROM (SELECT FROM frontview.drain LIMIT %(most)s) x) AS drain,
    (SELECT count(*) FROM (SELECT FROM frontview.stale_key LIMIT %(most)s) x) AS stale_key
"""
DRAIN: LiteralString = """
SELECT
    d.drain_id, extract(epoch FROM clock_timestamp() - d.drained_at)::float8 AS age_seconds,
    (
        SELECT count(*) FROM (
            SELECT FROM frontview.change_log l WHERE l.xid >= pg_snapshot_xmax(d.snapshot) LIMIT %(most)s
        ) x
    ) + (
        SELECT count(*) FROM (
            SELECT FROM frontview.change_log l
            WHERE l.xid = ANY (ARRAY(SELECT pg_snapshot_xip(d.snapshot))) LIMIT %(most)s
        ) x
    ) AS undrained,
    pg_notification_queue_usage() AS queue
FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
"""
TIERS: LiteralString = """
SELECT
    v.view, v.tier, COALESCE(v.through IS NOT NULL AND c.relispopulated, FALSE) AS populated,
    extract(epoch FROM clock_timestamp() - v.refreshed_at)::float8 AS refreshed_seconds_ago
FROM frontview.view_state v LEFT JOIN pg_class c ON c.oid = to_regclass(v.relation)
"""
STALE: LiteralString = """
SELECT v.view, count(k.drain_id)
FROM (SELECT DISTINCT view, sources FROM frontview.view_state) v
LEFT JOIN LATERAL (
    SELECT k.drain_id FROM (SELECT source, day, drain_id FROM frontview.stale_key LIMIT %(most)s) k
    WHERE k.source = ANY (v.sources) AND EXISTS (
        SELECT FROM frontview.view_state t
        WHERE t.view = v.view AND t.tier NOT IN ('total', 'by_day') AND k.drain_id > COALESCE(t.through, -1)
        AND frontview.tier_holds(t.first_day, t.before_day, k.day)
    )
) k ON TRUE
GROUP BY v.view
"""
PLAN: LiteralString = """
SELECT reason, count(*) FROM (SELECT reason FROM frontview.warm_plan LIMIT %(most)s) x GROUP BY reason
"""
REASONS = ("asked", "most_active", "predicted", "low_traffic")


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of the bookkeeping tables at one time.

    :param rows: number of rows, by table.
    :param tiers: by (view, tier): whether it is populated, and seconds since its last good refresh or None.
    :param stale_keys: keys that the tiers do not cover yet, by view.
    :param warm_plan: rows of the plan, by reason.
    """

    drain_id: int = 0
    drain_age_seconds: float = 0.0
    undrained_rows: int = 0
    queue_usage: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    tiers: Mapping[tuple[str, str], tuple[bool, float | None]] = field(default_factory=dict)
    stale_keys: Mapping[str, int] = field(default_factory=dict)
    warm_plan: Mapping[str, int] = field(default_factory=dict)


def take_sample(connection: Connection) -> Sample:
    """Return a sample.

    :raises psycopg.Error: a table may not be read, or the connection is lost.
    """

    def rows(query: LiteralString) -> list[tuple[Any, ...]]:
        return connection.execute(query, {"most": MOST_ROWS}).fetchall()

    drain = rows(DRAIN)
    drain_id, age, undrained, queue = drain[0] if drain else (0, 0.0, 0, 0.0)
    return Sample(
        drain_id,
        age,
        undrained,
        queue,
        rows=dict(zip(("change_log", "feed", "drain", "stale_key"), rows(ROWS)[0], strict=True)),
        tiers={(view, tier): (populated, ago) for view, tier, populated, ago in rows(TIERS)},
        stale_keys=dict(rows(STALE)),
        warm_plan=dict.fromkeys(REASONS, 0) | dict(rows(PLAN)),
    )
