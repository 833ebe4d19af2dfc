"""Samples the bookkeeping many times a second, from outside, during a whole run.

Invariant: it only reads, on one connection of its own, and what it could not see is a gap, never a guess.
"""

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg

from tests.faults.database.convergence import Mark, peaks, term_faults

PAUSE_SECONDS = 0.05
COUNT_SECONDS = 1.0  # Seconds between two counts of change_log: a count reads all of it.
RULING_AGE_SECONDS = 0.5  # The newest drain is younger than this while a leader drains as it should.
# The server's queue may have been made small so that it fills: what counts is how much of one as it comes is used.
_SAMPLE = """
WITH session AS MATERIALIZED (
    SELECT application_name, count(*) AS number FROM pg_stat_activity
    WHERE application_name LIKE 'frontview%' GROUP BY application_name
)
SELECT d.drain_id, d.epoch, d.nonce, (SELECT max(epoch) FROM frontview.view_state),
    EXTRACT(EPOCH FROM clock_timestamp() - d.drained_at)::float8,
    (SELECT COALESCE(sum(s.number), 0) FROM session s)::int,
    pg_notification_queue_usage() * COALESCE(current_setting('max_notify_queue_pages', true)::float8 / 1048576, 1),
    (SELECT string_agg(s.number || ' ' || s.application_name, ', ' ORDER BY s.application_name) FROM session s)
FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
"""
_COUNT = "SELECT count(*) FROM frontview.change_log"


@dataclass(frozen=True, slots=True)
class Sight:
    """One sample, all of one snapshot; ``at`` is the monotonic time of its arrival; it took ``took_ms``.

    :param epoch: of the newest drain, as ``nonce`` is; ``age`` of it in seconds.
    :param refreshed_epoch: the newest of any tier's refresh.
    :param queue: how much of the notification queue is used, as a share of one of the usual size.
    :param sessions: how many of which application.
    """

    at: float
    drain_id: int
    epoch: int
    nonce: int
    refreshed_epoch: int
    age: float
    connections: int
    queue: float
    sessions: str
    took_ms: float


class Observer:
    """The samples of one run; :meth:`start` and :meth:`stop` once each.

    ``most_logged``: the most rows of change_log that there were, counted each second.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self.sights: list[Sight] = []
        self.most_logged = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to take samples."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples."""
        self._stopping.set()
        self._thread.join(10)

    @property
    def epoch(self) -> int:
        """The newest epoch seen."""
        return self.sights[-1].epoch if self.sights else 0

    @property
    def drain_id(self) -> int:
        """The newest drain seen."""
        return self.sights[-1].drain_id if self.sights else 0

    def first_after(self, moment: float, condition: Callable[[Sight], bool]) -> Sight | None:
        """Return the first sample since ``moment`` that meets the condition."""
        return next((sight for sight in list(self.sights) if sight.at >= moment and condition(sight)), None)

    def seconds_to_another_term(self, moment: float, epoch: int) -> float | None:
        """Return how long after ``moment`` a leader later than ``epoch`` had drained; None: none has."""
        sight = self.first_after(moment, lambda it: it.epoch > epoch)
        return None if sight is None else sight.at - moment

    def seconds_to_draining(self, moment: float) -> float | None:
        """Return how long after ``moment`` the newest drain was young again; None: it is not yet."""
        sight = self.first_after(moment, lambda it: abs(it.age) < RULING_AGE_SECONDS)
        return None if sight is None else sight.at - moment

    def most_connections(self) -> tuple[int, str]:
        """Return the largest number of Frontview's sessions, and their applications."""
        return max(((sight.connections, sight.sessions) for sight in self.sights), default=(0, ""))

    def most_queue(self) -> float:
        """Return the most that was used of the notification queue, as a share of one of the usual size."""
        return max((sight.queue for sight in self.sights), default=0.0)

    def longest_without_drain(self) -> float:
        """Return the most seconds between two samples that saw different drains, as far as there are samples."""
        changes = [sight.at for before, sight in pairwise(self.sights) if sight.drain_id != before.drain_id]
        return max((later - earlier for earlier, later in pairwise(changes)), default=0.0)

    def faults(self, *, users: int) -> list[str]:
        """Return what speaks against the run in all that was seen: of the terms (I10) and of the peaks (I9).

        :param users: how many there are.
        """
        found = term_faults(Mark(it.epoch, it.nonce, it.refreshed_epoch) for it in self.sights)
        idle = self.longest_without_drain()
        return found + peaks(logged=self.most_logged, queue=self.most_queue(), users=users, idle_seconds=idle)

    def drains_a_second(self, begin: float, end: float) -> float:
        """Return the rate of appended drains between two moments."""
        seen = [sight for sight in self.sights if begin <= sight.at <= end]
        if len(seen) < 2:
            return 0.0
        return (seen[-1].drain_id - seen[0].drain_id) / (seen[-1].at - seen[0].at)

    def sample_ms(self, begin: float, end: float) -> float:
        """Return the median time of samples between two moments; each reads the newest drains, as a drain does."""
        seen = [sight.took_ms for sight in self.sights if begin <= sight.at <= end]
        return statistics.median(seen) if seen else 0.0

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._connect()) as connection:
                    self._sample(connection)
            except (psycopg.Error, OSError):  # that is what some faults are
                self._stopping.wait(PAUSE_SECONDS)

    def _sample(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET statement_timeout = '5s'")
        count_at = 0.0
        while not self._stopping.is_set():
            asked = time.monotonic()
            row = connection.execute(_SAMPLE.encode()).fetchone()
            now = time.monotonic()
            if row is not None:
                self.sights.append(Sight(now, *row, took_ms=(now - asked) * 1000))
            if now >= count_at:
                self._count(connection)
                count_at = now + COUNT_SECONDS
            self._stopping.wait(PAUSE_SECONDS)

    def _count(self, connection: psycopg.Connection[Any]) -> None:
        row = connection.execute(_COUNT.encode()).fetchone()
        assert row is not None
        self.most_logged = max(self.most_logged, row[0])
