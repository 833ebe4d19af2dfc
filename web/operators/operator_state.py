"""What an operator wants to know of the system as a whole: its state, and what its workers, tasks and requests do.

Invariant: one source for ``frontview stats`` and ``GET /api/v1/admin/stats``; only reads, nothing here names a user but
where an operator did.
"""

from datetime import UTC, datetime
from typing import Any, LiteralString

from models.connection import Connection
from refresher.leader.connections import DRAIN_NAME
from web.operators.next_refreshes import Plan, next_refresh_of
from web.operators.operator_sums import (
    hit_ratio_of,
    reads_per_second,
    sum_of_history,
    sum_of_latencies,
    sum_of_regions,
    sum_of_sources,
)
from web.operators.system_state import Row, read_rows, system_state

NOW: LiteralString = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"
WORKERS: LiteralString = """
SELECT worker_id::text, host, pid, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
    round(extract(epoch FROM clock_timestamp() - seen_at), 1)::float8 AS seen_seconds_ago,
    round(extract(epoch FROM clock_timestamp() - started_at), 1)::float8 AS uptime_seconds,
    statistics - 'history' AS statistics, statistics -> 'history' AS history
FROM frontview.worker WHERE seen_at > now() - interval '60 seconds' ORDER BY host, pid
"""
# Of workers that have gone, too: they answered what they answered.
HISTORIES: LiteralString = """
SELECT statistics -> 'history' AS history, extract(epoch FROM seen_at)::float8 AS reported_at
FROM frontview.worker WHERE statistics ? 'history'
"""
INVALIDATIONS: LiteralString = """
SELECT invalidation_id, pattern, asked_by,
    to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS asked_at, drain_id,
    CASE WHEN drain_id IS NULL THEN 'waiting' ELSE 'fed' END AS state
FROM frontview.invalidation ORDER BY invalidation_id DESC LIMIT 20
"""
FEED: LiteralString = """
SELECT CASE WHEN starts_with(f.source, 'cache:') THEN 'by_hand' ELSE f.source END AS source,
    count(*) AS rows, count(DISTINCT f.drain_id) AS drains
FROM frontview.feed f GROUP BY 1 ORDER BY 1
"""
TASKS: LiteralString = """
SELECT task_id, kind, COALESCE(
        argument ->> 'view', 'the ' || (argument ->> 'most_active') || ' most active users',
        jsonb_array_length(argument -> 'user_ids') || ' users'
    ) AS subject,
    asked_by, to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS asked_at,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
    to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ended_at,
    CASE WHEN ended_at IS NOT NULL THEN 'ended' WHEN started_at IS NOT NULL THEN 'running' ELSE 'waiting' END AS state,
    outcome
FROM frontview.operator_task ORDER BY task_id DESC LIMIT 20
"""
WARM_PLAN: LiteralString = """
SELECT reason, count(*) AS entries, count(DISTINCT user_id) AS users,
    to_char(min(wanted_from) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS wanted_from,
    to_char(max(wanted_until) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS wanted_until
FROM frontview.warm_plan GROUP BY reason ORDER BY reason
"""
# Since when and from where a session of another role is connected cannot be seen here; the leader has noted it.
REFRESHERS: LiteralString = """
WITH noted AS (
    SELECT r.* FROM frontview.leader_note n,
        jsonb_to_recordset(n.content) AS r (pid integer, address text, connected_at float8)
    WHERE n.subject = 'refreshers'
)
SELECT a.pid, a.application_name, COALESCE(host(a.client_addr), r.address) AS address,
    extract(epoch FROM clock_timestamp() - COALESCE(a.backend_start, to_timestamp(r.connected_at)))::float8
        AS connected_seconds
FROM pg_stat_activity a LEFT JOIN noted r USING (pid)
WHERE a.datname = current_database() AND a.application_name = %s
ORDER BY a.pid
"""
REFRESH_PLAN: LiteralString = """
SELECT epoch, extract(epoch FROM clock_timestamp() - written_at)::float8 AS age_seconds, content
FROM frontview.leader_note WHERE subject = 'refresh_plan'
"""
REFRESH_HISTORY: LiteralString = """
SELECT view, tier, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
    duration_ms, row_count, outcome
FROM (
    SELECT * FROM frontview.refresh_log WHERE started_at > now() - interval '24 hours'
    ORDER BY refresh_id DESC LIMIT 200
) newest ORDER BY refresh_id
"""


def operator_state(connection: Connection) -> dict[str, Any]:
    """Return everything of ``system_state`` and more of its views, workers with their sums and history, refreshers,
    invalidations, tasks and the warm plan.

    :raises psycopg.errors.UndefinedTable: the database is not migrated.
    """
    workers = read_rows(connection, WORKERS)
    statistics = [worker["statistics"] for worker in workers]
    now = float(read_rows(connection, NOW)[0]["now"])
    histories = [(row["history"], row["reported_at"]) for row in read_rows(connection, HISTORIES)]
    state = system_state(connection)
    state |= _refreshers(connection, state["leader"])
    return state | {
        "now": _rfc3339(now),
        "views": _views(connection, state),
        "refresh_history": read_rows(connection, REFRESH_HISTORY),
        "freshness": freshness(state["watermark"], statistics),
        "workers": [worker_row(worker) for worker in workers],
        "history": [row | {"at": _rfc3339(row["at"])} for row in sum_of_history(histories, now)],
        "regions": sum_of_regions(statistics),
        "sources": sum_of_sources(statistics),
        "latencies": sum_of_latencies(statistics),
        "invalidations": {"by_hand": read_rows(connection, INVALIDATIONS), "feed": read_rows(connection, FEED)},
        "tasks": read_rows(connection, TASKS),
        "warm_plan": read_rows(connection, WARM_PLAN),
    }


def freshness(watermark: Row | None, statistics: list[dict[str, Any]]) -> Row:
    """Return how far the drain is behind, how much is stale, and how many computed reads were patched for it."""
    found = watermark or {}
    sources = sum_of_sources(statistics)
    return {
        "drain_age_seconds": found.get("age_seconds"),
        "drain_lag": found.get("undrained_rows"),
        "stale_keys": found.get("stale_keys"),
        "patched_reads": sum(worker.get("reads", {}).get("patched", 0) for worker in statistics),
        "computed_reads": sources["materialized_view"] + sources["database"],
    }


def worker_row(row: Row) -> Row:
    """Return a worker with what people look at first beside everything that it counts."""
    statistics, history = row["statistics"], row["history"] or {}
    feed, streams = statistics.get("feed", {}), statistics.get("event_streams") or {}
    return {name: value for name, value in row.items() if name != "history"} | {
        "memory_bytes": statistics.get("process", {}).get("resident_bytes"),
        "feed_lag_seconds": feed.get("lag_seconds"),
        "trusted": bool(feed.get("trusted")),
        "connected": bool(feed.get("connected")),
        "hit_ratio": hit_ratio_of(statistics),
        "reads_per_second": reads_per_second(history),
        "event_streams": streams.get("open"),
    }


def _refreshers(connection: Connection, leader: Row | None) -> dict[str, Any]:
    """Return the leader, as far as it is known, and the refreshers that wait."""
    found = read_rows(connection, REFRESHERS, DRAIN_NAME)
    if leader is None:
        return {"leader": None, "standbys": found}
    known = next((row for row in found if row["pid"] == leader["pid"]), leader)
    return {"leader": leader | known, "standbys": [row for row in found if row["pid"] != leader["pid"]]}


def _views(connection: Connection, state: dict[str, Any]) -> list[Row]:
    """Return the tiers with what their next refresh waits for."""
    found = read_rows(connection, REFRESH_PLAN)
    terms = state["leader"] is not None and state["watermark"] is not None
    plan = Plan.of(found[0] if found else None, state["watermark"]["epoch"] if terms else None)
    return [row | {"next_refresh": next_refresh_of(row, plan)} for row in state["views"]]


def _rfc3339(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
