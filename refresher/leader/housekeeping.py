"""Housekeeping on the leader's drain connection: drained log rows, old feed rows and covered stale keys are deleted.

Invariant: between two drains it takes about ``BUDGET_SECONDS`` and the rest of one batch, however much there is to
delete. A batch takes some milliseconds; while a snapshot keeps a million deleted rows of one transaction, 0.16 s. It is
a transaction of its own, so what it has deleted stays deleted; what is left is continued after the next drain.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from models.connection import Connection

PRUNE_SECONDS = 1.0  # How often drained rows of the change log are deleted.
FORGET_SECONDS = 10.0  # How often old feed and drain rows are deleted.
COLLECT_SECONDS = 30.0  # How often stale keys are looked at without a refresh: no refresh covers sealed days.
BUDGET_SECONDS = 0.01  # How long batches may follow each other between two drains; the last one may take longer.
BATCH = 1000  # How many rows one batch deletes, or how many stale keys it looks at.
# A day that is -infinity is text to us: a date of Python has none.
COLLECT = "SELECT next_user, next_source, next_day::text FROM frontview.collect_stale_keys(%s, %s, %s::date, %s)"


class Housekeeping:
    """Takes the three kinds of batches in turn, so that a long backlog of one does not stop the others.

    :param keep_feed_seconds: how long feed and drain rows are kept.
    :param collect_wanted: set when a refresh may have covered stale keys; a pass over them begins.
    """

    def __init__(
        self,
        connection: Connection,
        keep_feed_seconds: int,
        collect_wanted: threading.Event,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection, self._monotonic = connection, monotonic
        self._keep = f"{keep_feed_seconds} seconds"
        self._collect_wanted = collect_wanted
        self._kinds = deque((self._prune, self._forget, self._collect))
        self._pruned: str | None = None
        self._forgotten = 0
        self._collecting = False
        self._collect_from: tuple[Any, ...] = (None, None, None)
        self._prune_at = self._forget_at = self._collect_at = 0.0

    def run_what_is_due(self) -> None:
        """Run batches until nothing is due or the budget is spent; at least one, if any is due."""
        end = self._monotonic() + BUDGET_SECONDS
        not_due = 0
        while not_due < len(self._kinds) and (now := self._monotonic()) < end:
            was_due = self._kinds[0](now)
            self._kinds.rotate(-1)
            not_due = 0 if was_due else not_due + 1

    def _prune(self, now: float) -> bool:
        """Delete a batch of drained log rows; return False if that is not due."""
        if now < self._prune_at:
            return False
        self._pruned, complete = self._row(
            "SELECT pruned::text, complete FROM frontview.prune_change_log(%s, %s)", self._pruned, BATCH
        )
        if complete:
            self._prune_at = now + PRUNE_SECONDS
        return True

    def _forget(self, now: float) -> bool:
        """Delete a batch of old feed and drain rows; return False if that is not due."""
        if now < self._forget_at:
            return False
        (forgotten,) = self._row("SELECT frontview.forget_feed(%s, %s, %s)", self._keep, self._forgotten, BATCH)
        if forgotten is None:
            self._forget_at = now + FORGET_SECONDS
        else:
            self._forgotten = forgotten
        return True

    def _collect(self, now: float) -> bool:
        """Look at a batch of stale keys and delete the covered ones; return False if that is not due."""
        if not self._collecting:
            if not self._collect_wanted.is_set() and now < self._collect_at:
                return False
            self._collect_wanted.clear()
            self._collect_at = now + COLLECT_SECONDS
            self._collecting = True
        self._collect_from = self._row(COLLECT, *self._collect_from, BATCH)
        self._collecting = self._collect_from[0] is not None
        return True

    def _row(self, query: str, *parameters: object) -> tuple[Any, ...]:
        row = self._connection.execute(query, parameters).fetchone()
        assert row is not None  # noqa: S101  each of the functions returns one row
        return row
