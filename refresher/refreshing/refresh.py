"""One refresh: contents and ``through`` become visible together, in one REPEATABLE READ transaction.

Invariant: the gates are taken, and the attempt is announced and committed, before the transaction's snapshot exists;
the end of the attempt is announced only when that snapshot is gone (a compaction announces it when the newest drain is
read). The drain relies on it: a key marked while no refresh runs need not be marked again before the next one begins.
"""

import time
from datetime import UTC, date, datetime

import psycopg
from psycopg import sql

from models.connection import Connection
from refresher.refreshing.compaction import REBUILD_DUE, compact
from refresher.refreshing.refresh_log import RefreshResult, TierRefresh, log_end, rows_added, value_of
from refresher.refreshing.sealing import seal_if_due
from refresher.refreshing.steps import announce, cover, gates, one_snapshot, refuse_rewritten
from views_sql.declaration.maintained_view import ARCHIVE_TIERS, MaintainedView

# REFRESH … CONCURRENTLY analyzes its new rows to compare them with the old ones; that plan
# needs no more than their number. Aggregates of all history spill to disk at 4 MB: work_mem is raised where it is less.
RESOURCE_SETTINGS = (
    "SET LOCAL default_statistics_target = 10",
    "SELECT set_config('work_mem', '64MB', TRUE) WHERE pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024",
)
# What reads need to know about a view is noted again when its days are updated, even to the same ones.
REBUILT = (
    "UPDATE frontview.view_state SET rebuild_ms = %s, rebuilt_rows = %s, before_day = before_day "
    "WHERE view = %s AND tier = 'archive'"
)
BEFORE = "UPDATE frontview.view_state SET before_day = %s WHERE view = %s AND tier = ANY (%s)"
SINCE = "UPDATE frontview.view_state SET first_day = %s WHERE view = %s AND tier <> ALL (%s)"

# A tier and the sums of its rows: their contents always come from one snapshot.
_PAIRS = (ARCHIVE_TIERS, ("recent", "by_day"))


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
    rebuild: bool = False,
    timeout_seconds: float = 0.0,
) -> RefreshResult:
    """Refresh tiers of one view, log it, and return how it ended.

    :param connection: in autocommit, used by no other thread.
    :param tiers: in any order; a tier that goes together with one of them is added.
    :param epoch: the caller's; a tier that a later leader has refreshed is left alone.
    :param horizon: the view's new horizon; ``tiers`` must then be all tiers.
    :param rebuild: whether an archive among them is rebuilt, whatever is stale.
    :param timeout_seconds: limit of each statement; 0: no limit.
    :raises psycopg.Error: the connection is lost.
    """
    together = {name for tier in tiers for name in tiers_together(tier)}
    parts = [TierRefresh(tier) for tier in view.tiers if tier in together]
    tiers = tuple(part.tier for part in parts)
    started, started_at = time.monotonic(), datetime.now(UTC)
    with gates(connection, view.name, tiers) as entered:
        if not entered:
            return RefreshResult(view.name, tiers, "busy", 0.0)
        try:
            found = announce(connection, view.name, tiers)
            for part in parts:
                part.populated, part.rows_before = found.get(part.tier, (False, None))
            outcome = _bring_up_to_date(connection, view.name, parts, epoch, horizon, rebuild, timeout_seconds)
            # After a move the archive is as stale as before: a seal would write all of that in one transaction.
            if "archive" in tiers and outcome in ("refreshed", "populated"):
                seal_if_due(connection, view.name, parts, epoch, timeout_seconds)
        except psycopg.Error as error:
            if connection.broken:
                raise
            outcome = f"failed: {error.sqlstate}"
        result = RefreshResult(view.name, tiers, outcome, time.monotonic() - started)
        log_end(connection, result, parts, started_at)
    if outcome == "populated" or any(part.rebuilt for part in parts):
        _analyze(connection, view.name, tiers)
    return result


def _bring_up_to_date(
    connection: Connection,
    view: str,
    parts: list[TierRefresh],
    epoch: int,
    horizon: date | None,
    rebuild: bool,
    timeout_seconds: float,
) -> str:
    """Compact a populated archive, and do everything else in one snapshot; return the outcome.

    :raises psycopg.Error: it failed; what the tiers cover that failed is as before.
    """
    archive = [part for part in parts if part.tier in ARCHIVE_TIERS]
    kept = bool(archive) and archive[0].populated and not rebuild
    if not kept or horizon is not None:
        return _refresh_in_one_snapshot(connection, view, parts, epoch, horizon, kept, timeout_seconds)
    if others := [part for part in parts if part not in archive]:
        outcome = _refresh_in_one_snapshot(connection, view, others, epoch, None, kept, timeout_seconds)
        if outcome == "fenced":
            return outcome
    outcome = compact(connection, view, archive, epoch, timeout_seconds)
    if outcome != REBUILD_DUE:
        return outcome
    announce(connection, view, ARCHIVE_TIERS)
    return _refresh_in_one_snapshot(connection, view, archive, epoch, None, False, timeout_seconds)


def _analyze(connection: Connection, view: str, tiers: tuple[str, ...]) -> None:
    """Collect statistics of new contents; if that fails, plans are worse for a while, and nothing else."""
    try:
        for tier in tiers:
            connection.execute("SELECT frontview.analyze_tier(%s, %s)", (view, tier))
    except psycopg.Error:
        if connection.broken:
            raise


def _refresh_in_one_snapshot(
    connection: Connection,
    view: str,
    parts: list[TierRefresh],
    epoch: int,
    horizon: date | None,
    kept: bool,
    timeout_seconds: float,
) -> str:
    """Refresh the tiers and set their ``through``; return the outcome.

    :param kept: whether an archive among them keeps its rows and what it covers; a new horizon moves the days between.
    :raises psycopg.Error: it failed and changed nothing.
    """
    tiers = [part.tier for part in parts if not (kept and part.tier in ARCHIVE_TIERS)]
    covered = False
    with one_snapshot(connection, timeout_seconds):
        for setting in RESOURCE_SETTINGS:
            connection.execute(setting)
        through = value_of(connection, "SELECT COALESCE(max(drain_id), 0) FROM frontview.drain")
        before = rows_added(connection, view, parts)
        if horizon is not None:
            _set_horizon(connection, view, horizon, kept)
        # A rebuild comes last: from its end on, reads of the archive wait.
        for part in sorted(parts, key=lambda it: it.tier in ARCHIVE_TIERS):
            if part.tier in tiers:
                part.recount = horizon is not None
                _refresh_tier(connection, view, part)
        for part, earlier, now in zip(parts, before, rows_added(connection, view, parts), strict=True):
            part.rows_added = now if part.rebuilt else now - earlier
            if part.rebuilt and part.tier == "archive":
                connection.execute(REBUILT, (round(1000 * part.seconds), part.rows_added, view))
        cover(connection, view, tiers, through, epoch)
        refuse_rewritten(connection, view)
        covered = True
    if not covered:
        return "fenced"
    if not all(part.populated for part in parts):
        return "populated"
    return "refreshed" if horizon is None else "moved"


def _refresh_tier(connection: Connection, view: str, part: TierRefresh) -> None:
    part.rebuilt = part.tier in ARCHIVE_TIERS
    begun = time.monotonic()
    try:
        if part.rebuilt:
            if part.tier == "archive":  # its sums come with it
                connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier("frontview", f"{view}_rebuild")))
        else:  # REFRESH needs the rights of the owner, which a refresher need not have
            connection.execute("SELECT frontview.refresh_tier(%s, %s, %s)", (view, part.tier, part.populated))
    finally:
        part.seconds = time.monotonic() - begun


def _set_horizon(connection: Connection, view: str, horizon: date, kept: bool) -> None:
    if kept:
        move = sql.SQL("SELECT {}(%s)").format(sql.Identifier("frontview", f"{view}_move_horizon"))
        connection.execute(move, (horizon,))
        return
    connection.execute(BEFORE, (horizon, view, list(ARCHIVE_TIERS)))
    connection.execute(SINCE, (horizon, view, list(ARCHIVE_TIERS)))
