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
WITH announced AS (
    UPDATE frontview.refresh_attempt SET attempts = attempts + 1
    WHERE view = %(view)s AND tier = ANY (%(tiers)s) AND attempts %% 2 = 1
), ended AS (
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
ROWS_ADDED = """
SELECT frontview.rows_added(
    ARRAY(
        SELECT format('frontview.%%I', u.name)::regclass
        FROM unnest(%s::text[]) WITH ORDINALITY u (name, n) ORDER BY u.n
    )
)
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
    :param rows_before: how many rows it had by the log, None where that is not known.
    :param rows_added: rows inserted minus rows deleted by it.
    """

    tier: str
    populated: bool = False
    rebuilt: bool = False
    recount: bool = False
    seconds: float = 0.0
    rows_before: int | None = None
    rows_added: int = 0


def log_end(connection: Connection, result: RefreshResult, parts: list[TierRefresh], started_at: datetime) -> None:
    """Announce the end of an attempt, unless that is done, and log each tier.

    Its duration is its own, to which an equal share of what the tiers had in common is added.
    """
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
    counts = []
    for part in parts:
        rows = part.rows_before if part.populated and not part.rebuilt else 0
        unknown = rows is None or part.recount
        counts.append(_counted(connection, result.view, part.tier) if unknown else (rows or 0) + part.rows_added)
    return counts


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
    return list(value_of(connection, ROWS_ADDED, relations))


def value_of(connection: Connection, query: LiteralString | sql.Composed, *parameters: object) -> Any:
    """Return the first column of the first row, None without a row."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
