"""The DDL that captures the changes of a table: its trigger function, its triggers and its registration.

Invariant: every name that is put into a statement has passed :func:`views_sql.generation.names.identifier`; values are
quoted by :func:`views_sql.generation.names.literal`.
"""

from views_sql.declaration.maintained_view import Source
from views_sql.generation.names import identifier, literal, table_name
from views_sql.generation.rights import GRANT_RIGHTS, close, forget_captured
from views_sql.loader import fill_in, read_sql


def capture_changes(source: Source, template_version: int) -> list[str]:
    """Return the trigger function, the triggers on the table and all its partitions, and the registration."""
    name, table = identifier(source.name), table_name(source.table)
    events = ", ".join(literal(event) for event in source.events)
    register = (
        "INSERT INTO frontview.source (source, relation, user_column, day_column, events) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(table)}::regclass, {literal(source.user_column or '')}, "
        f"{literal(source.day_column) if source.day_column else 'NULL'}, ARRAY[{events}])"
    )
    return [
        _capture_function(source, template_version),
        close(f"capture_{name}"),
        register,
        f"SELECT frontview.install_triggers({literal(name)})",
        GRANT_RIGHTS,
    ]


def replace_capture(source: Source, template_version: int) -> list[str]:
    """Return the DDL that gives a captured source's triggers another version of their function, in place.

    Writers continue: each change is logged by one version or the other. The lock is that of a writer, which conflicts
    with every alteration of triggers. If nothing has changed since the last coverage check, the new function is
    recorded as already checked, so that the next check marks nothing stale; an alteration that no check has seen yet is
    still found later. Only the function's owner could replace it between the comparison with the last check and the
    replacement.
    """
    function = _capture_function(source, template_version).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
    name = literal(identifier(source.name))
    replace = f"""
DO $replace$
DECLARE
    known oid[] := ARRAY(
        SELECT c.relation FROM frontview.capture_coverage() c
        JOIN frontview.capture_state s ON s.source = c.source AND s.relation = c.relation
        WHERE c.source = {name} AND s.fingerprint = c.fingerprint
    );
BEGIN
    EXECUTE $capture${function}$capture$;
    UPDATE frontview.capture_state s SET fingerprint = c.fingerprint FROM frontview.capture_coverage() c
    WHERE s.source = {name} AND c.source = s.source AND c.relation = s.relation AND s.relation = ANY (known);
END
$replace$
"""  # nosec B608  # names and literals are checked
    return [f"LOCK TABLE {table_name(source.table)} IN ROW EXCLUSIVE MODE", replace]


def _capture_function(source: Source, template_version: int) -> str:
    day = (
        f"COALESCE({{row}}.{identifier(source.day_column)}, '-infinity')" if source.day_column else "'-infinity'::date"
    )
    return fill_in(
        read_sql("capture", template_version),
        {
            "source": identifier(source.name),
            "table": table_name(source.table),
            "user": identifier(source.user_column or ""),
            "new_day": day.replace("{row}", "n"),
            "old_day": day.replace("{row}", "o"),
        },
    )


def stop_capture(name: str) -> list[str]:
    """Return the DDL that removes a source's triggers, function and registration."""
    return [
        forget_captured(identifier(name)),
        f"SELECT frontview.remove_triggers({literal(name)})",
        f"DROP FUNCTION frontview.capture_{name}()",
        *(
            f"DELETE FROM frontview.{table} WHERE source = {literal(name)}"  # nosec B608  # names and literals are checked
            for table in ("source", "capture_state")
        ),
    ]
