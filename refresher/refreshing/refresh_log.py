"""How a refresh ended, and its rows in ``refresh_log``.

Invariant: the durations of a refresh's tiers add up to the duration of the refresh; the policy's duty relies on it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from models.connection import Connection

LOG = """
INSERT INTO frontview.refresh_log (view, tier, started_at, duration_ms, row_count, outcome)
VALUES (%(view)s, %(tier)s, %(started_at)s, %(duration_ms)s, %(row_count)s, %(outcome)s)
"""
# The cost of a refresh decides when the next one is due. Time spent waiting for a lock is no cost, but cannot be told
# apart: so one refresh at most doubles the figure.
COST = """
UPDATE frontview.view_state
SET duration_ms = LEAST(%(duration_ms)s, GREATEST(2 * COALESCE(duration_ms, %(duration_ms)s), 20))
WHERE view = %(view)s AND tier = %(tier)s
"""
ROW_COUNT_BEFORE = """
SELECT row_count FROM frontview.refresh_log WHERE view = %s AND tier = %s AND row_count IS NOT NULL
ORDER BY refresh_id DESC LIMIT 1
"""
ROWS_ADDED = """
SELECT pg_stat_get_xact_tuples_inserted(t.oid) - pg_stat_get_xact_tuples_deleted(t.oid)
FROM (SELECT format('frontview.%%I', %s::text)::regclass::oid) t (oid)
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
    for part in parts:
        row = {
            "view": result.view,
            "tier": part.tier,
            "started_at": started_at,
            "duration_ms": round((part.seconds + shared_seconds) * 1000),
            "row_count": None if result.failed else _row_count(connection, result, part),
            "outcome": result.outcome,
        }
        connection.execute(LOG, row)
        if not result.outcome.startswith("failed"):
            connection.execute(COST, row)


def _row_count(connection: Connection, result: RefreshResult, part: TierRefresh) -> int | None:
    """Return how many rows the tier has, counted only if the log does not have the previous number.

    A REFRESH by another session, or a refresh that could not be logged, makes the figure wrong until the next move of
    the horizon, which counts the rows. None: they could not be counted; the next refresh tries again.
    """
    known = part.populated and not part.rebuilt
    before = value_of(connection, ROW_COUNT_BEFORE, result.view, part.tier) if known else 0
    if before is not None and not part.recount:
        return int(before + part.rows_added)
    relation = sql.Identifier("frontview", f"{result.view}_{part.tier}")
    try:
        return int(value_of(connection, sql.SQL("SELECT count(*) FROM {}").format(relation)))
    except psycopg.Error:
        if connection.broken:
            raise
        return None


def rows_added(connection: Connection, view: str, tier: str) -> int:
    """Return the rows inserted into a tier minus those deleted, since an arbitrary time before this transaction.

    PostgreSQL counts them exactly; only the difference between two such figures of one transaction has a meaning.

    :raises psycopg.Error: there is no such tier.
    """
    return int(value_of(connection, ROWS_ADDED, f"{view}_{tier}"))


def value_of(connection: Connection, query: LiteralString | sql.Composed, *parameters: object) -> Any:
    """Return the first column of the first row, None without a row."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
