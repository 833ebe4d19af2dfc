"""What the database says is installed."""

from typing import Any, LiteralString, NamedTuple

from models.connection import Connection
from views_sql.operations.installed import Installed, installed_of

THERE = "SELECT to_regclass('frontview.declaration') IS NOT NULL"
NEWEST: LiteralString = (
    "SELECT number, format, resolved, ddl FROM frontview.declaration WHERE retired_at IS NULL "
    "ORDER BY number DESC LIMIT 1"
)
GREATEST = "SELECT max(number) FROM frontview.declaration"
ACTIVE: LiteralString = "SELECT number, format, resolved, ddl FROM frontview.declaration WHERE active"
# Changes with every change of which declaration is active, also where one returns or is made again under its number.
STAMP: LiteralString = "SELECT a.number || '-' || a.xmin FROM frontview.declaration a WHERE a.active"
# Changes with every change of which declarations stand.
STANDING: LiteralString = """
SELECT string_agg(d.number || '-' || d.xmin, ' ' ORDER BY d.number),
    COALESCE(bool_or(NOT d.active AND d.retired_at IS NULL AND d.gone_at IS NULL), FALSE),
    COALESCE(bool_or(d.retired_at IS NOT NULL), FALSE)
FROM frontview.declaration d
"""
OTHERS: LiteralString = """
SELECT d.retired_at IS NULL, d.number, d.format, d.resolved, d.ddl FROM frontview.declaration d
WHERE NOT d.active AND d.gone_at IS NULL ORDER BY d.number
"""
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


class Standing(NamedTuple):
    """Which declarations there are.

    :param stamp: tells them, and what each is, from any others.
    :param waits: whether one waits to be active.
    :param retires: whether one is retired, and not forgotten.
    """

    stamp: str | None
    waits: bool
    retires: bool


def standing(connection: Connection) -> Standing:
    """Return which declarations there are."""
    if connection.execute(THERE).fetchone() != (True,):
        return Standing(None, False, False)
    row: Any = connection.execute(STANDING).fetchone()
    return Standing(*row)


def other_declarations(connection: Connection) -> list[tuple[bool, tuple[Any, ...]]]:
    """Return the rows of the declarations that stand and are not active, each with whether it waits to be."""
    if connection.execute(THERE).fetchone() != (True,):
        return []
    return [(waits, tuple(row)) for waits, *row in connection.execute(OTHERS).fetchall()]


def newest_declaration(connection: Connection) -> Installed | None:
    """Return the newest declaration that is applied, active or not yet; None: none is."""
    return _declaration(connection, NEWEST)


def greatest_number(connection: Connection) -> int:
    """Return the greatest number of a declaration, also of one that was taken back; 0: there is none."""
    row = connection.execute(GREATEST).fetchone() if connection.execute(THERE).fetchone() == (True,) else None
    return (row and row[0]) or 0


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
