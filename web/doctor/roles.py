"""Checks of the connected role's rights: those it lacks for the web or the refresher, and those beyond them."""

from typing import LiteralString

from models.connection import Connection
from views_sql.declaration.maintained_view import Catalog
from web.doctor.finding import Finding, failed, listed, passed, warned

ROLES = ["frontview_owner", "frontview_refresher", "frontview_web"]
MISSING_ROLES: LiteralString = "SELECT r FROM unnest(%s::text[]) r WHERE to_regrole(r) IS NULL"
WHO: LiteralString = """
SELECT current_user, has_schema_privilege('frontview', 'USAGE'), (
    SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'frontview'
)
"""
# The rights of the web's or the refresher's role that the connected role lacks, no matter how it could get them.
LACKED: LiteralString = """
SELECT r.object FROM frontview.role_right r LEFT JOIN pg_class c ON c.oid = to_regclass(r.object)
WHERE r.role = %s AND r.privilege <> 'EXECUTE' AND NOT COALESCE(CASE
    WHEN r.columns = '{}' THEN has_table_privilege(c.oid, r.privilege)
    ELSE (SELECT bool_and(has_column_privilege(c.oid, n, r.privilege)) FROM unnest(r.columns) n)
END, TRUE)
UNION
SELECT r.object FROM frontview.role_right r JOIN pg_proc p ON 'frontview.' || p.proname = r.object
WHERE r.role = %s AND r.privilege = 'EXECUTE' AND p.pronamespace = to_regnamespace('frontview')
AND NOT has_function_privilege(p.oid, 'EXECUTE')
ORDER BY 1
"""
UNCALLABLE: LiteralString = """
SELECT wanted.name FROM unnest(%s::text[]) AS wanted (name)
LEFT JOIN pg_proc p ON p.pronamespace = to_regnamespace(split_part(wanted.name, '.', 1))
    AND p.proname = split_part(wanted.name, '.', 2)
WHERE p.oid IS NULL OR NOT has_function_privilege(p.oid, 'EXECUTE')
"""
# Tables and views with users' data, which a role of the web does not need to access.
EXCESS: LiteralString = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.oid IN (
    SELECT to_regclass(v.relation) FROM frontview.view_state v UNION SELECT s.relation FROM frontview.source s
)
AND (
    has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(c.oid, 'SELECT')
)
ORDER BY 1
"""
OPEN: LiteralString = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = to_regnamespace('frontview') AND EXISTS (
    SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a
    WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE'
) ORDER BY 1
"""


def roles(connection: Connection) -> Finding:
    """Check that the roles exist and have their rights, and that PUBLIC has none."""
    if public := [name for (name,) in connection.execute(OPEN)]:
        remedy = "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA frontview FROM PUBLIC."
        return failed("roles", f"every role may execute {listed(public)}", remedy)
    absent = [name for (name,) in connection.execute(MISSING_ROLES, (ROLES,))]
    if absent:
        remedy = (
            f"Works with one role. To separate them: CREATE ROLE {', CREATE ROLE '.join(absent)}; `frontview migrate`."
        )
        return warned("roles", f"there is no {listed(absent)}", remedy)
    lacking = {row[0] for row in connection.execute("SELECT role FROM frontview.missing_rights()")}
    if lacking:
        return warned(
            "roles", f"rights are missing: {listed(sorted(lacking))}", "Run `frontview migrate` as the owner."
        )
    return passed("roles", "each has its rights, and PUBLIC none")


def may_read(connection: Connection, catalog: Catalog) -> Finding:
    """Check that the role may do what a web server does and, unless it owns the schema, no more."""
    role, enters, owns = connection.execute(WHO).fetchone() or ("?", False, False)
    remedy = f"For a web server: GRANT frontview_web TO {role}."
    if not enters:
        return failed("may read", f"{role} may not use schema frontview", remedy)
    refreshes = not _lacked(connection, "frontview_refresher")
    functions = [dashboard.function for dashboard in catalog.dashboards]
    lacked = [name for (name,) in connection.execute(UNCALLABLE, (functions,))]
    if lacked := lacked or _lacked(connection, "frontview_web"):
        finding = warned if refreshes and not owns else failed  # The refresher's role reads no dashboards.
        return finding("may read", f"{role} cannot use {listed(lacked)}", remedy)
    if owns:
        return passed("may read", f"{role} has the owner's rights and reads everything")
    if not refreshes and (excess := [name for (name,) in connection.execute(EXCESS)]):
        remedy = f"REVOKE ALL ON … FROM {role}: a web server reads through functions alone."
        return warned("may read", f"{role} has more than the web needs: {listed(excess)}", remedy)
    return passed("may read", f"{role} may use the dashboards and the feed")


def may_refresh(connection: Connection) -> Finding:
    """Check that the role may do what a refresher does."""
    if lacked := _lacked(connection, "frontview_refresher"):
        remedy = "Fine for a web server. For a refresher: GRANT frontview_refresher TO this role."
        return warned("may refresh", f"this role cannot use {listed(lacked)}", remedy)
    return passed("may refresh", "drains, refreshes and audits")


def _lacked(connection: Connection, role: str) -> list[str]:
    """Return the objects on which the connected role lacks rights of ``role``."""
    return [name for (name,) in connection.execute(LACKED, (role, role))]
