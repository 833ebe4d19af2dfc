"""A database's schema as text: everything in it that a migration could leave behind or build differently."""

from typing import Any

import psycopg

# The version table outlives every downgrade: it is Alembic's own.
_OURS = """
    n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    AND c.relname NOT IN ('frontview_alembic_version', 'frontview_alembic_version_pkc')
"""


def _rights(kind: str, acl: str, owner: str) -> str:
    """Return an ACL spelled out, in order; one that was never touched is NULL and means the default."""
    return f"ARRAY(SELECT a::text FROM unnest(COALESCE({acl}, acldefault('{kind}', {owner}))) a ORDER BY a::text)::text"


QUERIES = {
    "schema": f"""
        SELECT n.nspname, {_rights("n", "n.nspacl", "n.nspowner")} FROM pg_namespace n
        WHERE n.nspname NOT LIKE 'pg\\_%'
    """,
    "relation": f"""
        SELECT c.oid::regclass::text, c.relkind, c.relpersistence, c.reloptions::text,
            {_rights("r", "c.relacl", "c.relowner")}
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}
    """,
    "column": f"""
        SELECT c.oid::regclass::text, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE {_OURS}
    """,
    "column right": f"""
        SELECT c.oid::regclass::text, a.attname, a.attacl::text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE a.attacl IS NOT NULL AND {_OURS}
    """,
    "view": f"""
        SELECT c.oid::regclass::text, pg_get_viewdef(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {_OURS}
    """,
    "index": f"""
        SELECT c.oid::regclass::text, pg_get_indexdef(c.oid), i.indisvalid
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indexrelid = c.oid
        WHERE {_OURS}
    """,
    "constraint": f"""
        SELECT c.oid::regclass::text, k.conname, pg_get_constraintdef(k.oid)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS}
    """,
    "trigger": f"""
        SELECT c.oid::regclass::text, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND {_OURS}
    """,
    "function": f"""
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid), {_rights("f", "p.proacl", "p.proowner")}
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND p.prokind = 'f'
    """,
    "type": """
        SELECT t.oid::regtype::text, t.typtype, format_type(t.typbasetype, t.typtypmod)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND t.typname !~ '^_?frontview_alembic_version$'
    """,
    "comment": """
        SELECT pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description
        FROM pg_description d WHERE d.objoid >= 16384
    """,
    "event trigger": "SELECT evtname FROM pg_event_trigger",
    "extension": "SELECT extname FROM pg_extension",
}
REGISTRATIONS = {
    "registered source": "SELECT source, relation::text, user_column, day_column, events::text FROM frontview.source",
    "registered view": """
        SELECT view, tier, version, relation, sources::text, first_day::text, before_day::text FROM frontview.view_state
    """,
}


def schema_snapshot(url: str) -> list[str]:
    """Return one line a fact, sorted, with our registrations where the tables for them are."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass('frontview.view_state') IS NOT NULL").fetchone()
        queries = QUERIES | (REGISTRATIONS if found and found[0] else {})
        return sorted(_line(what, row) for what, query in queries.items() for row in connection.execute(query))


def _line(what: str, row: tuple[Any, ...]) -> str:
    return f"{what}: " + " | ".join(str(value) for value in row)
