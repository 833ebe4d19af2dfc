"""What the front cache and its feed follower count, as values.

Invariant: every field has a default, so numbers that a worker of another version reported can be read back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RegionStatistics:
    """Limits, sizes and counters of one region.

    Misses, refusals and evictions are counted by reason, and entries by age: each under the least bound in seconds that
    it does not exceed.
    """

    entries: int = 0
    bytes: int = 0
    max_entries: int = 0
    max_bytes: int = 0
    hits: int = 0
    misses: Mapping[str, int] = field(default_factory=dict)
    hit_ratio: float = 0.0
    fills: int = 0
    renewals: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    evictions: Mapping[str, int] = field(default_factory=dict)
    ages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InvalidationStatistics:
    """Rows of the feed, and entries that they dropped, each by source or `by_hand`."""

    rows: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrustStatistics:
    """Whether the cache may be used now, for how long, why clocks disagree now if they do, and how often they did."""

    trusted: bool = False
    remaining_seconds: float = 0.0
    doubt: str | None = None
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class AppliedStatistics:
    """How far the feed was applied, if it was at all, and which of its rows are remembered."""

    epoch: int | None = None
    drain_id: int | None = None
    remembered_rows: int = 0
    remembers_from: int = 0


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Everything that one front cache counts; flushes are counted by reason."""

    regions: Mapping[str, RegionStatistics] = field(default_factory=dict)
    running_fills: int = 0
    flushes: Mapping[str, int] = field(default_factory=dict)
    invalidations: InvalidationStatistics = field(default_factory=InvalidationStatistics)
    trust: TrustStatistics = field(default_factory=TrustStatistics)
    feed: AppliedStatistics = field(default_factory=AppliedStatistics)


@dataclass(frozen=True, slots=True)
class FollowerStatistics:
    """The state of the connection to the feed, how old the newest drain is by now, and the last error."""

    connected: bool = False
    trusted: bool = False
    lag_seconds: float | None = None
    seconds_since_poll: float | None = None
    error: str | None = None
    polls: int = 0
    reconnects: int = 0
    failures: int = 0
