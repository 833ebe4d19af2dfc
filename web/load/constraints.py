"""The constraints of a table as the database has them, each with its rule."""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from models.connection import Connection

_CONSTRAINTS: LiteralString = """
    SELECT c.conname,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
           COALESCE(pg_get_expr(c.conbin, c.conrelid, true), pg_get_constraintdef(c.oid)),
           ARRAY(SELECT name::text FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace,
                 unnest(ARRAY[n.nspname, r.relname]) AS name WHERE r.oid = c.confrelid),
           ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)
    FROM pg_constraint c WHERE c.conrelid = %s::regclass AND
"""
_INDEX: LiteralString = """
    SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid AND c.relname = %s,
        unnest(i.indkey) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute a ON a.attnum = k.number WHERE a.attrelid = i.indrelid AND i.indrelid = %s::regclass
    ORDER BY k.place
"""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint.

    :param rule: of a check, its condition.
    :param refers_to: of a foreign key, schema and name of the other table.
    """

    name: str
    columns: tuple[str, ...]
    rule: str = ""
    refers_to: tuple[str, ...] = ()
    referred_columns: tuple[str, ...] = ()


def find_constraint(connection: Connection, table: sql.Identifier, name: str) -> Constraint:
    """Return the table's constraint of that name, or the columns of its unique index of that name."""
    quoted = table.as_string(connection)
    row = connection.execute(_CONSTRAINTS + "c.conname = %s", (quoted, name)).fetchone()
    if row is None:
        return Constraint(name, tuple(column for (column,) in connection.execute(_INDEX, (name, quoted))))
    return Constraint(row[0], tuple(row[1]), row[2])


def foreign_keys(connection: Connection, table: sql.Identifier) -> list[Constraint]:
    """Return the table's foreign keys."""
    found = connection.execute(_CONSTRAINTS + "c.contype = 'f' ORDER BY c.conname", (table.as_string(connection),))
    return [Constraint(row[0], tuple(row[1]), "", tuple(row[3]), tuple(row[4])) for row in found]
