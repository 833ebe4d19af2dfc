"""What the database says is installed."""

from typing import Any, LiteralString

from models.connection import Connection
from views_sql.operations.installed import Installed, installed_of

THERE = "SELECT to_regclass('frontview.declaration') IS NOT NULL"
NEWEST: LiteralString = "SELECT number, format, resolved, ddl FROM frontview.declaration ORDER BY number DESC LIMIT 1"
ACTIVE: LiteralString = "SELECT number, format, resolved, ddl FROM frontview.declaration WHERE active"
# Changes with every change of which declaration is active, also where one returns or is made again under its number.
STAMP: LiteralString = "SELECT a.number || '-' || a.xmin FROM frontview.declaration a WHERE a.active"
STATED = "SELECT to_regclass('frontview.view_state') IS NOT NULL"
SEALED: LiteralString = (
    "SELECT v.view FROM frontview.view_state v WHERE v.tier = 'archive' AND v.first_day > '-infinity'"
)


def active_stamp(connection: Connection) -> str | None:
    """Return what tells the active declaration from any other that was or will be active; None: there is none.

    A process that reads it before the declaration notices every later change.
    """
    row = connection.execute(STAMP).fetchone() if connection.execute(THERE).fetchone() == (True,) else None
    return row[0] if row else None


def newest_declaration(connection: Connection) -> Installed | None:
    """Return the newest declaration that was applied; None: none was, or there is no schema of Frontview's."""
    return _declaration(connection, NEWEST)


def active_declaration(connection: Connection) -> Installed | None:
    """Return the active declaration; None: there is none.

    :raises DeclarationNewer: a newer version of Frontview wrote it.
    """
    return _declaration(connection, ACTIVE)


def sealed_views(connection: Connection) -> frozenset[str]:
    """Return the stored names of the views with sealed days."""
    if connection.execute(STATED).fetchone() != (True,):
        return frozenset()
    return frozenset(row[0] for row in connection.execute(SEALED))


def _declaration(connection: Connection, query: LiteralString) -> Installed | None:
    if connection.execute(THERE).fetchone() != (True,):
        return None
    row: Any = connection.execute(query).fetchone()
    return installed_of(*row) if row else None
