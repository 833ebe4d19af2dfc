"""Whether a long run ended as it began: samples of what must stay bounded, early ones compared with late ones.

Invariant: what is compared are medians of many samples; a run with too few of them is not taken for a steady one.
"""

import statistics
import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any

import psycopg

from tests.faults.database.convergence import FORGET_SECONDS, REWRITES
from tests.faults.deployment.deployment import Deployment
from tests.faults.record.encoding import DAYS
from tests.faults.record.history import History

SAMPLE_SECONDS = 10.0
LEAST_SAMPLES = 9  # a third of them is early, a third late
WARMING_SECONDS = 60.0  # caches fill, pools open, and interpreters load what they need
MORE_BYTES, MORE_SHARE = 16_000_000, 0.10  # of memory that a process may have late
MORE_ROWS = 5_000  # of a table, beside twice the early ones
LONG_SECONDS = 80.0  # a third as long as that outweighs any fault's time in it
TABLES = ("change_log", "stale_key", "feed", "drain")
KEPT = ("feed", "drain")  # for the retention; the other tables are emptied all the while
_ROWS = ", ".join(f"(SELECT count(*) FROM frontview.{it})" for it in TABLES)
_BYTES = ", ".join(f"pg_total_relation_size('frontview.{it}')" for it in TABLES)
_OURS = "(SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'frontview%')"
_SAMPLE = f"SELECT {_OURS}, pg_notification_queue_usage(), {_ROWS}, {_BYTES}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample; ``at`` in seconds since the load began, the rates of successes since the last sample."""

    at: float
    rss_bytes: dict[str, int]
    connections: int
    queue: float
    rows: dict[str, int]
    table_bytes: dict[str, int]
    writes_a_second: float = 0.0
    reads_a_second: float = 0.0


class Sampler:
    """Samples a deployment until it is stopped; a server that does not answer leaves a gap."""

    def __init__(self, deployment: Deployment, seconds: float) -> None:
        self.samples: list[Sample] = []
        self._deployment, self._pause = deployment, min(SAMPLE_SECONDS, seconds / 40)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin, as the load does."""
        self.began = monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Sample no more."""
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self.samples.append(self._look())
            except (psycopg.Error, OSError):  # a fault of the server's, or a process that has just ended
                continue

    def _look(self) -> Sample:
        everybody = self._deployment.processes()
        memory = {name: it.rss_bytes() for name, it in everybody.items() if it.alive}
        with closing(self._deployment.connect()) as connection:
            row = connection.execute(_SAMPLE.encode()).fetchone()
        assert row is not None
        rows, sizes = row[2 : 2 + len(TABLES)], row[2 + len(TABLES) :]
        tables = dict(zip(TABLES, rows, strict=True)), dict(zip(TABLES, sizes, strict=True))
        return Sample(monotonic() - self.began, memory, row[0], row[1], *tables)


def with_rates(samples: Sequence[Sample], history: History, began: float) -> list[Sample]:
    """Return the samples with what the history says about the time before each."""
    reads = sorted(it.received for it in history.reads if it.status == 200)
    writes = sorted(it.ended for it in history.attempts if it.captured and it.sqlstate is None)
    found, since = [], 0.0
    for sample in samples:
        rates = [_rate(times, began + since, began + sample.at) for times in (writes, reads)]
        found.append(replace(sample, writes_a_second=rates[0], reads_a_second=rates[1]))
        since = sample.at
    return found


def early_and_late(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Return the first and the last third of what came after the warming: a minute, or a quarter of a short run."""
    length = samples[-1].at if samples else 0.0
    warm = [it for it in samples if it.at >= min(WARMING_SECONDS, length / 4)]
    third = len(warm) // 3
    return warm[:third], warm[len(warm) - third :]


def unsteadiness(
    samples: Sequence[Sample], *, users: int, most_connections: int, retention_seconds: float
) -> list[str]:
    """Return what was not as flat at the end as at the beginning (I9).

    :param most_connections: that the configuration allows.
    """
    early, late = early_and_late(samples)
    if len(early) + len(late) < LEAST_SAMPLES * 2 // 3:
        return [f"I9: only {len(samples)} samples were taken: they prove nothing"]
    found = []
    for name in sorted(set(early[0].rss_bytes) | set(late[-1].rss_bytes)):
        first, last = (_median(some, lambda it, name=name: it.rss_bytes.get(name)) for some in (early, late))
        if first and last > first * (1 + MORE_SHARE) + MORE_BYTES:
            found.append(f"I9: {name} grew from {first / 1e6:.0f} to {last / 1e6:.0f} MB")
    connections = _median(late, lambda it: it.connections)
    if connections > most_connections:
        found.append(f"I9: {connections:.0f} connections late, more than {most_connections}")
    return found + _grown_tables(early, late, users, retention_seconds + FORGET_SECONDS)


def _grown_tables(early: list[Sample], late: list[Sample], users: int, kept_seconds: float) -> list[str]:
    moments = [min(_median(some, lambda it: it.at), kept_seconds) for some in (early, late)]
    found = []
    for table in TABLES:
        first, last = (_median(some, lambda it, table=table: it.rows[table]) for some in (early, late))
        # rows that are kept for a while are as many as have come since, until that while is over
        most = 2 * first * (moments[1] / moments[0] if table in KEPT else 1) + MORE_ROWS
        if table in KEPT:
            most += users * REWRITES  # a row for each user, of each rewriting of the table
        elif late[-1].at - late[0].at < LONG_SECONDS:
            most += users * DAYS  # a single fault may fill most of such a third; there are not many more keys
        if last > most:
            found.append(f"I9: {table} grew from {first:.0f} to {last:.0f} rows, more than {most:.0f}")
    return found


def figures(samples: Sequence[Sample], *, writes: float, reads: float) -> str:
    """Return early and late medians, and the rates that were reached of those asked for, as one sentence's parts."""
    early, late = early_and_late(samples)
    if not early:
        return "too few samples"
    rates = [
        f"{_median(samples, lambda it, name=name: getattr(it, name)):.0f} of {asked:g} {what}/s"
        f" ({_median(late, lambda it, name=name: getattr(it, name)):.0f} late)"
        for what, name, asked in (
            ("writing transactions", "writes_a_second", writes), ("answered reads", "reads_a_second", reads),
        )
    ]  # fmt: skip
    memory = [
        f"{name} {_median(early, lambda it, name=name: it.rss_bytes.get(name)) / 1e6:.0f} to "
        f"{_median(late, lambda it, name=name: it.rss_bytes.get(name)) / 1e6:.0f} MB"
        for name in sorted(late[-1].rss_bytes)
    ]
    rows = [
        f"{table} {_median(early, lambda it, table=table: it.rows[table]):.0f} to "
        f"{_median(late, lambda it, table=table: it.rows[table]):.0f} rows"
        for table in TABLES
    ]
    sessions = [f"{_median(some, lambda it: it.connections):.0f}" for some in (early, late)]
    queue = max(it.queue for it in samples)
    return ", ".join(
        [*rates, *memory, *rows, f"{' to '.join(sessions)} connections", f"queue at most {queue:.2%} full"]
    )


def values(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return the samples as values that JSON knows."""
    return [asdict(it) for it in samples]


def _median(samples: Sequence[Sample], of: Callable[[Sample], float | None]) -> float:
    """Return the median of what the samples have of it; 0: none has any."""
    return statistics.median([found for it in samples if (found := of(it)) is not None] or [0.0])


def _rate(times: list[float], begin: float, end: float) -> float:
    return (bisect_right(times, end) - bisect_right(times, begin)) / max(end - begin, 1e-9)
