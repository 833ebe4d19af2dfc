"""Which table a declaration means, and whether its changes can be captured at all.

Each refusal names the reason and the way out.
"""

from dataclasses import dataclass

from views_sql.declaration.proven import ProvenTable, TableKind
from views_sql.proof.columns import Column, columns_of
from views_sql.proof.findings import Place
from views_sql.proof.nearest import there_are
from views_sql.proof.session import Connection, quoted, rows, value

FIND = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, c.relpersistence::text,
    c.relispartition OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid),
    EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),
    has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), row_security_active(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY ('{r,p,v,m,f}')
  AND (n.nspname || '.' || c.relname = %s OR (strpos(%s, '.') = 0 AND n.nspname = 'public' AND c.relname = %s))
ORDER BY n.nspname, c.relname
"""
NAMES = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY ('{r,p}') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema$|frontview$)'
"""
TREE = """
WITH RECURSIVE tree AS (
    SELECT %s::oid AS relation UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree t ON t.relation = i.inhparent
)
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, pg_get_userbyid(c.relowner)::text,
    pg_has_role(c.relowner, 'USAGE')
FROM tree t JOIN pg_class c ON c.oid = t.relation JOIN pg_namespace n ON n.oid = c.relnamespace
"""
ROOT = """
WITH RECURSIVE above AS (
    SELECT %s::oid AS relation, 0 AS depth
    UNION ALL SELECT i.inhparent, a.depth + 1 FROM pg_inherits i JOIN above a ON a.relation = i.inhrelid
)
SELECT n.nspname || '.' || c.relname
FROM above a JOIN pg_class c ON c.oid = a.relation JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY a.depth DESC LIMIT 1
"""
SUBSCRIBED = "SELECT count(*) FROM pg_subscription_rel s WHERE s.srrelid = ANY (%s)"
HYPERTABLES = "SELECT to_regclass('_timescaledb_catalog.hypertable') IS NOT NULL"
HYPERTABLE = "SELECT count(*) FROM _timescaledb_catalog.hypertable WHERE schema_name = %s AND table_name = %s"
OTHER_KINDS = {
    "v": "is a view: changes are captured of tables only; declare the table that it reads",
    "m": "is a materialized view: changes are captured of tables only; declare the table that it reads",
    "f": "is a foreign table: its rows change on another server, where nothing of ours is told; declare it there",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A table, or a partition or child of it.

    :param persistence: ``relpersistence``: p, u (unlogged), t (temporary).
    :param owned: this role is its owner, or a member of it.
    """

    oid: int
    schema: str
    name: str
    kind: str
    persistence: str
    owner: str
    owned: bool

    @property
    def spelled(self) -> str:
        """Its name as a declaration spells it."""
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """Its qualified, quoted name."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that may be captured, with its columns in order.

    :param tree: the table itself and all its partitions or children.
    :param called: how a declaration spells it, if not by its name.
    """

    oid: int
    schema: str
    name: str
    kind: TableKind
    columns: dict[str, Column]
    tree: tuple[Part, ...]
    called: str = ""

    @property
    def sql(self) -> str:
        """Its qualified, quoted name."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def proven(self) -> ProvenTable:
        """What of it stands in a proven declaration."""
        return ProvenTable(self.schema, self.name, self.kind)

    @property
    def spelled(self) -> str:
        """Its name as a declaration spells it."""
        return self.called or f"{self.schema}.{self.name}"

    @property
    def leaves(self) -> list[str]:
        """Qualified, quoted names of what holds its rows."""
        return [part.sql for part in self.tree if part.kind == "r"]


def find_table(connection: Connection, name: str, place: Place) -> Table | None:
    """Return the table that ``name`` means, or None after a fault was added."""
    found = rows(connection, FIND, name, name, name)
    if not found:
        known = [row[0] for row in rows(connection, NAMES)]
        place.refuse(f"there is no table {name}{there_are(name, known)}")
        return None
    oid, schema, plain, kind, persistence, child, parent, usage, select, row_security = found[0]
    tree = tuple(Part(*row) for row in rows(connection, TREE, oid))
    if sentence := (
        _wrong_kind(schema, kind, persistence)
        or _wrong_place(connection, oid, schema, plain, child, tree)
        or _no_right(connection, schema, plain, usage=usage, select=select)
        or (_row_security(plain) if row_security else None)
    ):
        place.refuse(f"{schema}.{plain} {sentence}")
        return None
    of_kind: TableKind = "partitioned" if kind == "p" else "inherited" if parent else "plain"
    return Table(oid, schema, plain, of_kind, columns_of(connection, oid), tree)


def _wrong_kind(schema: str, kind: str, persistence: str) -> str | None:
    if schema in {"pg_catalog", "information_schema"} or schema.startswith("pg_toast"):
        return "is a system table: it fires no triggers, so its changes cannot be captured"
    if schema == "frontview":
        return "is Frontview's own: declare a table of your application"
    if kind in OTHER_KINDS:
        return OTHER_KINDS[kind]
    if persistence == "t":
        return "is a temporary table: only its own session sees its rows"
    if persistence == "u":
        return "is unlogged: a crash empties it and fires no trigger; run ALTER TABLE … SET LOGGED"
    return None


def _wrong_place(
    connection: Connection, oid: int, schema: str, name: str, child: bool, tree: tuple[Part, ...]
) -> str | None:
    """Return why the changes of a table are not all its own, or reach it past its triggers."""
    if value(connection, HYPERTABLES) and value(connection, HYPERTABLE, schema, name):
        return "is a hypertable: its chunks come and go without statements on it, so it cannot be captured"
    if child:
        root = value(connection, ROOT, oid)
        return f"is a part of {root}, whose statements fire no trigger of a part: declare {root}"
    for part in tree:
        if part.kind == "f":
            return f"has the foreign table {part.spelled} as a part, whose rows change on another server; detach it"
        if part.persistence != "p":
            return f"has the part {part.spelled}, which a crash empties and fires no trigger; make it logged"
    if value(connection, SUBSCRIBED, [part.oid for part in tree]):
        return (
            "is filled by logical replication, which fires no statement triggers; "
            "install Frontview on the publisher, or leave the table out of the subscription"
        )
    return None


def _no_right(connection: Connection, schema: str, name: str, *, usage: bool, select: bool) -> str | None:
    if usage and select:
        return None
    role = quoted(value(connection, "SELECT current_user::text"))
    statements = [] if usage else [f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {role};"]
    if not select:
        statements.append(f"GRANT SELECT ON {quoted(schema)}.{quoted(name)} TO {role};")
    return "may not be read by this role; run " + " ".join(statements)


def _row_security(name: str) -> str:
    return (
        "has row level security that binds this role: it would see a part of the rows and store it for all; "
        f"run frontview as the owner of {name} without FORCE ROW LEVEL SECURITY, or as a role with BYPASSRLS"
    )


def no_column(table: Table, name: str) -> str:
    """Return the sentence for a column that a table does not have."""
    return f"there is no column {name} in {table.spelled}{there_are(name, table.columns)}"
