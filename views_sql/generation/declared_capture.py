"""The DDL that captures the changes of a table for one consumer of a declaration.

Invariant: no writer fails, waits or logs a wrong key because somebody renames a column, a table or a schema. From
PostgreSQL 16 on the table itself is captured by functions over its row type, whose stored parse trees follow a rename.
PostgreSQL 15, partitions and children are captured by names, which are compared with the catalog's first; where they
differ, every key is logged, as where DROP COLUMN … CASCADE took the functions away. No DDL here depends on a partition,
so that dropping one is not refused.
"""

from models.user_key import LONGEST_TEXT
from views_sql.declaration.day_of_time import day_of_time, zone_literal
from views_sql.declaration.proven import ProvenSource, ProvenTable
from views_sql.generation.names import dollar_quoted, identifier, literal, quoted
from views_sql.generation.rights import GRANT_RIGHTS, close, forget_captured
from views_sql.generation.stored_columns import TEMPLATE_VERSION
from views_sql.loader import dollar_tag, fill_in, read_sql, select_of

EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
# Each after those that need it.
KEY_FUNCTIONS = (
    "captured_columns",
    "captured_change",
    "captured_moved",
    "captured_user",
    "captured_day",
    "captured_digest",
)


def capture_declared(source: ProvenSource) -> list[str]:
    """Return the trigger functions, the registration, and the triggers on the table and all its partitions."""
    name, table = identifier(source.name), quoted_table(source.table)
    watched = ", ".join(literal(it.column) for it in source.watched)
    columns = ", ".join(literal(it) if it else "NULL" for it in (source.user_column, source.time_column))
    register = (
        "INSERT INTO frontview.source (source, relation, user_column, day_column, events, watched, day_slack, zones) "  # nosec B608  # names and literals are checked
        f"VALUES ({literal(name)}, {literal(table)}::regclass, {columns}, "
        f"ARRAY[{', '.join(map(literal, EVENTS))}], ARRAY[{watched}]::text[], {source.day_slack}, "
        f"ARRAY[{', '.join(map(literal, source.zones))}]::text[])"
    )
    return [
        _by_name(source),
        close(f"named_capture_{name}"),
        _by_row_type(source),
        register,
        f"SELECT frontview.install_triggers({literal(name)})",
        GRANT_RIGHTS,
    ]


def stop_declared(name: str) -> list[str]:
    """Return the DDL that removes triggers, functions and registration of a source, and nothing of its table."""
    identifier(name)
    functions = [f"frontview.{it}_{name}" for it in ("capture", "named_capture", *KEY_FUNCTIONS)]
    return [
        forget_captured(name),
        f"SELECT frontview.remove_triggers({literal(name)})",
        *(f"DROP FUNCTION IF EXISTS {function}" for function in functions),
        *(
            f"DELETE FROM frontview.{table} WHERE source = {literal(name)}"  # nosec B608  # names and literals are checked
            for table in ("source", "capture_state")
        ),
        GRANT_RIGHTS,
    ]


def quoted_table(table: ProvenTable) -> str:
    """Return a table's name as it stands in DDL."""
    return f"{quoted(table.schema)}.{quoted(table.name)}"


def _by_row_type(source: ProvenSource) -> str:
    """Return the DDL of the functions over the row type, and of the trigger function that uses them, if it is for them.

    They are parsed under a search path of their own, since they keep what their operators meant then.
    """
    table, name = quoted_table(source.table), source.name
    row, rows = f"({table})", f"({table}, {table})"
    user = {f"captured_user_{name}{row}": ("frontview.user_key", _user(source, "($1)"))} if source.user_column else {}
    bodies = user | {
        f"captured_day_{name}{row}": ("date", _day(source, "($1)")),
        f"captured_digest_{name}{row}": ("bytea", _digest(source, "($1)")),
        f"captured_moved_{name}{rows}": ("boolean", _moved(source, "($1)", "($2)")),
        f"captured_change_{name}{rows}": ("boolean", _change(source)),
    }
    functions = [
        statement
        for function, (returned, body) in bodies.items()
        for statement in (
            f"CREATE FUNCTION frontview.{function} RETURNS {returned} LANGUAGE sql STABLE RETURN {body}",
            close(function.partition("(")[0]),
        )
    ]
    # A plain r would be the column of that name where the table has one; r.* is the row whatever its columns are.
    whole = {"r": "r.*", "old": "old", "new": "new"}
    values = {
        f"{part}_of_{row}": f"frontview.captured_{part}_{name}({of})"
        for part in ("user", "day", "digest")
        for row, of in whole.items()
    }
    if source.time_column is None:
        values |= {f"day_of_{row}": _day(source, row) for row in whole}
    values |= {it: f"frontview.captured_{it}_{name}(old, new)" for it in ("moved", "change")}
    # It needs all of these columns, so it goes with each of them.
    gone = f"to_regproc({literal(f'frontview.captured_change_{name}')}) IS NULL"
    functions += [
        _trigger_function(f"capture_{name}", source, values, gone),
        close(f"capture_{name}"),
    ]
    return _from_16_on(functions)


def _by_name(source: ProvenSource) -> str:
    values = {"moved": _moved(source, "old", "new"), "change": "TRUE"}  # The trigger's WHEN has compared.
    for row in ("r", "old", "new"):
        values[f"user_of_{row}"] = _user(source, row)
        values[f"day_of_{row}"] = _day(source, row)
        values[f"digest_of_{row}"] = _digest(source, row)
    used = captured_columns(source)
    keys = len(_key_columns(source))
    first, others = used[:keys], used[keys:]
    renamed = _renamed(first, 0)
    if others:
        renamed += f"\n        OR (TG_OP = 'UPDATE' AND TG_LEVEL = 'STATEMENT' AND ({_renamed(others, keys)}))"
    return _trigger_function(f"named_capture_{source.name}", source, values, renamed)


def captured_columns(source: ProvenSource) -> tuple[str, ...]:
    """Return the columns that capture reads, each once: the user's, the time's and those that are watched."""
    return tuple(dict.fromkeys((*_key_columns(source), *(it.column for it in source.watched))))


def _key_columns(source: ProvenSource) -> tuple[str, ...]:
    return tuple(dict.fromkeys(it for it in (source.user_column, source.time_column) if it))


def _user(source: ProvenSource, row: str) -> str:
    """Return the expression of the user key of a row, NULL where it has none.

    No index has room for a text of some kilobytes: the change log's would fail the writer.
    """
    if source.user_column is None:
        return "NULL"
    key = f"{row}.{quoted(source.user_column)}"
    return f"CASE WHEN length({key}) <= {LONGEST_TEXT} THEN {key} END" if source.long_keys else key


def _day(source: ProvenSource, row: str) -> str:
    """Return the expression of the day of a row, NULL where it has none; a row of a source without days has one."""
    if source.time_column is None or source.time_kind is None:
        return "'-infinity'::date"
    zone = zone_literal(source.zone)
    return day_of_time(f"{row}.{quoted(source.time_column)}", source.time_kind, zone, source.stored_zone)


def _moved(source: ProvenSource, old: str, new: str) -> str:
    """Return the condition that a row's user or time is another; equality of their types misses nothing."""
    columns = _key_columns(source)
    return " OR ".join(f"{old}.{quoted(it)} IS DISTINCT FROM {new}.{quoted(it)}" for it in columns) or "FALSE"


def _change(source: ProvenSource) -> str:
    """Return the condition that a row's user, time or a watched value is another, byte by byte.

    By the function: PostgreSQL writes the operator ``*<>`` into a dump without the types that it needs to be read back.
    A WHEN of the trigger would be read from its text again in each statement, which costs more than the whole call.
    """
    moved = f"frontview.captured_moved_{source.name}($1, $2)"
    if not source.watched:
        return moved
    old, new = (", ".join(f"({row}).{quoted(it.column)}" for it in source.watched) for row in ("$1", "$2"))
    return f"{moved} OR record_image_ne(ROW({old}), ROW({new}))"


def _renamed(columns: tuple[str, ...], first: int) -> str:
    """Return the condition that a column has another name now; the trigger's arguments are the columns' numbers.

    Asked of the session's own catalog cache: a query on pg_attribute costs the writer six times as much.
    """
    names = (
        "(pg_identify_object_as_address('pg_class'::regclass, TG_RELID, "
        f"TG_ARGV[{first + n}]::integer)).object_names[3] IS DISTINCT FROM {literal(column)}"
        for n, column in enumerate(columns)
    )
    return "\n        OR ".join(names) or "FALSE"


def _digest(source: ProvenSource, row: str) -> str:
    """Return the expression of a digest of the watched values' bytes, which tells apart what equality does not."""
    values = (
        f'{row}.{quoted(it.column)}::text COLLATE "C"' if it.as_text else f"{row}.{quoted(it.column)}"
        for it in source.watched
    )
    return f"sha256(record_send(ROW({', '.join(values)})))"


def _trigger_function(function: str, source: ProvenSource, values: dict[str, str], unknown: str) -> str:
    """Return the DDL of a trigger function.

    :param unknown: the condition that the keys cannot be computed, so that every key is logged.
    """
    names = {"function": function, "source": literal(source.name), "unknown": unknown, **values}
    for event, rows in (("inserted", "new_rows"), ("deleted", "old_rows")):
        keys = {"source": names["source"], "user": values["user_of_r"], "day": values["day_of_r"], "rows": rows}
        names[event] = fill_in(select_of("captured_keys", TEMPLATE_VERSION), keys)
    return fill_in(
        read_sql("shared_capture" if source.user_column is None else "declared_capture", TEMPLATE_VERSION),
        {**names, "quote": dollar_tag("".join(names.values()))},
    )


def _from_16_on(statements: list[str]) -> str:
    executed = "\n".join(f"    EXECUTE {dollar_quoted(statement)};" for statement in statements)
    body = f"""
DECLARE
    path text := current_setting('search_path');
BEGIN
    IF current_setting('server_version_num')::integer < 160000 THEN
        RETURN;
    END IF;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', TRUE);
{executed}
    PERFORM set_config('search_path', path, TRUE);
END
"""
    return f"DO {dollar_quoted(body)}"
