"""The steps that a refresh and a compaction share: announcement, one snapshot, and what their tiers then cover.

Invariant: the start of an attempt is committed before the snapshot exists that its ``through`` is read with.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from models.connection import Connection
from refresher.leader.leadership import LOCK_CLASS
from refresher.refreshing.refresh_log import value_of

TRY_GATES = "SELECT g, pg_try_advisory_lock(%s, hashtext(g)) FROM unnest(%s::text[]) g"
LEAVE_GATES = "SELECT pg_advisory_unlock(%s, hashtext(g)) FROM unnest(%s::text[]) g"
# An odd number of attempts means that a refresh runs. After one that died, the next one also makes the number odd.
ANNOUNCE = """
WITH announced AS (
    INSERT INTO frontview.refresh_attempt AS a (view, tier, attempts, drain_id)
    SELECT %(view)s, unnest(%(tiers)s::text[]), 1, (SELECT COALESCE(max(d.drain_id), 0) FROM frontview.drain d)
    ON CONFLICT (view, tier) DO UPDATE SET attempts = a.attempts + 1 + a.attempts %% 2, drain_id = excluded.drain_id
)
SELECT v.tier, c.relispopulated AND (c.relkind = 'm' OR v.through IS NOT NULL), (
    SELECT l.row_count FROM frontview.refresh_log l
    WHERE l.view = v.view AND l.tier = v.tier AND l.row_count IS NOT NULL ORDER BY l.refresh_id DESC LIMIT 1
)
FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
WHERE v.view = %(view)s AND v.tier = ANY (%(tiers)s)
"""
# One statement and one snapshot: the newest drain is read with it, and the end is committed only afterwards.
ANNOUNCE_END = """
WITH ended AS (
    UPDATE frontview.refresh_attempt SET attempts = attempts + 1
    WHERE view = %s AND tier = ANY (%s) AND attempts %% 2 = 1
)
SELECT COALESCE(max(d.drain_id), 0) FROM frontview.drain d
"""
COVER = """
UPDATE frontview.view_state SET through = %s, epoch = %s, refreshed_at = now()
WHERE view = %s AND tier = ANY (%s) AND epoch <= %s
"""
# A refresh that waits for an ALTER of a table has its snapshot already; the table's new storage then looks empty to it.
# From this statement to the commit, the refresh's own locks keep an ALTER out.
SOURCES_REWRITTEN = """
SELECT frontview.rewritten(ARRAY(SELECT s.relation::oid FROM frontview.source s WHERE s.source = ANY (v.sources)))
FROM frontview.view_state v WHERE v.view = %s LIMIT 1
"""
# SET takes no snapshot, so this comes before any.
SNAPSHOT_SETTINGS = sql.SQL("""
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = {}
""")


@contextmanager
def gates(connection: Connection, view: str, tiers: Sequence[str]) -> Iterator[bool]:
    """Hold the gates of tiers, all or none; yield whether it does. No gate is waited for."""
    names = [f"{view}/{tier}" for tier in tiers]
    rows = connection.execute(TRY_GATES, (LOCK_CLASS, names)).fetchall()
    free = [name for name, got in rows if got]
    try:
        yield len(free) == len(names)
    finally:
        if not connection.closed:
            connection.execute(LEAVE_GATES, (LOCK_CLASS, free))


def announce(connection: Connection, view: str, tiers: Sequence[str]) -> dict[str, tuple[bool, int | None]]:
    """Announce an attempt: drains no longer leave marks of these tiers alone.

    :returns: for each tier that exists, whether it is populated, and its number of rows, None where it is not known.
    """
    rows = connection.execute(ANNOUNCE, {"view": view, "tiers": list(tiers)}).fetchall()
    return {tier: (populated, row_count) for tier, populated, row_count in rows}


def announce_end(connection: Connection, view: str, tiers: Sequence[str]) -> int:
    """Announce that every snapshot from now on sees what the attempt may cover; return the newest drain."""
    return int(value_of(connection, ANNOUNCE_END, view, list(tiers)))


@contextmanager
def one_snapshot(connection: Connection, timeout_seconds: float) -> Iterator[None]:
    """Run a transaction whose statements all read with one snapshot.

    :param timeout_seconds: limit of each statement; 0: no limit.
    """
    with connection.transaction():
        settings = SNAPSHOT_SETTINGS.format(sql.Literal(round(timeout_seconds * 1000)))
        connection.execute(settings, prepare=False)  # several statements cannot be prepared
        yield


def refuse_rewritten(connection: Connection, view: str) -> None:
    """Make sure that no base table of a view was given new storage since the transaction's snapshot.

    :raises psycopg.errors.SerializationFailure: one was.
    """
    if value_of(connection, SOURCES_REWRITTEN, view):
        raise psycopg.errors.SerializationFailure


def cover(connection: Connection, view: str, tiers: Sequence[str], through: int, epoch: int) -> None:
    """Set what the tiers cover.

    :raises psycopg.Rollback: a later leader has refreshed one of them.
    """
    if connection.execute(COVER, (through, epoch, view, list(tiers), epoch)).rowcount < len(tiers):
        raise psycopg.Rollback
