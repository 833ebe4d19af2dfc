"""One refresh: contents and ``through`` become visible together, in one REPEATABLE READ transaction.

Invariant: the gates are taken, and the attempt is announced and committed, before the transaction's snapshot exists;
the end of the attempt is announced only when that snapshot is gone. The drain relies on it: a key marked while no
refresh runs need not be marked again before the next refresh begins.
"""

import time
from contextlib import ExitStack
from datetime import UTC, date, datetime

import psycopg
from psycopg import sql

from models.connection import Connection
from refresher.leader.leadership import LOCK_CLASS
from refresher.refreshing.refresh_log import RefreshResult, TierRefresh, log_refresh, rows_added, value_of
from views_sql.declaration.maintained_view import MaintainedView

# An odd number of attempts means that a refresh runs. After one that died, the next one also makes the number odd.
ANNOUNCE = """
INSERT INTO frontview.refresh_attempt AS a (view, tier, attempts) SELECT %s, unnest(%s::text[]), 1
ON CONFLICT (view, tier) DO UPDATE SET attempts = a.attempts + 1 + a.attempts %% 2
"""
ANNOUNCE_END = """
UPDATE frontview.refresh_attempt SET attempts = attempts + attempts %% 2 WHERE view = %s AND tier = ANY (%s)
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

SNAPSHOT_SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",  # SET takes no snapshot, so this comes before any
    "SET LOCAL lock_timeout = '10s'",
)
# REFRESH … CONCURRENTLY analyzes its new rows to compare them with the old ones; that plan
# needs no more than their number. Aggregates of all history spill to disk at 4 MB: work_mem is raised where it is less.
RESOURCE_SETTINGS = (
    "SET LOCAL default_statistics_target = 10",
    "SELECT set_config('work_mem', '64MB', TRUE) WHERE pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024",
)


# A tier and the sums of its rows: their contents always come from one snapshot.
_PAIRS = (("history", "total"), ("recent", "by_day"))


def tiers_together(tier: str) -> tuple[str, ...]:
    """Return the tiers that are refreshed together with ``tier``, itself included: rows and their sums."""
    return next((pair for pair in _PAIRS if tier in pair), (tier,))


def refresh(
    connection: Connection,
    view: MaintainedView,
    tiers: tuple[str, ...],
    epoch: int,
    *,
    horizon: date | None = None,
    timeout_seconds: float = 0.0,
) -> RefreshResult:
    """Refresh tiers of one view in one transaction, log it, and return how it ended.

    :param connection: in autocommit, used by no other thread.
    :param tiers: in any order; a tier that goes together with one of them is added. Gates are acquired in the order of
        ``view.tiers``.
    :param epoch: the caller's; a tier that a later leader has refreshed is left alone.
    :param horizon: the view's new horizon; ``tiers`` must then be all tiers.
    :param timeout_seconds: limit of each statement; 0: no limit.
    :raises psycopg.Error: the connection is lost.
    """
    together = {name for tier in tiers for name in tiers_together(tier)}
    parts = [TierRefresh(tier) for tier in view.tiers if tier in together]
    tiers = tuple(part.tier for part in parts)
    started, started_at = time.monotonic(), datetime.now(UTC)
    with ExitStack() as gates:
        if not all(_enter_gate(gates, connection, f"{view.name}/{tier}") for tier in tiers):
            return RefreshResult(view.name, tiers, "busy", 0.0)
        try:
            connection.execute(ANNOUNCE, (view.name, list(tiers)))
            outcome = _refresh_in_one_snapshot(connection, view.name, parts, epoch, horizon, timeout_seconds)
        except psycopg.Error as error:
            if connection.broken:
                raise
            outcome = f"failed: {error.sqlstate}"
        connection.execute(ANNOUNCE_END, (view.name, list(tiers)))
        result = RefreshResult(view.name, tiers, outcome, time.monotonic() - started)
        log_refresh(connection, result, parts, started_at)
    if outcome in ("populated", "moved"):
        _analyze(connection, view.name, tiers)
    return result


def _analyze(connection: Connection, view: str, tiers: tuple[str, ...]) -> None:
    """Collect statistics of new contents; if that fails, plans are worse for a while, and nothing else."""
    try:
        for tier in tiers:
            connection.execute("SELECT frontview.analyze_tier(%s, %s)", (view, tier))
    except psycopg.Error:
        if connection.broken:
            raise


def _enter_gate(gates: ExitStack, connection: Connection, name: str) -> bool:
    if not value_of(connection, "SELECT pg_try_advisory_lock(%s, hashtext(%s))", LOCK_CLASS, name):
        return False
    gates.callback(_leave_gate, connection, name)
    return True


def _leave_gate(connection: Connection, name: str) -> None:
    if not connection.closed:
        connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (LOCK_CLASS, name))


def _refresh_in_one_snapshot(
    connection: Connection,
    view: str,
    parts: list[TierRefresh],
    epoch: int,
    horizon: date | None,
    timeout_seconds: float,
) -> str:
    """Refresh the tiers and set their ``through``; return the outcome.

    :raises psycopg.Error: it failed and changed nothing.
    """
    _note_populated(connection, view, parts)
    with connection.transaction():
        limit = sql.Literal(round(timeout_seconds * 1000))
        connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(limit))
        for setting in (*SNAPSHOT_SETTINGS, *RESOURCE_SETTINGS):
            connection.execute(setting)
        through = value_of(connection, "SELECT COALESCE(max(drain_id), 0) FROM frontview.drain")
        if horizon is not None:
            _set_horizon(connection, view, horizon)
        for part in parts:
            _refresh_tier(connection, view, part)
        tiers = [part.tier for part in parts]
        covered = connection.execute(COVER, (through, epoch, view, tiers, epoch)).rowcount
        if value_of(connection, SOURCES_REWRITTEN, view):
            raise psycopg.errors.SerializationFailure
        if covered < len(parts):
            raise psycopg.Rollback
    if covered < len(parts):
        return "fenced"
    if not all(part.populated for part in parts):
        return "populated"
    return "refreshed" if horizon is None else "moved"


def _refresh_tier(connection: Connection, view: str, part: TierRefresh) -> None:
    before, begun = rows_added(connection, view, part.tier), time.monotonic()
    try:
        # REFRESH needs the rights of the owner, which a refresher need not have
        connection.execute("SELECT frontview.refresh_tier(%s, %s, %s)", (view, part.tier, part.populated))
    finally:
        part.seconds = time.monotonic() - begun
    part.rows_added = rows_added(connection, view, part.tier) - before


def _note_populated(connection: Connection, view: str, parts: list[TierRefresh]) -> None:
    found = connection.execute(
        "SELECT relname FROM pg_class "
        "WHERE relnamespace = 'frontview'::regnamespace AND relname = ANY (%s) AND relispopulated",
        ([f"{view}_{part.tier}" for part in parts],),
    ).fetchall()
    for part in parts:
        part.populated = (f"{view}_{part.tier}",) in found


def _set_horizon(connection: Connection, view: str, horizon: date) -> None:
    connection.execute(
        "UPDATE frontview.view_state SET before_day = %s WHERE view = %s AND tier IN ('history', 'total')",
        (horizon, view),
    )
    connection.execute(
        "UPDATE frontview.view_state SET first_day = %s WHERE view = %s AND tier IN ('recent', 'by_day')",
        (horizon, view),
    )
