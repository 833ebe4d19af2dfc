"""The shape of ``GET /api/v1/admin/stats``; for the documentation only.

Invariant: every name that it lists is always there; times are RFC 3339 in UTC.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

ReasonCode = Literal[
    "unpopulated",
    "every_key",
    "stale",
    "duty",
    "min_interval",
    "failed",
    "horizon",
    "clean",
    "refreshing",
    "no_leader",
    "undecided",
]


class Alarm(BaseModel):
    """What an operator must look at."""

    kind: str
    subject: str
    detail: str
    times: int
    since: str
    last_seen_seconds_ago: float


class Watermark(BaseModel):
    """The newest drain, and how much there is of what drains leave."""

    epoch: int
    drain_id: int
    age_seconds: float
    undrained_rows: int
    stale_keys: int
    feed_rows: int


class Refresher(BaseModel):
    """A refresher's connection."""

    pid: int
    application_name: str | None
    address: str | None = Field(description="Null: of this machine, by a socket.")
    connected_seconds: float | None = Field(description="Null: another role's, of which the leader has told nothing.")


class NextRefresh(BaseModel):
    """When a tier is refreshed next, and why then, as the leader has decided."""

    in_seconds: float | None = Field(description="0: now. Null: not as things stand.")
    code: ReasonCode
    why: str = Field(description="The code in words.")
    with_tier: str | None = Field(description="The tier whose rows it sums up and with which it is refreshed.")


class Tier(BaseModel):
    """One tier of a view."""

    view: str
    tier: Literal["recent", "by_day", "history", "total", "whole"]
    version: int
    relation: str
    populated: bool
    first_day: str
    before_day: str
    through: int | None
    refreshing: bool
    refreshed_at: str | None
    refreshed_seconds_ago: float | None
    duration_ms: int | None = Field(description="What a refresh costs; the policy goes by it.")
    row_count: int | None = Field(description="Of its last good refresh.")
    size_bytes: int | None
    stale_keys: int
    next_refresh: NextRefresh


class Refresh(BaseModel):
    """A refresh of a tier that has ended."""

    view: str
    tier: str
    started_at: str
    duration_ms: int
    row_count: int | None
    outcome: str


class Audited(BaseModel):
    """What the audit has compared of a view."""

    view: str
    checks: int
    violations: int
    rounds: int
    last_checked_seconds_ago: float | None


class Connections(BaseModel):
    """Sessions of ours in the database."""

    application_name: str
    address: str | None
    connections: int
    busy: int
    pids: list[int]


class Freshness(BaseModel):
    """How far drain and refreshes are behind, and what reads did about it. Null: nothing was ever drained."""

    drain_age_seconds: float | None
    drain_lag: int | None = Field(description="Rows of the change log that no drain has seen.")
    stale_keys: int | None
    patched_reads: int = Field(description="Computed reads with days that were recomputed from base tables.")
    computed_reads: int


class WorkerState(BaseModel):
    """A web process, as it reported itself within the last minute."""

    worker_id: str
    host: str
    pid: int
    started_at: str
    uptime_seconds: float
    seen_seconds_ago: float
    memory_bytes: int | None
    feed_lag_seconds: float | None = Field(description="Age of the newest drain that it knew when it reported.")
    trusted: bool = Field(description="Whether its front cache could be used.")
    connected: bool = Field(description="Whether its feed connection stood.")
    hit_ratio: float | None
    reads_per_second: float | None = Field(description="In the last half minute.")
    event_streams: int | None
    statistics: dict[str, Any] = Field(description="Everything that it counts.")


class Answered(BaseModel):
    """What all workers answered in ten seconds."""

    at: str = Field(description="When they began.")
    cache: int
    materialized_view: int
    database: int
    stale: int
    patched: int = Field(description="Of those computed.")
    requests: int = Field(description="Answers of any kind, errors among them.")
    hit_ratio: float | None
    complete: bool = Field(description="False: some worker has yet to report.")


class Times(BaseModel):
    """Reads and how long they took: bounds of a histogram; null: no read, or beyond the largest."""

    requests: int
    p50_ms: float | None
    p99_ms: float | None


class RegionState(Times):
    """A region of the front caches of all workers together; limits, too, are sums."""

    region: str
    entries: int
    bytes: int
    max_entries: int
    max_bytes: int
    hits: int
    misses: int
    fills: int
    refused: int
    evictions: int
    hit_ratio: float | None
    evictions_by_reason: dict[str, int]
    misses_by_reason: dict[str, int]
    cache: Times = Field(description="Of the reads that the front cache answered.")
    computed: Times = Field(description="Of the others.")


class Sources(BaseModel):
    """Answers of all workers since each started, by who gave them."""

    cache: int
    materialized_view: int
    database: int
    stale: int


class RouteTimes(Times):
    """Requests of a route by who answered."""

    route: str
    source: str
    mean_ms: float


class InvalidationByHand(BaseModel):
    """What an operator had dropped."""

    invalidation_id: int
    pattern: str
    asked_by: str
    asked_at: str
    drain_id: int | None
    state: Literal["waiting", "fed"]


class FeedSource(BaseModel):
    """Rows of the feed, which is kept for some minutes."""

    source: str
    rows: int
    drains: int


class Invalidations(BaseModel):
    """What caches had to drop."""

    by_hand: list[InvalidationByHand] = Field(description="The latest, the newest first.")
    feed: list[FeedSource]


class TaskLine(BaseModel):
    """What an operator asked of the leader."""

    task_id: int
    kind: Literal["refresh", "warm"]
    subject: str | None = Field(description="The view, or whose answers.")
    asked_by: str
    asked_at: str
    started_at: str | None
    ended_at: str | None
    state: Literal["waiting", "running", "ended"]
    outcome: str | None


class PlannedWarmth(BaseModel):
    """What the plan has the workers hold, for one reason."""

    reason: Literal["asked", "most_active", "predicted", "low_traffic"]
    entries: int
    users: int
    wanted_from: str
    wanted_until: str


class Statistics(BaseModel):
    """The system as a whole; the same as `frontview stats --json`."""

    now: str = Field(description="The database's time.")
    alarms: list[Alarm]
    watermark: Watermark | None = Field(description="Null: nothing was ever drained.")
    freshness: Freshness
    leader: Refresher | None
    standbys: list[Refresher] = Field(description="Refreshers that wait to lead.")
    views: list[Tier]
    refreshes: list[Refresh] = Field(description="The last ten, the newest first.")
    refresh_history: list[Refresh] = Field(description="At most 200 of the last 24 hours, the oldest first.")
    audit: list[Audited]
    connections: list[Connections]
    workers: list[WorkerState]
    history: list[Answered] = Field(description="The last quarter of an hour, the oldest first.")
    regions: list[RegionState]
    sources: Sources
    latencies: list[RouteTimes] = Field(description="Requests of all workers by route and source.")
    invalidations: Invalidations
    tasks: list[TaskLine] = Field(description="The latest, the newest first.")
    warm_plan: list[PlannedWarmth]
