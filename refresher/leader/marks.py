"""Marks that Frontview logs itself, where changes may have gone by or a read was wrong.

Invariant: they are logged like a writer's change, in a transaction that the drain's connection has no part in: its
look would not see rows of its own transaction.
"""

from collections.abc import Sequence

from models.connection import Connection

_MARK = """
INSERT INTO frontview.change_log (source, user_id, day)
SELECT s, %s::text::frontview.user_key, '-infinity' FROM unnest(%s::text[]) s
"""


def mark_every_key(connection: Connection, sources: Sequence[str]) -> None:
    """Make every key of ``sources`` stale: their reads recompute, and their views are refreshed at once."""
    connection.execute(_MARK, (None, list(sources)))


def mark_user(connection: Connection, sources: Sequence[str], user: str) -> None:
    """Make every day of one user stale: that user's reads recompute until the next refresh."""
    connection.execute(_MARK, (user, list(sources)))
