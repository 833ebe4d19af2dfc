"""Leader election: a session advisory lock on the same connection that drains.

Invariant: a process without the lock does not drain, and one that loses the connection has lost the lock. A standby
polls the lock: one that blocked in ``pg_advisory_lock`` would hold back vacuum for as long as it lives.
"""

import secrets
from dataclasses import dataclass

from models.connection import Connection

LOCK_CLASS = 0x66727674  # The bytes "frvt". Object 0 is the leader's lock; all other objects are gates of tiers.
LEADER_LOCK = 0


@dataclass(frozen=True, slots=True)
class Term:
    """One leader's term.

    :param epoch: greater than that of every earlier leader.
    :param nonce: random; it tells apart two terms with the same epoch (possible after a lost commit).
    """

    epoch: int
    nonce: int


def try_to_lead(connection: Connection) -> Term | None:
    """Return a new term if the lock was free, None if another process leads.

    The new epoch is committed synchronously, by the first drain, before anything else happens in the term.
    """
    got = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK_CLASS, LEADER_LOCK)).fetchone()
    if not got or not got[0]:
        return None
    row = connection.execute("SELECT COALESCE(max(epoch), 0) + 1 FROM frontview.drain").fetchone()
    assert row is not None  # noqa: S101  an aggregate without GROUP BY returns one row
    term = Term(epoch=row[0], nonce=secrets.randbits(62))
    connection.execute("SELECT frontview.drain_changes(%s, %s)", (term.epoch, term.nonce))
    connection.execute("SET synchronous_commit = off")
    return term
