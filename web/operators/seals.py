"""What operators ask about sealed days: to seal days of a view, how far that is, and which rows may go afterwards.

Invariant: a request is committed before anything waits for it; the leader seals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import LiteralString

import psycopg
from psycopg import sql

from models.connection import Connection
from models.errors import FrontviewError
from views_sql.generation.declared_view import maintained_names
from views_sql.operations.database import active_declaration
from views_sql.operations.user_places import USER_PLACES
from web.operators.system_state import read_rows

STATE: LiteralString = """
SELECT %s::text AS view, NULLIF(min(v.first_day), '-infinity')::text AS sealed_before,
    max(s.sealing_before)::text AS sealing_before, COALESCE(max(s.sealed_changes), 0) AS sealed_changes,
    (SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot()) x WHERE x < max(s.asked_xid)) AS waits_for,
    max((
        SELECT count(*) FROM frontview.refresh_log l
        WHERE l.view = v.view AND l.tier = v.tier AND l.outcome LIKE 'failed%%' AND l.refresh_id > COALESCE((
            SELECT max(g.refresh_id) FROM frontview.refresh_log g
            WHERE g.view = v.view AND g.tier = v.tier AND g.outcome IN ('refreshed', 'populated', 'moved')
        ), 0)
    )) AS failures
FROM frontview.view_state v LEFT JOIN frontview.seal s ON s.view = v.view
WHERE v.tier = 'archive' AND v.view = ANY (%s) HAVING count(*) = %s
"""
REQUESTED: LiteralString = """
SELECT s.view FROM frontview.seal s JOIN frontview.view_state v ON v.view = s.view AND v.tier = 'archive'
WHERE s.view = ANY (%s) AND (v.first_day > %s OR s.sealing_before > %s) ORDER BY s.view
"""
# Midnight of a zone is up to 14 hours before UTC's, and a time without zone may be of any: the bound is safely earlier.
# A view without days has no archive, and needs all rows. A foreign key of a partition or child is one of its parents,
# too. What a key sets to NULL or a default may change further rows, where keys follow updates.
TABLES: LiteralString = """
WITH RECURSIVE asked (before) AS (
    SELECT %s::date
), member (relation, parent) AS (
    SELECT c.oid, c.oid FROM pg_class c WHERE c.relkind IN ('r', 'p')
    UNION
    SELECT m.relation, i.inhparent FROM member m JOIN pg_inherits i ON i.inhrelid = m.parent
), reference AS (
    SELECT DISTINCT
        t.parent AS referenced, f.parent AS referencing, c.confdeltype = 'c' AS deletes,
        c.confdeltype IN ('c', 'n', 'd') AS follows_delete, c.confupdtype IN ('c', 'n', 'd') AS follows_update
    FROM pg_constraint c
    JOIN member t ON t.relation = c.confrelid JOIN member f ON f.relation = c.conrelid
    WHERE c.contype = 'f'
), reached (table_id, relation, deleted) AS (
    SELECT r.referenced, r.referencing, r.deletes FROM reference r WHERE r.follows_delete
    UNION
    SELECT t.table_id, r.referencing, t.deleted AND r.deletes
    FROM reached t JOIN reference r ON r.referenced = t.relation
    WHERE CASE WHEN t.deleted THEN r.follows_delete ELSE r.follows_update END
)
SELECT c.relation::regclass::text AS name, c.day_column, CASE a.atttypid
    WHEN 'date'::regtype THEN asked.before::text
    WHEN 'timestamptz'::regtype THEN (asked.before - 1) || 'T00:00:00Z'
    ELSE (asked.before - 2) || 'T00:00:00'
END AS before, ARRAY(
    SELECT DISTINCT o.view FROM frontview.view_state o JOIN frontview.source s ON s.source = ANY (o.sources)
    WHERE s.relation = c.relation AND (o.tier = 'whole' OR (o.tier = 'archive' AND o.first_day < asked.before))
    ORDER BY o.view
) AS unsealed_views, ARRAY(
    SELECT DISTINCT s.relation::regclass::text FROM frontview.source s JOIN reached t ON t.relation = s.relation
    WHERE t.table_id = c.relation ORDER BY 1
) AS cascades_to, ARRAY(
    SELECT DISTINCT o.view FROM frontview.view_state o JOIN frontview.source s ON s.source = ANY (o.sources)
    JOIN reached t ON t.relation = s.relation WHERE t.table_id = c.relation ORDER BY o.view
) AS cascading_views
FROM asked, frontview.source c JOIN frontview.view_state v ON c.source = ANY (v.sources)
JOIN pg_attribute a ON a.attrelid = c.relation AND a.attname = c.day_column
WHERE v.view = %s AND v.tier = 'archive' AND c.day_column IS NOT NULL ORDER BY name
"""
SEALED: LiteralString = """
SELECT v.view FROM frontview.view_state v WHERE v.tier = 'archive' AND v.first_day > '-infinity' ORDER BY v.view
"""
PLACES: LiteralString = f"""
SELECT DISTINCT t.nspname || '.' || h.relname, n.nspname, c.relname, s.user_column
FROM ({USER_PLACES}) s
JOIN pg_class h ON h.oid = s.captured JOIN pg_namespace t ON t.oid = h.relnamespace
JOIN pg_class c ON c.oid = s.relation JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1
"""  # noqa: S608  # nosec B608  # a constant
HAS_ROWS: LiteralString = "SELECT EXISTS (SELECT FROM {} WHERE {} = %s::text::frontview.user_key)"


class SealRefused(FrontviewError):
    """The days cannot be sealed or unsealed; the message says why."""


@dataclass(frozen=True, slots=True)
class SealState:
    """How far a view is sealed, together with the hidden ones of its distinct measures.

    :param view: the stored name of the declared view.
    :param sealed_before: the first day that is not sealed; None: no day is.
    :param sealing_before: the requested one; None: nothing is requested.
    :param sealed_changes: keys of sealed days that changed since.
    :param waits_for: transactions that had written before the request, and are still open.
    :param failures: of the archive's refreshes in a row, up to the last one.
    """

    view: str
    sealed_before: str | None
    sealing_before: str | None
    sealed_changes: int
    waits_for: int
    failures: int


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table that a sealed view counts.

    :param before: rows with an earlier value in ``day_column`` are of sealed days, whatever their zones.
    :param unsealed_views: other views of it that still need the rows.
    :param cascades_to: captured tables whose rows go or change when rows of it are deleted, by foreign keys.
    :param cascading_views: the views of these tables; a day there is not the day of the row that is deleted.
    """

    name: str
    day_column: str
    before: str
    unsealed_views: list[str]
    cascades_to: list[str]
    cascading_views: list[str]


def sealed_together(connection: Connection, name: str) -> list[str]:
    """Return the stored names of a view and of the hidden ones of its distinct measures, its own first.

    They count the same rows, so none of them may have days sealed that another one has not.

    :param name: as the project declares it, or of one of them as it is stored; any other stands alone.
    """
    installed = active_declaration(connection)
    for view in installed.views if installed else ():
        *hidden, own = maintained_names(view.proven, view.number)
        if name in (view.proven.name, own, *hidden):
            return [own, *hidden]
    return [name]


def ask_seal(connection: Connection, views: Sequence[str], before: date) -> None:
    """Request that the days before ``before`` be sealed in each of the views where they are not.

    :raises SealRefused: they cannot be in one of them; then nothing is requested.
    """
    try:
        with connection.transaction():
            for view in views:
                if not is_sealed(read_seal(connection, [view]), before):
                    connection.execute("SELECT frontview.request_seal(%s, %s)", (view, before))
    except psycopg.errors.InvalidParameterValue as error:
        raise SealRefused(str(error.diag.message_primary)) from None


def is_sealed(state: SealState | None, before: date) -> bool:
    """Return whether all days before ``before`` are sealed."""
    return state is not None and state.sealed_before is not None and state.sealed_before >= before.isoformat()


def read_seal(connection: Connection, views: Sequence[str]) -> SealState | None:
    """Return how far views are sealed together; None: one of them has no days, or does not exist."""
    found = read_rows(connection, SealState, STATE, views[0], list(views), len(views))
    return found[0] if found else None


def with_seal(connection: Connection, views: Sequence[str], before: date | None) -> list[str]:
    """Return those of the views of which a day from ``before`` on (None: any) is sealed or requested to be."""
    day = "-infinity" if before is None else before
    return [view for (view,) in connection.execute(REQUESTED, (list(views), day, day))]


def sealed_tables(connection: Connection, view: str, before: date) -> list[SealedTable]:
    """Return the tables with a day that the view counts."""
    return read_rows(connection, SealedTable, TABLES, before, view)


def sealed_views(connection: Connection) -> list[str]:
    """Return the views that have sealed days."""
    return [view for (view,) in connection.execute(SEALED)]


def tables_with_rows_of(connection: Connection, user: str) -> list[str]:
    """Return the captured tables that have rows of a user; of a declared view's table, rows that the view counts.

    :param user: the user key as text.
    """
    found = dict[str, None]()
    for table, schema, relation, column in connection.execute(PLACES, ()).fetchall():
        query = sql.SQL(HAS_ROWS).format(sql.Identifier(schema, relation), sql.Identifier(column))
        row = connection.execute(query, (user,)).fetchone()
        if row is not None and row[0]:
            found[table] = None
    return list(found)
