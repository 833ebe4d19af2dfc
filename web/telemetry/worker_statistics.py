"""Everything that one web process counts, as one tree of values.

Metrics, sums over workers, the command line and the OpenAPI document are all made from it. It travels as JSON: one row
of ``frontview.worker`` a process.

Invariant: every field but those of a series has a default. What a worker of another version does not report counts as
nothing, and what it reports beyond these fields is ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from refresher.front_cache.statistics import CacheStatistics, FollowerStatistics
from web.reads.statistics import AdmissionStatistics, ReadStatistics


@dataclass(frozen=True, slots=True)
class SeriesStatistics:
    """Requests of one route, source and status: their total duration, and how many fell into each bucket."""

    route: str
    region: Annotated[str | None, Field(description="Where its answers are cached. Null: it has answered no read.")]
    source: str
    status: int
    counts: Annotated[tuple[int, ...], Field(description="One more than there are bounds; the last is beyond all.")]
    seconds: float


@dataclass(frozen=True, slots=True)
class LatencyStatistics:
    """The latency histogram of one process."""

    bounds_seconds: tuple[float, ...] = ()
    series: tuple[SeriesStatistics, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """Database connections that reads may use, and those that they use now."""

    size: int = 0
    in_use: int = 0


@dataclass(frozen=True, slots=True)
class ProcessStatistics:
    """Processor time and memory of the process."""

    cpu_seconds: float = 0.0
    resident_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class WarmingStatistics:
    """What the warmer did: entries warmed, by the reason for which they were planned, and skipped, by cause."""

    planned: int = 0
    plan_age_seconds: Annotated[
        float | None, Field(description="Since the plan was last read. Null: it never was.")
    ] = None
    warmed: Mapping[str, int] = field(default_factory=dict)
    renewed: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class EventStreamStatistics:
    """Streams of events: how many may be and are open, and what was sent, by event."""

    limit: int = 0
    open: int | None = None
    opened: int = 0
    refused: int = 0
    sent: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccessStatistics:
    """Reads reported to the database, lost with a report that failed, and dropped because there were too many users."""

    reports: int = 0
    reported_reads: int = 0
    unreported_reads: int = 0
    dropped_reads: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class KeyStatistics:
    """Fetches of the published keys that verify tokens, and tokens refused because their key was not known."""

    age_seconds: Annotated[
        float | None,
        Field(description="Since the last successful fetch or, before it, the first try. Null: nothing is fetched."),
    ] = None
    fetched: int = 0
    fetch_failed: int = 0
    unknown: Annotated[int, Field(description="Tokens whose key a fetch did not find (401).")] = 0
    unavailable: Annotated[int, Field(description="Tokens for which no fetch succeeded in time (503).")] = 0


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """Everything that one process counts."""

    pid: int = 0
    started_at: Annotated[float, Field(description="Unix time.")] = 0.0
    cache: CacheStatistics = field(default_factory=CacheStatistics)
    reads: ReadStatistics = field(default_factory=ReadStatistics)
    feed: FollowerStatistics = field(default_factory=FollowerStatistics)
    latency: LatencyStatistics = field(default_factory=LatencyStatistics)
    admission: AdmissionStatistics = field(default_factory=AdmissionStatistics)
    pool: PoolStatistics = field(default_factory=PoolStatistics)
    process: ProcessStatistics = field(default_factory=ProcessStatistics)
    warming: WarmingStatistics = field(default_factory=WarmingStatistics)
    event_streams: EventStreamStatistics = field(default_factory=EventStreamStatistics)
    accesses: AccessStatistics = field(default_factory=AccessStatistics)
    keys: KeyStatistics = field(default_factory=KeyStatistics)
    declaration: Annotated[
        int | None, Field(description="The number of the declaration that it serves. Null: it serves none.")
    ] = None

    @property
    def hits(self) -> int:
        """Reads that the front cache answered, of all regions."""
        return sum(region.hits for region in self.cache.regions.values())


@dataclass(frozen=True, slots=True)
class HistoryStatistics:
    """What a process answered in each ten seconds of the last quarter of an hour.

    :ivar at: now, by the clock of the process, as Unix time; None: not reported.
    :ivar buckets: when each began (Unix time), followed by one count for each of ``columns``; empty ones are left out.
    """

    at: float | None = None
    columns: tuple[str, ...] = ()
    buckets: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a process reports about itself."""

    statistics: WorkerStatistics = field(default_factory=WorkerStatistics)
    history: HistoryStatistics = field(default_factory=HistoryStatistics)

    def as_json(self) -> str:
        """Return it as it is stored: one object, in which the history is a member beside those of the statistics.

        :raises ValueError: some number is not finite.
        """
        return json.dumps(asdict(self.statistics) | {"history": asdict(self.history)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "WorkerReport":
        """Return the report that was stored; one that another version wrote in another shape counts as empty."""
        try:
            history = _STORED_HISTORY.validate_json(text, strict=True).history
            return cls(_STATISTICS.validate_json(text, strict=True), history)
        except ValidationError:
            return cls()


@dataclass(frozen=True, slots=True)
class _StoredHistory:
    history: HistoryStatistics = field(default_factory=HistoryStatistics)


_STATISTICS, _STORED_HISTORY = TypeAdapter(WorkerStatistics), TypeAdapter(_StoredHistory)
