"""How a refresh ended, and its rows in ``refresh_log``.

Invariant: the durations of a refresh's tiers add up to the duration of the refresh; the policy's duty relies on it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from models.connection import Connection

# The cost of a refresh decides when the next one is due. Time spent waiting for a lock is no cost, but cannot be told
# apart: so one refresh at most doubles the figure.
LOG = """
WITH ended AS (
    SELECT * FROM unnest(%(tiers)s::text[], %(durations)s::bigint[], %(row_counts)s::bigint[])
        e (tier, duration_ms, row_count)
), logged AS (
    INSERT INTO frontview.refresh_log (view, tier, started_at, duration_ms, row_count, outcome)
    SELECT %(view)s, e.tier, %(started_at)s, e.duration_ms, e.row_count, %(outcome)s FROM ended e
)
UPDATE frontview.view_state v
SET duration_ms = LEAST(e.duration_ms, GREATEST(2 * COALESCE(v.duration_ms, e.duration_ms), 20))
FROM ended e WHERE v.view = %(view)s AND v.tier = e.tier AND %(outcome)s NOT LIKE 'failed%%'
"""
ROW_COUNTS_BEFORE = """
SELECT u.tier, (
    SELECT l.row_count FROM frontview.refresh_log l
    WHERE l.view = %s AND l.tier = u.tier AND l.row_count IS NOT NULL ORDER BY l.refresh_id DESC LIMIT 1
) FROM unnest(%s::text[]) u (tier)
"""
ROWS_ADDED = """
SELECT (pg_stat_get_xact_tuples_inserted(t.oid) - pg_stat_get_xact_tuples_deleted(t.oid))::bigint
FROM unnest(%s::text[]) WITH ORDINALITY u (name, n) CROSS JOIN format('frontview.%%I', u.name) r (name)
CROSS JOIN LATERAL (SELECT r.name::regclass::oid) t (oid)
ORDER BY u.n
"""


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """How one refresh of some tiers of a view ended.

    :param outcome: ``refreshed``, ``populated``, ``moved``, ``busy`` (another session holds a gate), ``fenced`` (a
        later leader has refreshed) or ``failed: SQLSTATE``.
    :param duration_seconds: of all tiers together.
    """

    view: str
    tiers: tuple[str, ...]
    outcome: str
    duration_seconds: float

    @property
    def failed(self) -> bool:
        """Whether the refresh has to be tried again later."""
        return self.outcome.startswith("failed") or self.outcome in ("busy", "fenced")


@dataclass(slots=True)
class TierRefresh:
    """One tier within a refresh.

    :param populated: whether it had contents before.
    :param rebuilt: whether its contents are in a new table.
    :param recount: whether its rows must be counted, which the recent tier can afford once a day.
    :param seconds: duration of its own REFRESH.
    :param rows_added: rows inserted minus rows deleted by it.
    """

    tier: str
    populated: bool = False
    rebuilt: bool = False
    recount: bool = False
    seconds: float = 0.0
    rows_added: int = 0


def log_refresh(connection: Connection, result: RefreshResult, parts: list[TierRefresh], started_at: datetime) -> None:
    """Log each tier with its own duration, to which an equal share of what the tiers had in common is added."""
    shared_seconds = (result.duration_seconds - sum(part.seconds for part in parts)) / len(parts)
    logged = {
        "view": result.view,
        "started_at": started_at,
        "outcome": result.outcome,
        "tiers": [part.tier for part in parts],
        "durations": [round((part.seconds + shared_seconds) * 1000) for part in parts],
        "row_counts": [None for _ in parts] if result.failed else _row_counts(connection, result, parts),
    }
    connection.execute(LOG, logged)


def _row_counts(connection: Connection, result: RefreshResult, parts: list[TierRefresh]) -> list[int | None]:
    """Return how many rows each tier has, counted only if the log does not have the previous number.

    A REFRESH by another session, or a refresh that could not be logged, makes the figure wrong until the next move of
    the horizon, which counts the rows. None: they could not be counted; the next refresh tries again.
    """
    before: dict[str, int | None] = {part.tier: None if part.recount else 0 for part in parts}
    if kept := [part.tier for part in parts if part.populated and not part.rebuilt and not part.recount]:
        before |= dict(connection.execute(ROW_COUNTS_BEFORE, (result.view, kept)).fetchall())
    return [
        _counted(connection, result.view, part.tier) if (rows := before[part.tier]) is None else rows + part.rows_added
        for part in parts
    ]


def _counted(connection: Connection, view: str, tier: str) -> int | None:
    """Return a tier's number of rows; None: they could not be counted."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("frontview", f"{view}_{tier}"))
    try:
        return int(value_of(connection, query))
    except psycopg.Error:
        if connection.broken:
            raise
        return None


def rows_added(connection: Connection, view: str, parts: list[TierRefresh]) -> list[int]:
    """Return for each tier the rows inserted minus those deleted, since an arbitrary time before this transaction.

    PostgreSQL counts them exactly; only the difference between two such figures of one transaction has a meaning.

    :raises psycopg.Error: there is no such tier.
    """
    relations = [f"{view}_{part.tier}" for part in parts]
    return [added for (added,) in connection.execute(ROWS_ADDED, (relations,)).fetchall()]


def value_of(connection: Connection, query: LiteralString | sql.Composed, *parameters: object) -> Any:
    """Return the first column of the first row, None without a row."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
