"""What the read path counts, as values.

Invariant: every field has a default, so numbers that a worker of another version reported can be read back.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class ReadStatistics:
    """How reads were answered; hits are counted by the front cache, region by region.

    Answers computed from views and from base tables, those of them with patched days, answers past their trust, reads
    that shared another read's computation, reads that found no database, statements that were repeated (after a
    rewrite, on another connection, from the base tables, or one question at a time), failures of the cache, and
    outcomes of warming. `running` is the number of computations at this moment.
    """

    materialized_view: int = 0
    database: int = 0
    stale: int = 0
    patched: int = 0
    shared: int = 0
    unavailable: int = 0
    read_again: int = 0
    reconnected: int = 0
    view_failed: int = 0
    asked_singly: int = 0
    statement_failed: int = 0
    cache_failed: int = 0
    cache_flush_failed: int = 0
    warm_stored: int = 0
    warm_held: int = 0
    warm_busy: int = 0
    warm_refused: int = 0
    warm_failed: int = 0
    running: int = 0


READ_EVENTS = tuple(it.name for it in fields(ReadStatistics) if it.name != "running")


@dataclass(frozen=True, slots=True)
class AdmissionStatistics:
    """How many requests may wait for the database at once, how many do, and how many were refused."""

    capacity: int = 0
    inside: int = 0
    refused: int = 0
