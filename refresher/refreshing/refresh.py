"""One refresh: contents and ``through`` become visible together, in one REPEATABLE READ transaction.

Invariant: the gates are taken, and the attempt is announced and committed, before the transaction's snapshot exists;
it is announced as over only once that snapshot is gone. The drain relies on it: a key marked while no refresh runs
need not be marked again before the next one begins.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg
from psycopg import sql

from models.connection import Connection
from refresher.leader.leadership import LOCK_CLASS
from views_sql.maintained_view import MaintainedView

# An odd number of attempts says that a refresh runs; one that died is followed by another odd number.
ANNOUNCE = """
INSERT INTO frontview.refresh_attempt AS a (view, tier, attempts) SELECT %s, unnest(%s::text[]), 1
ON CONFLICT (view, tier) DO UPDATE SET attempts = a.attempts + 1 + a.attempts %% 2
"""
ANNOUNCE_END = """
UPDATE frontview.refresh_attempt SET attempts = attempts + attempts %% 2 WHERE view = %s AND tier = ANY (%s)
"""

# What a refresh costs decides when the next one is due. Waiting for a lock is no cost, and nobody says how long it was:
# so one refresh at most doubles the figure.
COST = """
UPDATE frontview.view_state
SET duration_ms = LEAST(%(duration_ms)s, GREATEST(2 * COALESCE(duration_ms, %(duration_ms)s), 20))
WHERE view = %(view)s AND tier = ANY (%(tiers)s)
"""

# What a refresh works with, where the server has less. REFRESH … CONCURRENTLY analyzes its new rows to compare them
# with the old ones; how many there are is all that plan needs. Aggregates of all history spill at 4 MB.
MEANS = (
    "SET LOCAL default_statistics_target = 10",
    "SELECT set_config('work_mem', '64MB', TRUE) WHERE pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a refresh did.

    :param word: ``refreshed``, ``populated``, ``moved``, ``busy`` (another holds a gate), ``fenced`` (another
        leader rules) or ``failed: SQLSTATE``.
    """

    view: str
    tiers: tuple[str, ...]
    word: str
    duration_seconds: float

    @property
    def failed(self) -> bool:
        """Whether it has to be tried again later."""
        return self.word.startswith("failed") or self.word in ("busy", "fenced")


# A tier and the sums of its rows: their contents are of one snapshot, always.
_PAIRS = (("history", "total"), ("recent", "by_day"))


def tiers_together(tier: str) -> tuple[str, ...]:
    """Return the tiers that one refresh of ``tier`` covers: sums go with what they are made of."""
    return next((pair for pair in _PAIRS if tier in pair), (tier,))


def refresh(
    connection: Connection,
    view: MaintainedView,
    tiers: tuple[str, ...],
    epoch: int,
    *,
    horizon: date | None = None,
    timeout_seconds: float = 0.0,
) -> Outcome:
    """Refresh tiers of one view in one transaction and log it.

    :param connection: in autocommit, used by nobody else.
    :param tiers: in any order; a tier that goes together with one of them is added. The gates are taken in the order
        of ``view.tiers``.
    :param epoch: the caller's; a tier that a later leader has refreshed is left alone.
    :param horizon: move the view's horizon there; ``tiers`` must then be all tiers.
    :param timeout_seconds: of each statement; 0: no limit.
    """
    together = {name for tier in tiers for name in tiers_together(tier)}
    tiers = tuple(tier for tier in view.tiers if tier in together)
    started, started_at = time.monotonic(), datetime.now(UTC)
    rows: dict[str, int] = {}
    with ExitStack() as gates:
        if not all(_enter_gate(gates, connection, f"{view.name}/{tier}") for tier in tiers):
            return Outcome(view.name, tiers, "busy", 0.0)
        try:
            connection.execute(ANNOUNCE, (view.name, list(tiers)))
            word = _refresh_in_one_snapshot(connection, view.name, tiers, epoch, horizon, timeout_seconds, rows)
        except psycopg.Error as error:
            if connection.broken:
                raise
            word = f"failed: {error.sqlstate}"
        connection.execute(ANNOUNCE_END, (view.name, list(tiers)))
        duration = time.monotonic() - started
        _record(connection, view.name, tiers, started_at, duration, word, rows)
    if word in ("populated", "moved"):
        _analyze(connection, view.name, tiers)
    return Outcome(view.name, tiers, word, duration)


def _analyze(connection: Connection, view: str, tiers: tuple[str, ...]) -> None:
    """Collect statistics of new contents; without them plans are worse for a while, and nothing else."""
    try:
        for tier in tiers:
            connection.execute("SELECT frontview.analyze_tier(%s, %s)", (view, tier))
    except psycopg.Error:
        if connection.broken:
            raise


def _enter_gate(gates: ExitStack, connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (LOCK_CLASS, name)).fetchone()
    if not row or not row[0]:
        return False
    gates.callback(_leave_gate, connection, name)
    return True


def _leave_gate(connection: Connection, name: str) -> None:
    if not connection.closed:
        connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (LOCK_CLASS, name))


def _relation(view: str, tier: str) -> sql.Identifier:
    return sql.Identifier("frontview", f"{view}_{tier}")


def _refresh_in_one_snapshot(
    connection: Connection,
    view: str,
    tiers: tuple[str, ...],
    epoch: int,
    horizon: date | None,
    timeout_seconds: float,
    rows: dict[str, int],
) -> str:
    populated = _populated(connection, view, tiers)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL lock_timeout = '10s'")
        limit = sql.Literal(round(timeout_seconds * 1000))  # SET takes no snapshot
        connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(limit))
        for setting in MEANS:
            connection.execute(setting)
        through = _one(connection, "SELECT max(drain_id) FROM frontview.drain")
        if horizon is not None:
            _set_horizon(connection, view, horizon)
        for tier in tiers:
            # REFRESH is for the owner, which a refresher need not be
            connection.execute("SELECT frontview.refresh_tier(%s, %s, %s)", (view, tier, populated[tier]))
            rows[tier] = _one(connection, sql.SQL("SELECT count(*) FROM {}").format(_relation(view, tier)))
        covered = connection.execute(
            "UPDATE frontview.view_state SET through = %s, epoch = %s, refreshed_at = now() "
            "WHERE view = %s AND tier = ANY (%s) AND epoch <= %s",
            (through, epoch, view, list(tiers), epoch),
        ).rowcount
        if _sources_rewritten(connection, view):
            raise psycopg.errors.SerializationFailure
        if covered < len(tiers):
            raise psycopg.Rollback
    if covered < len(tiers):
        return "fenced"
    if not all(populated.values()):
        return "populated"
    return "refreshed" if horizon is None else "moved"


def _sources_rewritten(connection: Connection, view: str) -> bool:
    """Return whether a table was given new storage under the snapshot: to it, that storage looks empty.

    A REFRESH waits for an ALTER with its snapshot taken; from here to the end our locks keep others out.
    """
    row = connection.execute(
        "SELECT frontview.rewritten(ARRAY("
        "SELECT s.relation::oid FROM frontview.source s WHERE s.source = ANY (v.sources))) "
        "FROM frontview.view_state v WHERE v.view = %s LIMIT 1",
        (view,),
    ).fetchone()
    return bool(row and row[0])


def _populated(connection: Connection, view: str, tiers: tuple[str, ...]) -> dict[str, bool]:
    found = connection.execute(
        "SELECT relname, relispopulated FROM pg_class "
        "WHERE relnamespace = 'frontview'::regnamespace AND relname = ANY (%s)",
        ([f"{view}_{tier}" for tier in tiers],),
    ).fetchall()
    by_name: dict[str, bool] = dict(found)
    return {tier: by_name.get(f"{view}_{tier}", False) for tier in tiers}


def _set_horizon(connection: Connection, view: str, horizon: date) -> None:
    connection.execute(
        "UPDATE frontview.view_state SET before_day = %s WHERE view = %s AND tier IN ('history', 'total')",
        (horizon, view),
    )
    connection.execute(
        "UPDATE frontview.view_state SET first_day = %s WHERE view = %s AND tier IN ('recent', 'by_day')",
        (horizon, view),
    )


def _record(
    connection: Connection,
    view: str,
    tiers: tuple[str, ...],
    started_at: datetime,
    duration_seconds: float,
    word: str,
    rows: dict[str, int],
) -> None:
    duration_ms = round(duration_seconds * 1000 / len(tiers))
    for tier in tiers:
        connection.execute(
            "INSERT INTO frontview.refresh_log (view, tier, started_at, duration_ms, row_count, outcome) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            (view, tier, started_at, duration_ms, rows.get(tier), word),
        )
    if not word.startswith("failed"):
        connection.execute(COST, {"duration_ms": duration_ms, "view": view, "tiers": list(tiers)})


def _one(connection: Connection, query: str | sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
