"""Rows that a fault writes itself, checked like those of the load.

Invariant: they use the places of the highest numbers, which the load reaches last, so no place is used twice.
"""

from datetime import UTC, datetime, time
from time import monotonic
from typing import Any

import psycopg

from tests.faults.deployment.deployment import Deployment
from tests.faults.record.encoding import PLAIN_ROWS, plain_place
from tests.faults.record.history import Write

MOST_ROWS = PLAIN_ROWS // 3  # of a user
_INSERT = """
INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT user_id, min(id), %s, 'completed', 60, %s FROM agents WHERE user_id = %s GROUP BY user_id
"""


class OwnRows:
    """Hands out places of ``users`` in turn, writes there, and records the outcome in ``writes``."""

    def __init__(self, deployment: Deployment, users: list[int], writes: list[Write]) -> None:
        self._window, self._users, self._writes = deployment.window, users, writes
        self._given = 0

    def insert(self, connection: psycopg.Connection[Any], count: int = 1, table: str = "calls") -> list[Write]:
        """Insert rows, one statement each, into the connection's transaction; whether they are seen is not noted yet.

        :param table: one that has what calls has.
        """
        rows = [self._next() for _ in range(count)]
        for row in rows:
            assert row.user is not None
            assert row.day is not None
            started_at = datetime.combine(self._window[row.day], time(12), UTC)
            query = _INSERT.replace("INTO calls", f"INTO {table}")
            connection.execute(query.encode(), (started_at, 1 << row.bit, row.user))
        return rows

    def committed(self, rows: list[Write], commit_sent: float) -> None:
        """Note that the rows were committed just now, by a COMMIT sent at ``commit_sent``."""
        now = monotonic()
        self._writes += [Write(row.row, row.bit, row.user, row.day, commit_sent, now) for row in rows]

    def unknown(self, rows: list[Write], commit_sent: float) -> None:
        """Note that nobody knows whether the rows were committed."""
        self._writes += [Write(row.row, row.bit, row.user, row.day, commit_sent, None) for row in rows]

    def rolled_back(self, rows: list[Write]) -> None:
        """Note that the rows must never be seen."""
        self._writes += [Write(row.row, row.bit, row.user, row.day, monotonic(), None, True) for row in rows]

    def commit(self, connection: psycopg.Connection[Any], rows: list[Write]) -> None:
        """Commit the connection's transaction and note it."""
        sent = monotonic()
        try:
            connection.commit()
        except psycopg.Error:
            self.unknown(rows, sent)
            raise
        self.committed(rows, sent)

    @property
    def left(self) -> int:
        """How many rows may still be written."""
        return MOST_ROWS * len(self._users) - self._given

    def _next(self) -> Write:
        user = self._users[self._given % len(self._users)]
        number = PLAIN_ROWS - 1 - self._given // len(self._users)
        assert PLAIN_ROWS - number <= MOST_ROWS, "a fault writes more rows than it may"
        self._given += 1
        day, bit = plain_place(user, number)
        return Write(f"{user}/{number}", bit, user, day, 0.0, None)
