"""Looks at the bookkeeping many times a second, from outside, for as long as a fault's run lasts.

Invariant: it only reads, on one connection of its own, and what it could not see is a gap, never a guess.
"""

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.faults.convergence import LEADER_LOCK, LEADERS

PAUSE_SECONDS = 0.05
RULING_AGE_SECONDS = 0.5  # of the newest drain, where a leader drains as it should
_LOOK = f"""
SELECT d.drain_id, d.epoch, EXTRACT(EPOCH FROM clock_timestamp() - d.drained_at)::float8, ({LEADERS}),
    (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'frontview%%'), pg_notification_queue_usage()
FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look; ``at`` is monotonic, when it was back; ``age`` of the newest drain in seconds; ``took_ms`` to look."""

    at: float
    drain_id: int
    epoch: int
    age: float
    leaders: int
    connections: int
    queue: float
    took_ms: float


class Observer:
    """The looks of one run; :meth:`start` and :meth:`stop` once each."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self.sights: list[Sight] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
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
        """Return the first look since ``moment`` that meets the condition."""
        return next((sight for sight in list(self.sights) if sight.at >= moment and condition(sight)), None)

    def seconds_to_another_reign(self, moment: float, epoch: int) -> float | None:
        """Return how long after ``moment`` a leader later than ``epoch`` had drained; None: none has."""
        sight = self.first_after(moment, lambda it: it.epoch > epoch)
        return None if sight is None else sight.at - moment

    def seconds_to_draining(self, moment: float) -> float | None:
        """Return how long after ``moment`` the newest drain was young again; None: it is not yet."""
        sight = self.first_after(moment, lambda it: abs(it.age) < RULING_AGE_SECONDS)
        return None if sight is None else sight.at - moment

    def most_connections(self) -> int:
        """Return the most sessions of ours that there were."""
        return max((sight.connections for sight in self.sights), default=0)

    def most_leaders(self) -> int:
        """Return the most sessions that held the leader's lock at once."""
        return max((sight.leaders for sight in self.sights), default=0)

    def drains_a_second(self, begin: float, end: float) -> float:
        """Return the rate of appended drains between two moments."""
        seen = [sight for sight in self.sights if begin <= sight.at <= end]
        if len(seen) < 2:
            return 0.0
        return (seen[-1].drain_id - seen[0].drain_id) / (seen[-1].at - seen[0].at)

    def look_ms(self, begin: float, end: float) -> float:
        """Return the median time of the looks between two moments; it walks the newest drains, as a drain does."""
        seen = [sight.took_ms for sight in self.sights if begin <= sight.at <= end]
        return statistics.median(seen) if seen else 0.0

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._connect()) as connection:
                    self._look_at(connection)
            except (psycopg.Error, OSError):  # that is what some faults are
                self._stopping.wait(PAUSE_SECONDS)

    def _look_at(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SET statement_timeout = '5s'")
        while not self._stopping.is_set():
            asked = time.monotonic()
            row = connection.execute(_LOOK.encode(), LEADER_LOCK).fetchone()
            now = time.monotonic()
            if row is not None:
                self.sights.append(Sight(now, *row, took_ms=(now - asked) * 1000))
            self._stopping.wait(PAUSE_SECONDS)
