"""What an operator wants to know of a running system, as plain values, from the bookkeeping tables.

Invariant: only reads, one short statement a subject; nothing here changes what it looks at.
"""

from typing import Any, LiteralString

from psycopg.rows import dict_row

from models.connection import Connection
from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS

Row = dict[str, Any]

TIERS: LiteralString = """
SELECT
    v.view, v.tier, v.version, v.relation,
    v.through IS NOT NULL AND COALESCE(c.relispopulated, FALSE) AS populated,
    v.first_day::text, v.before_day::text, v.through, EXISTS (
        SELECT FROM frontview.refresh_attempt a
        WHERE a.view = v.view AND a.tier = v.tier AND a.attempts % 2 = 1
    ) AS refreshing,
    round(extract(epoch FROM clock_timestamp() - v.refreshed_at), 1)::float8 AS refreshed_seconds_ago,
    to_char(v.refreshed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS refreshed_at,
    v.duration_ms, (
        SELECT l.row_count FROM frontview.refresh_log l
        WHERE l.view = v.view AND l.tier = v.tier AND l.outcome IN ('refreshed', 'populated', 'moved')
        ORDER BY l.refresh_id DESC LIMIT 1
    ) AS row_count,
    pg_total_relation_size(c.oid) AS size_bytes,
    (
        SELECT count(*) FROM frontview.stale_key k
        WHERE k.source = ANY (v.sources) AND (v.through IS NULL OR k.drain_id > v.through)
        AND (
            k.day = '-infinity'
            OR (k.day >= v.first_day AND (v.before_day = 'infinity' OR k.day < v.before_day))
        )
    ) AS stale_keys
FROM frontview.view_state v LEFT JOIN pg_class c ON c.oid = to_regclass(v.relation)
ORDER BY v.view, v.first_day DESC, v.tier
"""
WATERMARK: LiteralString = """
SELECT
    d.epoch, d.drain_id, extract(epoch FROM clock_timestamp() - d.drained_at)::float8 AS age_seconds,
    (
        SELECT count(*) FROM frontview.change_log l
        WHERE l.xid >= pg_snapshot_xmax(d.snapshot)
        OR l.xid = ANY (ARRAY(SELECT pg_snapshot_xip(d.snapshot)))
    ) AS undrained_rows,
    (SELECT count(*) FROM frontview.stale_key) AS stale_keys,
    (SELECT count(*) FROM frontview.feed) AS feed_rows
FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
"""
REFRESHES: LiteralString = """
SELECT view, tier, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
    duration_ms, row_count, outcome
FROM frontview.refresh_log ORDER BY refresh_id DESC LIMIT 10
"""
LEADER: LiteralString = """
SELECT a.pid, a.application_name, host(a.client_addr) AS address,
    extract(epoch FROM clock_timestamp() - a.backend_start)::float8 AS connected_seconds
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
CONNECTIONS: LiteralString = """
SELECT application_name, host(client_addr) AS address, count(*) AS connections,
    count(*) FILTER (WHERE state <> 'idle') AS busy, array_agg(pid ORDER BY pid) AS pids
FROM pg_stat_activity
WHERE application_name LIKE 'frontview%' AND datname = current_database() AND pid <> pg_backend_pid()
GROUP BY application_name, client_addr ORDER BY application_name, address
"""
ALARMS: LiteralString = """
SELECT kind, subject, detail, times,
    to_char(raised_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since,
    round(extract(epoch FROM clock_timestamp() - last_seen_at), 1)::float8 AS last_seen_seconds_ago
FROM frontview.alarm ORDER BY raised_at, kind, subject
"""
AUDIT: LiteralString = """
SELECT view, checks, violations, rounds,
    round(extract(epoch FROM clock_timestamp() - last_checked_at), 1)::float8 AS last_checked_seconds_ago
FROM frontview.audit WHERE view IN (SELECT v.view FROM frontview.view_state v) ORDER BY view
"""


def system_state(connection: Connection) -> dict[str, Any]:
    """Return alarms, watermark, leader, tiers, last refreshes, what the audit has compared, and connections.

    :raises psycopg.errors.UndefinedTable: the database is not migrated.
    """
    leader = read_rows(connection, LEADER, LOCK_CLASS, LEADER_LOCK)
    watermark = read_rows(connection, WATERMARK)
    return {
        "alarms": read_rows(connection, ALARMS),
        "watermark": watermark[0] if watermark else None,
        "leader": leader[0] if leader else None,
        "views": read_rows(connection, TIERS),
        "refreshes": read_rows(connection, REFRESHES),
        "audit": read_rows(connection, AUDIT),
        "connections": read_rows(connection, CONNECTIONS),
    }


def read_rows(connection: Connection, query: LiteralString, *parameters: Any) -> list[Row]:
    """Return the rows of one statement, by column."""
    with connection.cursor(row_factory=dict_row) as cursor:
        # Without parameters a percent sign stands for itself.
        return cursor.execute(query, parameters or None).fetchall()
