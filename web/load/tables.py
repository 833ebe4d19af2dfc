"""The tables that the installed declaration names, as the database has them.

Invariant: a file goes into a table that the application captures, and into no other one.
"""

from dataclasses import dataclass

from psycopg import sql

from models.connection import Connection
from views_sql.operations.catalog import load_application
from web.load.fault import LoadError

_NAMES = """
    SELECT DISTINCT n.nspname, c.relname, c.oid
    FROM unnest(%s::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
    JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2
"""
_COLUMNS = """
    WITH RECURSIVE base (number, type) AS (
        SELECT attnum, atttypid FROM pg_attribute WHERE attrelid = %(table)s AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT b.number, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT a.attname, format_type(b.type, NULL),
        a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND d.typdefault IS NULL
    FROM pg_attribute a JOIN pg_type d ON d.oid = a.atttypid JOIN base b ON b.number = a.attnum
    JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
    WHERE a.attrelid = %(table)s AND a.attgenerated = '' ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a file may give.

    :param type: PostgreSQL's, as ``format_type`` prints it, without length or scale; of a domain, what it is made of.
    :param required: whether it needs a value and has no default.
    """

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table that files are loaded into.

    :param columns: by name; those that the database computes are not among them.
    """

    schema: str
    name: str
    columns: dict[str, Column]

    @property
    def identifier(self) -> sql.Identifier:
        """The name in statements."""
        return sql.Identifier(self.schema, self.name)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that every file must have."""
        return tuple(column.name for column in self.columns.values() if column.required)


def find_table(connection: Connection, name: str) -> Table:
    """Return the table that ``name`` means, with its schema or without it.

    :raises LoadError: the application names no such table, or several; the message lists the tables.
    :raises NotInstalled: the database has no application.
    """
    tables = _captured(connection)
    found = [it for it in tables if name in (f"{it[0]}.{it[1]}", it[1])]
    if len(found) != 1:
        listed = ", ".join(f"{schema}.{table}" for schema, table, _ in found or tables)
        says = "the application names several tables so" if found else "the application names no such table"
        raise LoadError(name, f"{says}; there are {listed}.")
    [(schema, table, oid)] = found
    columns = connection.execute(_COLUMNS, {"table": oid})
    return Table(schema, table, {row[0]: Column(*row) for row in columns})


def _captured(connection: Connection) -> list[tuple[str, str, int]]:
    """Return schema, name and oid of each table whose changes are captured."""
    captured = [source.table for source in load_application(connection).sources]
    return connection.execute(_NAMES, (captured,)).fetchall()
