"""The constraints of a base table as the database has them, with each rule in readable form."""

from dataclasses import dataclass
from typing import LiteralString

import sqlalchemy as sa

from models.connection import Connection

_COLUMNS: LiteralString = """
    SELECT c.conname,
           ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place),
           pg_get_constraintdef(c.oid),
           COALESCE((SELECT n.nspname || '.' || r.relname FROM pg_class r
                     JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = c.confrelid), ''),
           ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
                 JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place)
    FROM pg_constraint c WHERE c.conrelid = %s::regclass AND
"""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint.

    :param rule: of a check, its condition.
    :param refers_to: of a foreign key, the other table, as schema.table.
    """

    name: str
    columns: tuple[str, ...]
    rule: str = ""
    refers_to: str = ""
    referred_columns: tuple[str, ...] = ()


def find_constraint(connection: Connection, table: sa.Table, name: str) -> Constraint:
    """Return the table's constraint of that name; one without columns if there is none."""
    row = connection.execute(_COLUMNS + "c.conname = %s", (f"public.{table.name}", name)).fetchone()
    if row is None:
        return Constraint(name, ())
    return Constraint(row[0], tuple(row[1]), _declared_rule(table, name) or row[2])


def foreign_keys(connection: Connection, table: sa.Table) -> list[Constraint]:
    """Return the table's foreign keys."""
    rows = connection.execute(_COLUMNS + "c.contype = 'f' ORDER BY c.conname", (f"public.{table.name}",))
    return [Constraint(row[0], tuple(row[1]), "", row[3], tuple(row[4])) for row in rows]


def _declared_rule(table: sa.Table, name: str) -> str | None:
    """Return the condition as the model spells it: shorter than the server's own rendering."""
    for constraint in table.constraints:
        if isinstance(constraint, sa.CheckConstraint) and name in (
            constraint.name,
            f"ck_{table.name}_{constraint.name}",
        ):
            return str(constraint.sqltext)
    return None
