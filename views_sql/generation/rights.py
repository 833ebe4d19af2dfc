"""The DDL of who may do what: only its owner may call a function until a revision allows it to a role.

Invariant: what is created is closed to PUBLIC in the same transaction, and the rights written down in ``role_right``
are given again after every operation that creates or replaces an object; a role that does not exist is skipped.
"""

from collections.abc import Iterable

from models.errors import CatalogError
from views_sql.generation.names import identifier, literal, with_schema

ROLES = ("frontview_refresher", "frontview_web")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE")
# Before the revision that creates the function there are no rights to give.
GRANT_RIGHTS = """
DO $$
BEGIN
    IF to_regprocedure('frontview.grant_rights()') IS NOT NULL THEN
        PERFORM frontview.grant_rights();
    END IF;
END
$$
"""


def close(function: str) -> str:
    """Return the DDL after which only its owner may execute a function."""
    return f"REVOKE EXECUTE ON FUNCTION frontview.{identifier(function)} FROM PUBLIC"


def allow(
    role: str,
    objects: Iterable[str],
    privileges: Iterable[str] = ("SELECT",),
    columns: Iterable[str] = (),
    as_owner: bool = False,
) -> list[str]:
    """Return the DDL that gives a role privileges on objects, now and each time they are created again.

    :param role: ``frontview_web`` or ``frontview_refresher``; if it does not exist yet, a later operation grants it.
    :param objects: relations, or functions for EXECUTE; of schema ``frontview`` unless they name another.
    :param columns: of a relation; empty: all.
    :param as_owner: functions run with their owner's rights (SECURITY DEFINER); they must have the fixed search_path.
    :raises CatalogError: there is no such role or privilege.
    """
    _check(role, privileges)
    listed = ", ".join(literal(identifier(column)) for column in columns)
    rows = ", ".join(
        f"({literal(role)}, {literal(with_schema(name))}, {literal(privilege)}, ARRAY[{listed}]::text[], {as_owner})"
        for name in objects
        for privilege in privileges
    )
    insert = f"INSERT INTO frontview.role_right (role, object, privilege, columns, as_owner) VALUES {rows}"  # nosec B608  # names and literals are checked
    return [insert, GRANT_RIGHTS]


def function_of_web(name: str, text: str) -> list[str]:
    """Return the DDL of a function that web workers may call, with its owner's rights."""
    return [text, close(name), *allow("frontview_web", (name,), ("EXECUTE",), as_owner=True)]


def drop_function_of_web(name: str) -> list[str]:
    """Return the DDL that drops such a function, and who may call it."""
    function = f"frontview.{identifier(name)}"
    return [
        f"DELETE FROM frontview.role_right WHERE object = {literal(function)}",  # nosec B608  # names are checked
        f"DROP FUNCTION IF EXISTS {function}",
    ]


def forget_captured(source: str) -> str:
    """Return the DDL that revokes the refresher's rights on a source's user column and schema, unless others need them.

    If the column has another name by now, all rights on the table's columns are revoked: those that other sources need
    are given again by :data:`GRANT_RIGHTS`.
    """
    return f"""
DO $$
DECLARE
    gone frontview.source;
    home regnamespace;
BEGIN
    SELECT s.* INTO STRICT gone FROM frontview.source s WHERE s.source = {literal(source)};
    IF to_regrole('frontview_refresher') IS NOT NULL AND gone.user_column IS NOT NULL AND NOT EXISTS (
        SELECT FROM frontview.source s
        WHERE s.source <> gone.source AND s.relation = gone.relation AND s.user_column = gone.user_column
    ) THEN
        EXECUTE format(
            'REVOKE SELECT%s ON TABLE %s FROM frontview_refresher', (
                SELECT format(' (%I)', a.attname) FROM pg_attribute a
                WHERE a.attrelid = gone.relation AND a.attname = gone.user_column AND NOT a.attisdropped
            ), gone.relation
        );
    END IF;
    SELECT c.relnamespace::regnamespace INTO STRICT home FROM pg_class c WHERE c.oid = gone.relation;
    IF to_regrole('frontview_refresher') IS NOT NULL AND home <> 'frontview'::regnamespace AND NOT EXISTS (
        SELECT FROM frontview.source s JOIN pg_class c ON c.oid = s.relation
        WHERE s.source <> gone.source AND c.relnamespace = home
    ) THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM frontview_refresher', home);
    END IF;
END
$$
"""  # nosec B608  # the literal is quoted


def _check(role: str, privileges: Iterable[str]) -> None:
    if role not in ROLES or not set(privileges) <= set(PRIVILEGES):
        raise CatalogError(f"{role} cannot be allowed {', '.join(privileges)}")
