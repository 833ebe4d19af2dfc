"""The system as a whole: its state, and what its workers, tasks and requests do.

Invariant: ``frontview stats`` and ``GET /api/v1/admin/stats`` show the same values. It only reads, and names a user
only where an operator did. Times are RFC 3339 in UTC.
"""

from dataclasses import asdict, dataclass
from typing import Annotated, Literal, LiteralString

from pydantic import Field

from models.connection import Connection
from refresher.leader.connections import DRAIN_NAME
from web.http.answers import utc_text
from web.operators.history_sums import Answered, sum_of_history
from web.operators.next_refreshes import NextRefresh, Plan, PlanNote, next_refresh_of
from web.operators.system_state import (
    Alarm,
    Audited,
    Connections,
    Refresh,
    Refresher,
    SystemState,
    TierStatus,
    Watermark,
    read_rows,
    system_state,
)
from web.operators.worker_states import WORKERS, WorkerRow, WorkerState, worker_state
from web.operators.worker_sums import (
    RegionState,
    RouteTimes,
    Sources,
    sum_of_latencies,
    sum_of_regions,
    sum_of_sources,
)
from web.telemetry.worker_statistics import WorkerReport, WorkerStatistics


@dataclass(frozen=True, slots=True)
class Tier(TierStatus):
    """One tier of a view."""

    next_refresh: NextRefresh


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far drain and refreshes are behind, and what reads did about it. Null: nothing was ever drained."""

    drain_age_seconds: float | None
    drain_lag: Annotated[int | None, Field(description="Rows of the change log that no drain has seen.")]
    stale_keys: int | None
    patched_reads: Annotated[int, Field(description="Computed reads with days that were recomputed from base tables.")]
    computed_reads: int


@dataclass(frozen=True, slots=True)
class InvalidationByHand:
    """Cached answers that an operator had dropped."""

    invalidation_id: int
    pattern: str
    asked_by: str
    asked_at: str
    drain_id: int | None
    state: Literal["waiting", "fed"]


@dataclass(frozen=True, slots=True)
class FeedSource:
    """Rows of the feed, which is kept for some minutes."""

    source: str
    rows: int
    drains: int


@dataclass(frozen=True, slots=True)
class Invalidations:
    """What caches had to drop."""

    by_hand: Annotated[list[InvalidationByHand], Field(description="The latest, the newest first.")]
    feed: list[FeedSource]


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task that an operator gave to the leader."""

    task_id: int
    kind: Literal["refresh", "warm"]
    subject: Annotated[str | None, Field(description="The view, or whose answers.")]
    asked_by: str
    asked_at: str
    started_at: str | None
    ended_at: str | None
    state: Literal["waiting", "running", "ended"]
    outcome: str | None


@dataclass(frozen=True, slots=True)
class PlannedWarmth:
    """The answers that workers should hold in their caches, for one reason."""

    reason: Literal["asked", "most_active", "predicted", "low_traffic"]
    entries: int
    users: int
    wanted_from: str
    wanted_until: str


@dataclass(frozen=True, slots=True)
class OperatorState:
    """The system as a whole; the same as `frontview stats --json`."""

    now: Annotated[str, Field(description="The database's time.")]
    alarms: list[Alarm]
    watermark: Annotated[Watermark | None, Field(description="Null: nothing was ever drained.")]
    freshness: Freshness
    leader: Refresher | None
    standbys: Annotated[list[Refresher], Field(description="Refreshers that wait to lead.")]
    views: list[Tier]
    refreshes: Annotated[list[Refresh], Field(description="The last ten, the newest first.")]
    refresh_history: Annotated[list[Refresh], Field(description="At most 200 of the last 24 hours, the oldest first.")]
    audit: list[Audited]
    connections: list[Connections]
    workers: list[WorkerState]
    history: Annotated[list[Answered], Field(description="The last quarter of an hour, the oldest first.")]
    regions: list[RegionState]
    sources: Sources
    latencies: Annotated[list[RouteTimes], Field(description="Requests of all workers by route and source.")]
    invalidations: Invalidations
    tasks: Annotated[list[TaskLine], Field(description="The latest, the newest first.")]
    warm_plan: list[PlannedWarmth]


INVALIDATIONS: LiteralString = """
SELECT invalidation_id, pattern, asked_by,
    to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS asked_at, drain_id,
    CASE WHEN drain_id IS NULL THEN 'waiting' ELSE 'fed' END AS state
FROM frontview.invalidation ORDER BY invalidation_id DESC LIMIT 20
"""
NOW: LiteralString = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"
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
# The start and address of another role's connection cannot be seen here; the leader has noted them.
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


@dataclass(frozen=True, slots=True)
class _Now:
    now: float


def operator_state(connection: Connection) -> OperatorState:
    """Return the state of the system as a whole, as of now.

    :raises psycopg.errors.UndefinedTable: the database is not migrated.
    """
    reports = [(row, WorkerReport.from_json(row.report)) for row in read_rows(connection, WorkerRow, WORKERS)]
    running = [(row, report) for row, report in reports if row.is_running]
    statistics = [report.statistics for _, report in running]
    (now,) = read_rows(connection, _Now, NOW)
    state = system_state(connection)
    refreshers = read_rows(connection, Refresher, REFRESHERS, DRAIN_NAME)
    return OperatorState(
        now=utc_text(now.now),
        alarms=state.alarms,
        watermark=state.watermark,
        freshness=freshness(state.watermark, statistics),
        leader=_leader(state.leader, refreshers),
        standbys=[it for it in refreshers if state.leader is None or it.pid != state.leader.pid],
        views=_tiers(connection, state),
        refreshes=state.refreshes,
        refresh_history=read_rows(connection, Refresh, REFRESH_HISTORY),
        audit=state.audit,
        connections=state.connections,
        workers=[worker_state(row, report) for row, report in running],
        history=sum_of_history([(report.history, row.reported_at) for row, report in reports], now.now),
        regions=sum_of_regions(statistics),
        sources=sum_of_sources(statistics),
        latencies=sum_of_latencies(statistics),
        invalidations=Invalidations(
            by_hand=read_rows(connection, InvalidationByHand, INVALIDATIONS),
            feed=read_rows(connection, FeedSource, FEED),
        ),
        tasks=read_rows(connection, TaskLine, TASKS),
        warm_plan=read_rows(connection, PlannedWarmth, WARM_PLAN),
    )


def freshness(watermark: Watermark | None, workers: list[WorkerStatistics]) -> Freshness:
    """Return how far the drain is behind, how much is stale, and how many computed reads were patched for it."""
    sources = sum_of_sources(workers)
    return Freshness(
        drain_age_seconds=watermark.age_seconds if watermark else None,
        drain_lag=watermark.undrained_rows if watermark else None,
        stale_keys=watermark.stale_keys if watermark else None,
        patched_reads=sum(it.reads.patched for it in workers),
        computed_reads=sources.materialized_view + sources.database,
    )


def _leader(leader: Refresher | None, refreshers: list[Refresher]) -> Refresher | None:
    """Return the leader with what its own note adds about its connection."""
    if leader is None:
        return None
    return next((it for it in refreshers if it.pid == leader.pid), leader)


def _tiers(connection: Connection, state: SystemState) -> list[Tier]:
    """Return the tiers with what their next refresh waits for."""
    notes = read_rows(connection, PlanNote, REFRESH_PLAN)
    epoch = state.watermark.epoch if state.leader and state.watermark else None
    plan = Plan.of(notes[0] if notes else None, epoch)
    return [Tier(**asdict(it), next_refresh=next_refresh_of(it, plan)) for it in state.views]
