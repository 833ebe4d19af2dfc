"""Watches from outside how long the transactions of some sessions stay open.

Invariant: a transaction counts with the age at which it was last seen, so one shorter than the pause between two checks
may be missed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.watching.looking import looking
from models.connection import Connection

_LOOK = """
SELECT application_name, EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::float8, query
FROM pg_stat_activity
WHERE xact_start IS NOT NULL AND datname = current_database() AND starts_with(application_name, %s)
"""


@contextmanager
def longest_transactions(url: str, prefix: str) -> Iterator[dict[str, tuple[float, str]]]:
    """Watch while the block runs, and yield the longest transaction seen, by its session's name.

    A transaction is its seconds and the statement in which it was last seen.

    :param prefix: of the names of the sessions to watch.
    """
    longest: dict[str, tuple[float, str]] = {}

    def look(connection: Connection) -> None:
        for session, seconds, query in connection.execute(_LOOK, (prefix,)).fetchall():
            longest[session] = max(longest.get(session, (0.0, "")), (seconds, query))

    with looking(url, "transactions", look):
        yield longest
