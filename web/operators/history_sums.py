"""Sums over the histories that workers report: what all of them answered in each ten seconds.

Invariant: what a worker does not report counts as nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from web.http.answers import utc_text
from web.operators.worker_sums import READ_SOURCES, share
from web.telemetry.history import BUCKET_SECONDS, COUNTED, KEPT_SECONDS
from web.telemetry.worker_reports import REPORT_SECONDS
from web.telemetry.worker_statistics import HistoryStatistics

SETTLED_SECONDS = REPORT_SECONDS + 1  # After the end of a bucket, until every worker has reported it.
RATE_BUCKETS = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """What all workers answered in ten seconds."""

    at: Annotated[str, Field(description="When they began.")]
    cache: int
    materialized_view: int
    database: int
    stale: int
    patched: Annotated[int, Field(description="Of those computed.")]
    requests: Annotated[int, Field(description="Answers of any kind, errors among them.")]
    hit_ratio: float | None
    complete: Annotated[bool, Field(description="False: some worker has yet to report.")]


def sum_of_history(histories: Iterable[tuple[HistoryStatistics, float]], now: float) -> list[Answered]:
    """Return what was answered in each ten seconds of the last quarter of an hour, the oldest first.

    :param histories: each with when it was reported.
    :param now: this and the times of the reports are Unix seconds by the database's clock.
    """
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for history, reported_at in histories:
        behind = 0 if history.at is None else round((reported_at - history.at) / BUCKET_SECONDS) * BUCKET_SECONDS
        for at, counts in _buckets(history):
            sums[at + behind].update(counts)
    newest = int(now) - int(now) % BUCKET_SECONDS
    return [
        _answered(at, sums[at], complete=at + BUCKET_SECONDS + SETTLED_SECONDS <= now)
        for at in range(newest - KEPT_SECONDS, newest + 1, BUCKET_SECONDS)
    ]


def reads_per_second(history: HistoryStatistics) -> float | None:
    """Return how many reads a process answered a second in its last half minute; None: it did not report that."""
    if history.at is None:
        return None
    ended = int(history.at) - int(history.at) % BUCKET_SECONDS
    since = ended - RATE_BUCKETS * BUCKET_SECONDS
    reads = sum(counts[source] for at, counts in _buckets(history) if since <= at < ended for source in READ_SOURCES)
    return round(reads / (ended - since), 2)


def _answered(at: int, counts: Counter[str], *, complete: bool) -> Answered:
    reads = sum(counts[source] for source in READ_SOURCES)
    return Answered(
        at=utc_text(at),
        cache=counts["cache"],
        materialized_view=counts["materialized_view"],
        database=counts["database"],
        stale=counts["stale"],
        patched=counts["patched"],
        requests=counts["requests"],
        hit_ratio=share(counts["cache"], reads),
        complete=complete,
    )


def _buckets(history: HistoryStatistics) -> Iterator[tuple[int, Counter[str]]]:
    for at, *values in history.buckets:
        counts = dict(zip(history.columns, values, strict=True))
        yield at, Counter({name: counts.get(name, 0) for name in COUNTED})
