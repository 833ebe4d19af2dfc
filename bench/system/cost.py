"""What an action costs the server: time, WAL and temporary files.

Invariant: WAL and temporary files are the server's and the database's; nothing else of weight runs meanwhile.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from models.connection import Connection

WRITTEN = """
SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, temp_bytes FROM pg_stat_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one action."""

    milliseconds: float
    wal_bytes: int
    temporary_bytes: int


def cost_of(connection: Connection, action: Callable[[], object]) -> Cost:
    """Do something on a connection in autocommit, and return what it cost."""
    wal_before, temporary_before = _written(connection)
    began = time.perf_counter()
    action()
    took = time.perf_counter() - began
    wal, temporary = _written(connection)
    return Cost(took * 1000, wal - wal_before, temporary - temporary_before)


def _written(connection: Connection) -> tuple[int, int]:
    connection.execute("SELECT pg_stat_force_next_flush()")  # a session reports its temporary files late
    row = connection.execute(WRITTEN).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
