"""Logs keys, for the next drain to mark, after changes that capture may have missed and after wrong reads.

Invariant: they are logged like a writer's change, in a transaction of another connection than the drain's: the
snapshot of a drain does not see rows of the drain's own transaction.
"""

from collections.abc import Sequence

from models.connection import Connection

_MARK = """
INSERT INTO frontview.change_log (source, user_id, day)
SELECT s, %s::text::frontview.user_key, '-infinity' FROM unnest(%s::text[]) s
"""


def mark_every_key(connection: Connection, sources: Sequence[str]) -> None:
    """Make every key of ``sources`` stale: reads recompute them, and their views are refreshed at once."""
    connection.execute(_MARK, (None, list(sources)))


def mark_user(connection: Connection, sources: Sequence[str], user: str) -> None:
    """Make every day of one user stale: that user's reads recompute until the next refresh."""
    connection.execute(_MARK, (user, list(sources)))
