"""Whether a database would let Frontview see every row and every character: row-level security and the encoding.

Invariant: both checks read catalogs alone, so a role needs no rights for them, and they work before any migration. The
web server and the refresher make them when they start, migrations before they commit, ``frontview doctor`` when it is
asked, and the leader with each check of the capture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from sqlalchemy.engine import Connection

from models.errors import UnsuitableDatabase

ENCODING: LiteralString = "SELECT pg_catalog.current_setting('server_encoding')"
# It stores bytes of any encoding. Text of every other can be read as UTF8, or PostgreSQL refuses the connection.
UNREADABLE_ENCODING = "SQL_ASCII"
OTHER_ENCODING = "Dump it, and restore it into one made with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."

# Each table that is read, with the role whose rights it is read with, where row-level security would apply to that
# role. Functions and views read with their owner's rights, or with those of the role that is connected, which also
# reads captured tables if it may lead. A view over a view of another owner reads with that owner's rights. Partitions
# and inheritance children are read through their parent, and then only the parent's policies count.
HIDDEN_ROWS: LiteralString = """
WITH RECURSIVE own (relation, owner) AS (
    SELECT c.oid, c.relowner FROM pg_catalog.pg_class c
    WHERE c.relnamespace = to_regnamespace('frontview') AND c.relkind IN ('r', 'v', 'm')
    OR c.oid = to_regclass('public.frontview_alembic_version')
), captured (relation) AS (
    SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE p.pronamespace = to_regnamespace('frontview') AND starts_with(t.tgname, 'frontview_capture_')
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_trigger above ON above.tgrelid = i.inhparent
        WHERE i.inhrelid = t.tgrelid AND above.tgfoid = t.tgfoid
    )
), owners (role) AS (
    SELECT p.proowner FROM pg_catalog.pg_proc p WHERE p.pronamespace = to_regnamespace('frontview')
    UNION SELECT o.owner FROM own o
), connected (role, may_drain) AS (
    SELECT r.oid, COALESCE(has_table_privilege(to_regclass('frontview.drain'), 'INSERT'), FALSE)
    FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
), reads (relation, role) AS (
    (
        SELECT x.relation, o.role FROM owners o CROSS JOIN (
            SELECT own.relation FROM own UNION ALL SELECT captured.relation FROM captured
        ) x
        UNION ALL SELECT own.relation, c.role FROM own CROSS JOIN connected c
        UNION ALL SELECT captured.relation, c.role FROM captured JOIN connected c ON c.may_drain
    )
    UNION
    SELECT d.refobjid, CASE WHEN v.relkind = 'v' AND EXISTS (
        SELECT FROM pg_options_to_table(v.reloptions) x
        WHERE x.option_name = 'security_invoker' AND x.option_value::boolean
    ) THEN r.role ELSE v.relowner END
    FROM reads r
    JOIN pg_catalog.pg_class v ON v.oid = r.relation AND v.relkind IN ('v', 'm')
    JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> v.oid
)
SELECT
    quote_ident(n.nspname) || '.' || quote_ident(t.relname), quote_ident(a.rolname),
    pg_has_role(a.oid, t.relowner, 'USAGE')
FROM reads r
JOIN pg_catalog.pg_class t ON t.oid = r.relation AND t.relrowsecurity AND t.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_roles a ON a.oid = r.role AND NOT a.rolsuper AND NOT a.rolbypassrls
WHERE t.relforcerowsecurity OR NOT pg_has_role(a.oid, t.relowner, 'USAGE')
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class HiddenRows:
    """A table whose row-level security applies to a role that has to see every row.

    :param owns: whether the role has the rights of the table's owner, so that only FORCE applies the policies to it.
    """

    table: str
    role: str
    owns: bool

    @property
    def fault(self) -> str:
        """What is wrong."""
        return f"Row-level security of {self.table} hides rows from {self.role}."

    @property
    def remedy(self) -> str:
        """What to do about it."""
        alter = f"ALTER TABLE {self.table}"
        if self.owns:
            instead = f"{alter} NO FORCE ROW LEVEL SECURITY, or "
        else:
            instead = f"{alter} DISABLE ROW LEVEL SECURITY, or " if self.table.startswith("frontview.") else ""
        return f"Run {instead}ALTER ROLE {self.role} BYPASSRLS."


def hidden_rows(rows: Iterable[Sequence[Any]]) -> list[HiddenRows]:
    """Return what :data:`HIDDEN_ROWS` found."""
    return [HiddenRows(*row) for row in rows]


def unreadable(encoding: str) -> bool:
    """Return whether text of a database with this ``server_encoding`` cannot be converted to UTF8."""
    return encoding == UNREADABLE_ENCODING


def require_readable_text(connection: Connection) -> None:
    """Raise unless text of the database can be converted to UTF8.

    :raises UnsuitableDatabase: with the encoding.
    """
    if unreadable(encoding := connection.exec_driver_sql(ENCODING).scalar_one()):
        raise UnsuitableDatabase([f"Its encoding is {encoding}. {OTHER_ENCODING}"])


def require_visible_rows(connection: Connection) -> None:
    """Raise if row-level security hides rows from Frontview.

    :raises UnsuitableDatabase: with the tables and roles.
    """
    if found := hidden_rows(connection.exec_driver_sql(HIDDEN_ROWS).all()):
        raise UnsuitableDatabase([f"{hidden.fault} {hidden.remedy}" for hidden in found])
