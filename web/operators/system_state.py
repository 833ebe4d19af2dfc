"""The state of a running system, from the bookkeeping tables: what ``frontview status`` shows.

Invariant: it only reads, with one short statement a subject. Times are RFC 3339 in UTC.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, LiteralString, TypeVar

from psycopg.rows import class_row
from pydantic import Field

from models.connection import Connection
from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an operator must look at."""

    kind: str
    subject: str
    detail: str
    times: int
    since: str
    last_seen_seconds_ago: float


@dataclass(frozen=True, slots=True)
class Watermark:
    """The newest drain, and how many rows drains have left or have yet to read."""

    epoch: int
    drain_id: int
    age_seconds: float
    undrained_rows: int
    stale_keys: int
    feed_rows: int


@dataclass(frozen=True, slots=True)
class Refresher:
    """A refresher's connection."""

    pid: int
    application_name: str | None
    address: Annotated[str | None, Field(description="Null: of the database's machine, by a socket.")]
    connected_seconds: Annotated[
        float | None, Field(description="Null: it belongs to another role, and the leader has not noted it.")
    ]


@dataclass(frozen=True, slots=True)
class TierStatus:
    """One tier of a view."""

    view: str
    tier: Literal["recent", "by_day", "archive", "total", "whole"]
    version: int
    relation: str
    populated: bool
    first_day: str
    before_day: str
    through: int | None
    refreshing: bool
    refreshed_at: str | None
    refreshed_seconds_ago: float | None
    duration_ms: Annotated[int | None, Field(description="What a refresh costs; the refresh policy uses it.")]
    row_count: Annotated[int | None, Field(description="After its last successful refresh.")]
    size_bytes: int | None
    stale_keys: int
    sealed_before: Annotated[str | None, Field(description="Of an archive: its first day that is not sealed.")]
    sealing_before: Annotated[str | None, Field(description="The same, as requested and not sealed yet.")]
    sealed_changes: Annotated[int | None, Field(description="Keys of sealed days that changed since.")]


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh of a tier that has ended."""

    view: str
    tier: str
    started_at: str
    duration_ms: int
    row_count: int | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit has compared of a view."""

    view: str
    checks: int
    violations: int
    rounds: int
    last_checked_seconds_ago: float | None


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of Frontview's processes to the database, by application name and address."""

    application_name: str
    address: str | None
    connections: int
    busy: int
    pids: list[int]


@dataclass(frozen=True, slots=True)
class SystemState:
    """The state of the system; of refreshes the last ten, the newest first."""

    alarms: list[Alarm]
    watermark: Watermark | None
    leader: Refresher | None
    views: list[TierStatus]
    refreshes: list[Refresh]
    audit: list[Audited]
    connections: list[Connections]


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
        AND frontview.tier_holds(v.first_day, v.before_day, k.day)
    ) AS stale_keys,
    CASE WHEN v.tier = 'archive' THEN NULLIF(v.first_day, '-infinity')::text END AS sealed_before,
    s.sealing_before::text, s.sealed_changes
FROM frontview.view_state v LEFT JOIN frontview.seal s ON s.view = v.view AND v.tier = 'archive'
LEFT JOIN pg_class c ON c.oid = to_regclass(v.relation)
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


def system_state(connection: Connection) -> SystemState:
    """Return the state of the system as of now.

    :raises psycopg.errors.UndefinedTable: the database is not migrated.
    """
    leader = read_rows(connection, Refresher, LEADER, LOCK_CLASS, LEADER_LOCK)
    watermark = read_rows(connection, Watermark, WATERMARK)
    return SystemState(
        alarms=read_rows(connection, Alarm, ALARMS),
        watermark=watermark[0] if watermark else None,
        leader=leader[0] if leader else None,
        views=read_rows(connection, TierStatus, TIERS),
        refreshes=read_rows(connection, Refresh, REFRESHES),
        audit=read_rows(connection, Audited, AUDIT),
        connections=read_rows(connection, Connections, CONNECTIONS),
    )


def read_rows(connection: Connection, kind: type[T], query: LiteralString, *parameters: Any) -> list[T]:
    """Return the rows of one statement as values of ``kind``, whose fields are named like the columns."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        # Without parameters a percent sign stands for itself.
        return cursor.execute(query, parameters or None).fetchall()
