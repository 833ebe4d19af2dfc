"""Checks of what the connected role may do."""

from typing import LiteralString

from views_sql.maintained_view import Catalog
from web.doctor.finding import Connection, Finding, failed, listed, passed, warned

TABLES: LiteralString = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE (
    (c.relnamespace = to_regnamespace('frontview') AND c.relname = ANY (%s))
    OR c.oid IN (SELECT to_regclass(relation) FROM frontview.view_state)
    OR c.oid IN (SELECT relation FROM frontview.source)
)
AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY 1
"""
FUNCTIONS: LiteralString = """
SELECT wanted.name, p.oid IS NOT NULL FROM unnest(%s::text[]) AS wanted (name)
LEFT JOIN pg_proc p ON p.pronamespace = to_regnamespace(split_part(wanted.name, '.', 1))
    AND p.proname = split_part(wanted.name, '.', 2)
WHERE p.oid IS NULL OR NOT has_function_privilege(p.oid, 'EXECUTE')
"""
OWNED: LiteralString = """
SELECT v.relation FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
WHERE NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1
"""
READ_TABLES = ["change_log", "drain", "feed", "source", "stale_key", "view_state"]


def may_read(connection: Connection, catalog: Catalog) -> Finding:
    """Check that the role may read views, feed and base tables and call the dashboards."""
    row = connection.execute("SELECT current_user, has_schema_privilege('frontview', 'USAGE')").fetchone()
    role = row[0] if row else "?"
    if row and not row[1]:
        return failed("may read", f"{role} may not use schema frontview", f"GRANT USAGE ON SCHEMA frontview TO {role}.")
    closed = [name for (name,) in connection.execute(TABLES, (READ_TABLES,))]
    if closed:
        remedy = f"GRANT SELECT ON … TO {role}."
        return failed("may read", f"{role} may not read {listed(closed)}", remedy)
    functions = [dashboard.function for dashboard in catalog.dashboards]
    bad = [name for name, _ in connection.execute(FUNCTIONS, (functions,))]
    if bad:
        remedy = f"Run `frontview migrate`, or GRANT EXECUTE ON FUNCTION … TO {role}."
        return failed("may read", f"{role} cannot call {listed(bad)}", remedy)
    return passed("may read", f"{role} reads views, feed and base tables")


def may_refresh(connection: Connection) -> Finding:
    """Check that the role owns the materialized views, as a refresher must."""
    rows = [name for (name,) in connection.execute(OWNED)]
    if rows:
        remedy = "Fine for a web server. Run the refresher as their owner, or GRANT that role to this one."
        return warned("may refresh", f"this role does not own {listed(rows)}", remedy)
    return passed("may refresh", "owns every materialized view")
