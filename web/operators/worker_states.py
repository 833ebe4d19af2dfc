"""The web processes of all machines, as each has reported itself.

Invariant: a process that has not reported for a minute counts as ended; only what it answered before is still counted.
"""

from dataclasses import dataclass
from typing import Annotated, LiteralString

from pydantic import Field

from web.operators.history_sums import reads_per_second
from web.operators.worker_sums import hit_ratio_of
from web.telemetry.worker_statistics import WorkerReport, WorkerStatistics

# The leader deletes the rows of ended processes after 16 minutes, when the history has no place for them any more.
WORKERS: LiteralString = """
SELECT worker_id::text, host, pid, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
    round(extract(epoch FROM clock_timestamp() - seen_at), 1)::float8 AS seen_seconds_ago,
    round(extract(epoch FROM clock_timestamp() - started_at), 1)::float8 AS uptime_seconds,
    extract(epoch FROM seen_at)::float8 AS reported_at, seen_at > now() - interval '60 seconds' AS is_running,
    statistics::text AS report
FROM frontview.worker ORDER BY host, pid
"""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A web process, as it reported itself within the last minute."""

    worker_id: str
    host: str
    pid: int
    started_at: str
    uptime_seconds: float
    seen_seconds_ago: float
    memory_bytes: int | None
    feed_lag_seconds: Annotated[
        float | None, Field(description="Age of the newest drain that it knew when it reported.")
    ]
    trusted: Annotated[bool, Field(description="Whether its front cache could be used.")]
    connected: Annotated[bool, Field(description="Whether its feed connection stood.")]
    hit_ratio: float | None
    reads_per_second: Annotated[float | None, Field(description="In the last half minute.")]
    event_streams: int | None
    statistics: Annotated[WorkerStatistics, Field(description="Everything that it counts.")]


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A row of ``frontview.worker``; ``reported_at`` is Unix time by the database's clock."""

    worker_id: str
    host: str
    pid: int
    started_at: str
    uptime_seconds: float
    seen_seconds_ago: float
    reported_at: float
    is_running: bool
    report: str


def worker_state(row: WorkerRow, report: WorkerReport) -> WorkerState:
    """Return a worker with the numbers that people look at first, beside everything that it counts."""
    statistics = report.statistics
    return WorkerState(
        worker_id=row.worker_id,
        host=row.host,
        pid=row.pid,
        started_at=row.started_at,
        uptime_seconds=row.uptime_seconds,
        seen_seconds_ago=row.seen_seconds_ago,
        memory_bytes=statistics.process.resident_bytes,
        feed_lag_seconds=statistics.feed.lag_seconds,
        trusted=statistics.feed.trusted,
        connected=statistics.feed.connected,
        hit_ratio=hit_ratio_of(statistics),
        reads_per_second=reads_per_second(report.history),
        event_streams=statistics.event_streams.open,
        statistics=statistics,
    )
