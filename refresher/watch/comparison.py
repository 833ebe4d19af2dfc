"""Compares the merged reads of one user with their recomputation, in one statement.

Invariant: both sides are read under the same snapshot, so a difference is a wrong answer, never a late one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from models.connection import Connection
from views_sql.declaration.maintained_view import MaintainedView

ATTEMPTS = 5  # A comparison is repeated if a table was rewritten under it.

ROWS = """
WITH state AS MATERIALIZED (
    SELECT frontview.begin_read(%(user)s::text::frontview.user_key, ARRAY[{name}], '-infinity', 'infinity', FALSE) AS s
), stale AS MATERIALIZED (
    SELECT ((s).views)[1] AS v FROM state
), merged AS MATERIALIZED (
    SELECT m.* FROM stale, {merged}(%(user)s::text::frontview.user_key, {range} stale.v) m
), live AS MATERIALIZED (
    SELECT l.* FROM stale, {live} l WHERE l.{user} = %(user)s::text::frontview.user_key {unsealed}
), {sums}
SELECT
    (SELECT count(*) FROM (SELECT * FROM merged EXCEPT ALL SELECT * FROM live) a)
    + (SELECT count(*) FROM (SELECT * FROM live EXCEPT ALL SELECT * FROM merged) b)
    + (SELECT count(*) FROM (SELECT * FROM merged_sums EXCEPT ALL SELECT * FROM live_sums) c)
    + (SELECT count(*) FROM (SELECT * FROM live_sums EXCEPT ALL SELECT * FROM merged_sums) d),
    (SELECT (v).archive_readable OR (v).recent_readable FROM stale),
    (SELECT frontview.rewritten((s).storage) FROM state)
"""
UNSEALED: LiteralString = "AND l.{day} >= (stale.v).sealed_before"
# The sums of sealed days are compared with the archive's rows: nothing else has them.
# All days before the horizon are compared as one sum: the merged one comes from the tier `total`, which `ROWS` does
# not read.
SUMS = """
merged_sums AS MATERIALIZED (
    SELECT m.day, {measures} FROM stale,
    {by_day}(%(user)s::text::frontview.user_key, (stale.v).horizon, stale.v) m GROUP BY m.day HAVING {any}
), live_sums AS MATERIALIZED (
    SELECT CASE WHEN m.{day} >= (stale.v).horizon THEN m.{day} END AS since, {measures}
    FROM stale, (
        SELECT l.{day}, {columns} FROM live l
        UNION ALL
        SELECT l.{day}, {columns} FROM stale, {archive} l
        WHERE l.{user} = %(user)s::text::frontview.user_key AND l.{day} < (stale.v).sealed_before
    ) m GROUP BY since HAVING {any}
)
"""
NO_SUMS = "merged_sums AS (SELECT 1 WHERE FALSE), live_sums AS (SELECT 1 WHERE FALSE)"


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of one comparison.

    :param differences: number of rows and sums that only one side has.
    :param from_tiers: whether the merged side read a tier; if not, the comparison proves nothing.
    """

    differences: int
    from_tiers: bool


def compare(connection: Connection, view: MaintainedView, user: str) -> Compared | None:
    """Compare the merged reads of one user with the live relation; return None if tables were rewritten each time.

    :param user: the user key as text.
    :raises psycopg.Error: the comparison cannot be made.
    """
    for _ in range(ATTEMPTS):
        try:
            row = connection.execute(_statement(view), {"user": user}).fetchone()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            continue
        if row is not None and not row[2]:
            return Compared(differences=row[0], from_tiers=bool(row[1]))
    return None


@lru_cache(maxsize=64)
def _statement(view: MaintainedView) -> sql.Composed:
    daily = view.day_column is not None
    return sql.SQL(ROWS).format(
        name=sql.Literal(view.name),
        merged=_relation(f"{view.name}_merged"),
        live=_relation(f"{view.name}_live"),
        user=sql.Identifier(view.unique_key[0]),
        range=sql.SQL("(stale.v).sealed_before, 'infinity'," if daily else ""),
        unsealed=sql.SQL(UNSEALED if daily else "").format(day=sql.Identifier(view.day_column or "")),
        sums=_sums(view) if daily else sql.SQL(NO_SUMS),
    )


def _sums(view: MaintainedView) -> sql.Composed:
    sums = [sql.SQL("COALESCE(sum(m.{}), 0)::numeric").format(sql.Identifier(measure)) for measure in view.measures]
    return sql.SQL(SUMS).format(
        measures=sql.SQL(", ").join(sums),
        any=sql.SQL(" OR ").join(sql.SQL("{} <> 0").format(measure) for measure in sums),
        by_day=_relation(f"{view.name}_by_day_merged"),
        day=sql.Identifier(view.day_column or ""),
        columns=sql.SQL(", ").join(sql.Identifier("l", measure) for measure in view.measures),
        archive=_relation(f"{view.name}_archive"),
        user=sql.Identifier(view.unique_key[0]),
    )


def _relation(name: str) -> Any:
    return sql.Identifier("frontview", name)
