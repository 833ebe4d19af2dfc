"""Leader election: a session advisory lock on the very connection that drains.

Invariant: who does not hold the lock does not drain; who loses the connection has lost the lock. A standby polls:
one that blocked in ``pg_advisory_lock`` would hold back vacuum for as long as it lives.
"""

import secrets
from dataclasses import dataclass

from models.connection import Connection

LOCK_CLASS = 0x66727674  # "frvt"; object 0 is the leader's, others are gates of tiers
LEADER_LOCK = 0


@dataclass(frozen=True, slots=True)
class Term:
    """One leader's term.

    :param epoch: greater than that of every earlier leader.
    :param nonce: random, so that two terms with one epoch (after a lost commit) are told apart.
    """

    epoch: int
    nonce: int


def try_to_lead(connection: Connection) -> Term | None:
    """Return a new term if the lock was free, None if another leads.

    The new epoch is committed synchronously, with the first drain, before anything else is done under it.
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
