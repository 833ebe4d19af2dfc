"""Which users the audit visits: every user of a view in turn, and in between users with recently drained changes.

Invariant: users are searched in tiers and in captured tables, so that a user missing from a tier is visited, too.
"""

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from models.connection import Connection
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.operations.user_places import USER_PLACES

# The relations with users of a view, and the column that has them: populated tiers and the rows of its sources.
PLACES: LiteralString = f"""
SELECT DISTINCT n.nspname, c.relname, p.user_column FROM (
    SELECT to_regclass(v.relation)::oid, %(user_column)s FROM frontview.view_state v
    WHERE v.view = %(view)s AND v.tier NOT IN ('total', 'by_day')
    UNION ALL SELECT s.relation, s.user_column FROM ({USER_PLACES}) s WHERE s.source = ANY (%(sources)s)
) p (relation, user_column)
JOIN pg_class c ON c.oid = p.relation AND c.relispopulated JOIN pg_namespace n ON n.oid = c.relnamespace
"""  # noqa: S608  # nosec B608  # a constant
# One index probe per relation. min() is no alternative: uuid has none before PostgreSQL 18.
FIRST_OF_PLACE: LiteralString = """
(SELECT t.{column}::frontview.user_key AS k FROM {relation} t WHERE t.{column} {bound} ORDER BY t.{column} LIMIT 1)
"""
USERS_OF_PLACE: LiteralString = "SELECT t.{column}::frontview.user_key AS k FROM {relation} t WHERE t.{column} {bound}"
RECENTLY_DRAINED = """
SELECT f.user_id::text FROM (
    SELECT n.user_id, n.source FROM frontview.feed n WHERE n.user_id IS NOT NULL ORDER BY n.drain_id DESC LIMIT 500
) f WHERE f.source = ANY (%s) ORDER BY random() LIMIT 1
"""
REGISTERED = "SELECT DISTINCT view, version FROM frontview.view_state"


def registered(connection: Connection, views: tuple[MaintainedView, ...]) -> list[MaintainedView]:
    """Return the views that the database has in the declared version."""
    found = set(connection.execute(REGISTERED).fetchall())
    return [view for view in views if (view.name, view.version) in found]


def next_user(connection: Connection, view: MaintainedView, after: str | None) -> str | None:
    """Return the first user of a view after ``after`` (None: the first user), None if there is none."""
    query = sql.SQL("SELECT u.k::text FROM ({}) u ORDER BY u.k LIMIT 1")
    row = _query(connection, view, after, query, FIRST_OF_PLACE, " UNION ALL ").fetchone()
    return row[0] if row else None


def count_users(connection: Connection, view: MaintainedView) -> int:
    """Return the number of users of a view; reads all of its tables."""
    row = _query(connection, view, None, sql.SQL("SELECT count(*) FROM ({}) u"), USERS_OF_PLACE, " UNION ").fetchone()
    return int(row[0]) if row else 0


def recent_user(connection: Connection, view: MaintainedView) -> str | None:
    """Return a random user among the newest drained changes of the view's sources, None if there are none."""
    row = connection.execute(RECENTLY_DRAINED, (list(view.sources),)).fetchone()
    return row[0] if row else None


def _query(
    connection: Connection,
    view: MaintainedView,
    after: str | None,
    query: sql.SQL,
    of_place: LiteralString,
    union: LiteralString,
) -> psycopg.Cursor[tuple[Any, ...]]:
    names = {"view": view.name, "sources": list(view.sources), "user_column": view.unique_key[0]}
    bound = sql.SQL("IS NOT NULL" if after is None else "> %(after)s::text::frontview.user_key")
    places = [
        sql.SQL(of_place).format(relation=sql.Identifier(schema, relation), column=sql.Identifier(column), bound=bound)
        for schema, relation, column in connection.execute(PLACES, names).fetchall()
    ]
    return connection.execute(query.format(sql.SQL(union).join(places)), {"after": after})
