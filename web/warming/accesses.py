"""Accesses: every answered read is counted in memory, and the counts are reported to the database in batches.

Invariant: counting a read is one dictionary operation and never waits for the database; counts that cannot be kept or
reported are dropped, and their number is counted.
"""

import threading
from collections import Counter
from heapq import nlargest
from typing import TypeAlias

from sqlalchemy import Engine

from models.deadlines import Deadlines
from models.event_counter import EventCounter
from models.user_key import UserKey
from web.background import Background, has_free_connection
from web.telemetry.worker_statistics import AccessStatistics

REPORT_SECONDS = 10.0
MOST_PAIRS = 4_096  # How many pairs of user and dashboard are counted between two reports.
Pair: TypeAlias = tuple[UserKey, str]

_REPORT = """
SELECT frontview.report_accesses(%s::frontview.access_count[])
"""


class AccessCounter:
    """Counts answered reads; any number of threads may count.

    :param most_pairs: how many pairs are kept; when there are twice as many, those with the fewest reads are dropped.
    """

    def __init__(self, most_pairs: int = MOST_PAIRS) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Pair, int] = {}
        self._most = most_pairs
        self.dropped = 0

    def note(self, user: UserKey, dashboard: str) -> None:
        """Count one read."""
        pair = (user, dashboard)
        with self._lock:
            try:
                self._counts[pair] += 1
            except KeyError:
                self._add(pair)

    def take(self) -> dict[Pair, int]:
        """Return the reads counted since the last call."""
        with self._lock:
            if len(self._counts) > self._most:
                self._keep_largest()
            counts, self._counts = self._counts, {}
        return counts

    def _add(self, pair: Pair) -> None:
        self._counts[pair] = 1
        if len(self._counts) >= 2 * self._most:
            self._keep_largest()

    def _keep_largest(self) -> None:
        before = sum(self._counts.values())
        self._counts = dict(nlargest(self._most, self._counts.items(), key=lambda item: item[1]))
        self.dropped += before - sum(self._counts.values())


class AccessReporter:
    """Reports the accesses in ``counter``: one call every ``seconds``, and one at an orderly stop.

    :param engine: the worker's.
    :param deadlines: the worker's.
    """

    def __init__(
        self, engine: Engine, counter: AccessCounter, deadlines: Deadlines, *, seconds: float = REPORT_SECONDS
    ) -> None:
        self._engine, self._counter = engine, counter
        self._failures, self._sums = EventCounter(), Counter[str]()
        self.thread = Background(
            "accesses",
            seconds,
            self.report,
            engine=engine,
            deadlines=deadlines,
            counter=self._failures,
            last=self.report,
        )

    def report(self) -> None:
        """Report once; do nothing while real reads use every connection.

        :raises sqlalchemy.exc.SQLAlchemyError: the report failed, and its counts are dropped.
        """
        if not has_free_connection(self._engine):
            return
        counts = self._counter.take()
        if not counts:
            return
        reads = sum(counts.values())
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                rows = [(str(user), dashboard, reads) for (user, dashboard), reads in counts.items()]
                connection.exec_driver_sql(_REPORT, (rows,))
        except Exception:
            self._sums["unreported_reads"] += reads
            raise
        self._sums["reported_reads"] += reads
        self._sums["reports"] += 1

    def statistics(self) -> AccessStatistics:
        """Return the reads that were reported, and those that were not."""
        return AccessStatistics(
            reports=self._sums["reports"],
            reported_reads=self._sums["reported_reads"],
            unreported_reads=self._sums["unreported_reads"],
            dropped_reads=self._counter.dropped,
            failures=self._failures["failures"],
        )
