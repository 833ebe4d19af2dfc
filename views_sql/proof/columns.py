"""Columns of a table or of a temporary view with their types, as the catalog has them."""

from dataclasses import dataclass

from views_sql.proof.session import Connection, rows
from views_sql.proof.value_types import ValueType

# In PostgreSQL 18 a NOT NULL constraint may be there and not be validated; then rows may hold NULL.
COLUMNS = """
WITH RECURSIVE resolved AS (
    SELECT a.attnum, a.atttypid AS type, a.atttypmod AS modifier, 0 AS depth
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT r.attnum, t.typbasetype, t.typtypmod, r.depth + 1
    FROM resolved r JOIN pg_catalog.pg_type t ON t.oid = r.type WHERE t.typtype = 'd'
), base AS (
    SELECT DISTINCT ON (attnum) attnum, type, modifier, depth FROM resolved ORDER BY attnum, depth DESC
)
SELECT a.attname, a.attnum, pg_catalog.format_type(b.type, b.modifier),
    CASE WHEN t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace THEN t.typname::text ELSE '' END,
    t.typtype::text, b.modifier, COALESCE(l.collisdeterministic, TRUE),
    NOT a.attnotnull OR EXISTS (
        SELECT FROM pg_catalog.pg_constraint k
        WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND a.attnum = ANY (k.conkey) AND NOT k.convalidated
    ),
    a.attgenerated::text, b.depth > 0
FROM pg_catalog.pg_attribute a
JOIN base b ON b.attnum = a.attnum
JOIN pg_catalog.pg_type t ON t.oid = b.type
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = %s
ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column in the catalog's spelling.

    :param generated: ``s`` stored, ``v`` virtual, empty for others.
    :param domain: its type is a domain; ``type`` is the domain's base type.
    """

    name: str
    number: int
    type: ValueType
    nullable: bool
    generated: str
    domain: bool


def columns_of(connection: Connection, relation: int) -> dict[str, Column]:
    """Return the columns of a relation by name, in order."""
    found = {}
    for row in rows(connection, COLUMNS, relation, relation):
        name, number, type_name, base, kind, modifier, deterministic, nullable, generated, domain = row
        of = ValueType(type_name, base, kind, modifier, deterministic)
        found[name] = Column(name, number, of, nullable, generated, domain)
    return found
