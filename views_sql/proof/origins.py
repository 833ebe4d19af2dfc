"""What a parsed view uses, as pg_depend lists it: columns of its table, and everything that is not PostgreSQL's own.

A function, operator, cast, domain or collation outside pg_catalog may say that it is immutable and read a table, so it
is refused unless the author trusts it by name. Refreshes and reads run it with the rights of Frontview's owner, so it
must belong to that role or to a superuser: any other owner could put a body into it that uses those rights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from views_sql.proof.findings import Place
from views_sql.proof.session import Connection, attempt, rows
from views_sql.proof.tables import Table

DEPENDS = """
SELECT d.refclassid::regclass::text, d.refobjid::bigint, d.refobjsubid,
    (pg_identify_object(d.refclassid, d.refobjid, 0)).type, (pg_identify_object(d.refclassid, d.refobjid, 0)).schema,
    CASE
        WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid::regprocedure::text
        ELSE (pg_identify_object(d.refclassid, d.refobjid, 0)).identity
    END,
    e.typtype::text
FROM pg_rewrite r
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.deptype = 'n'
LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
LEFT JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
WHERE r.ev_class = %s
ORDER BY 1, 2, 3
"""
# The columns of a virtual generated column's expression; triggers see the column itself as NULL.
BEHIND_VIRTUAL = """
SELECT DISTINCT a.attname
FROM pg_attribute g
JOIN pg_attrdef f ON f.adrelid = g.attrelid AND f.adnum = g.attnum
JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = g.attrelid AND d.refobjsubid <> g.attnum
JOIN pg_attribute a ON a.attrelid = g.attrelid AND a.attnum = d.refobjsubid
WHERE g.attrelid = %s AND g.attname = %s AND a.attnum > 0
"""
# Before the first migration, Frontview's owner will be the role that judges here.
TRUSTED = """
SELECT p.oid::bigint, r.rolname::text, r.rolsuper, migrator.rolname::text
FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
JOIN pg_roles migrator ON migrator.oid = COALESCE(
    (SELECT nspowner FROM pg_namespace WHERE nspname = 'frontview'),
    (SELECT oid FROM pg_roles WHERE rolname = current_user)
)
WHERE p.oid = to_regprocedure(%s)
"""


@dataclass(frozen=True, slots=True)
class Origins:
    """What an expression uses of the table and of trusted functions, by name."""

    columns: tuple[str, ...]
    trusted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OriginsOfSelect:
    """What a SELECT uses: columns by the table's oid, and trusted functions by name."""

    columns: dict[int, tuple[str, ...]]
    trusted: tuple[str, ...]


def of_view(connection: Connection, view: int, table: Table, trust: tuple[str, ...], place: Place) -> Origins | None:
    """Return what a temporary view uses, or None after faults were added."""
    found = of_select(connection, view, [table], trust, place, others=True)  # Subqueries are refused later.
    return Origins(found.columns.get(table.oid, ()), found.trusted) if found else None


def of_select(
    connection: Connection,
    view: int,
    tables: Sequence[Table],
    trust: tuple[str, ...],
    place: Place,
    *,
    others: bool = False,
) -> OriginsOfSelect | None:
    """Return what a temporary view uses of some tables, or None after faults were added.

    :param others: whether it may use other relations.
    """
    trusted, known = _trusted(connection, trust), {table.oid: table for table in tables}
    columns: dict[int, list[str]] = {}
    functions: list[str] = []
    before = len(place.findings.faults)
    for catalog, oid, column, kind, schema, identity, type_kind in rows(connection, DEPENDS, view):
        if catalog == "pg_class" and oid in known:
            named = columns.setdefault(oid, [])
            named += [name for name, of in known[oid].columns.items() if of.number == column]
        elif catalog == "pg_class" and oid != view and not others:  # On PostgreSQL 15 it depends on itself.
            place.refuse(_not_captured(kind, identity.replace('"', "")))
        elif catalog == "pg_proc" and oid in trusted:
            functions.append(identity)
        elif not _harmless(catalog, schema, type_kind):
            place.refuse(_outside(kind, identity, catalog))
    if len(place.findings.faults) > before:
        return None
    for oid, names in columns.items():
        for name in names:
            _warn_of_other_operators(known[oid], name, place)
    real = {oid: _real_columns(connection, known[oid], names) for oid, names in columns.items()}
    return OriginsOfSelect(real, tuple(functions))


def _not_captured(kind: str, identity: str) -> str:
    if kind in {"view", "materialized view", "foreign table"}:
        return f"reads the {kind} {identity}, whose changes cannot be captured: read the tables behind it"
    return f"reads {identity}, whose changes nobody would capture: add it to sources"


def _harmless(catalog: str, schema: str | None, type_kind: str | None) -> bool:
    """Return whether an object's meaning cannot come from another row: PostgreSQL's own, enums, fields of a column."""
    return schema == "pg_catalog" or catalog in {"pg_class", "pg_namespace"} or type_kind in {"e", "c"}


def _outside(kind: str, identity: str, catalog: str) -> str:
    way_out = "write it with PostgreSQL's own functions"
    if catalog == "pg_proc":
        way_out += f', or vouch for it with trust = ["{identity}"]'
    return (
        f"uses the {kind} {identity}, which is not PostgreSQL's own: nothing proves that its value depends on this row "
        f"alone; {way_out}"
    )


def _warn_of_other_operators(table: Table, name: str, place: Place) -> None:
    """Warn of a column whose type has operators of its own, which are outside pg_catalog and so are not found."""
    of = table.columns[name].type
    if not of.base and of.kind == "b":
        place.warn(f"{name} is of type {of.name}, whose own operators are not used: it is compared as text as it is")


def _real_columns(connection: Connection, table: Table, names: list[str]) -> tuple[str, ...]:
    """Return the columns that triggers see, with those behind virtual generated ones in their place."""
    real: list[str] = []
    for name in names:
        if table.columns[name].generated == "v":
            real += [row[0] for row in rows(connection, BEHIND_VIRTUAL, table.oid, name)]
        else:
            real.append(name)
    return tuple(dict.fromkeys(real))


def _trusted(connection: Connection, trust: tuple[str, ...]) -> dict[int, str]:
    return {row[0]: name for name in trust for row in _looked_up(connection, name)}


def check_trust(connection: Connection, trust: tuple[str, ...], place: Place) -> None:
    """Refuse trusted functions that do not exist, or whose owner could use the rights of Frontview's owner in them."""
    for name in trust:
        found = _looked_up(connection, name)
        if not found:
            place.refuse(f'there is no function {name}; write schema, name and types, for example "app.norm(text)"')
            continue
        _, owner, is_superuser, migrator = found[0]
        if owner != migrator and not is_superuser:
            place.refuse(
                f"{name} belongs to {owner}, who could change it, and it runs with the rights of {migrator}, owner of "
                f"the schema frontview: a trusted function belongs to {migrator} or to a superuser"
            )


def _looked_up(connection: Connection, name: str) -> list[tuple[Any, ...]]:
    try:
        with attempt(connection):
            return rows(connection, TRUSTED, name)
    except psycopg.Error:  # It is no name of a function at all.
        return []
