"""The DDL of each operation, as lists of statements made from versioned files.

Invariant: every name that is put into a statement has passed :func:`views_sql.names.identifier`; values are quoted by
:func:`views_sql.names.literal`. Nothing is dropped with CASCADE. No function is left for everybody to execute.
"""

import hashlib

from models import user_key
from views_sql.loader import fill_in, read_sql, select_of
from views_sql.maintained_view import MaintainedView, Source
from views_sql.names import identifier, literal, table_name
from views_sql.rights import GRANT_RIGHTS, close, forget_captured

_DROP_WORD = {"types": "TYPE", "functions": "FUNCTION", "triggers": "FUNCTION", "dashboards": "FUNCTION"}

# REFRESH … CONCURRENTLY sorts the rows, compared whole, to look for two that are equal, and passes over those with a
# NULL in them. Measured, that look is two thirds of a refresh, and says nothing where the key is proven.
ALWAYS_NULL = "NULL::boolean AS always_null"


def fingerprint(text: str) -> str:
    """Return the short hash that the comment of an installed object carries."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def create_user_key() -> list[str]:
    """Return the DDL of schema and user key domain."""
    return ["CREATE SCHEMA frontview", f"CREATE DOMAIN frontview.user_key AS {user_key.SQL_TYPE}"]


def drop_user_key() -> list[str]:
    """Return the DDL that removes domain and schema."""
    return ["DROP DOMAIN frontview.user_key", "DROP SCHEMA frontview"]


def create_sql_object(kind: str, name: str, version: int) -> list[str]:
    """Return the DDL of one file, the comment that tells which file it was, and who may use it."""
    text = read_sql(kind, name, version)
    comment = literal(f"frontview {name} version {version} {fingerprint(text)}")
    statements = [text, f"COMMENT ON {_DROP_WORD[kind]} frontview.{identifier(name)} IS {comment}"]
    return statements if kind == "types" else [*statements, close(name), GRANT_RIGHTS]


def drop_sql_object(kind: str, name: str) -> list[str]:
    """Return the DDL that drops one object; its name is unique in the schema."""
    return [f"DROP {_DROP_WORD[kind]} frontview.{identifier(name)}"]


def capture_changes(source: Source, version: int) -> list[str]:
    """Return the trigger function, the triggers on the table and all its partitions, and the registration."""
    name, table = identifier(source.name), table_name(source.table)
    events = ", ".join(literal(event) for event in source.events)
    register = (
        "INSERT INTO frontview.source (source, relation, user_column, day_column, events) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(table)}::regclass, {literal(source.user_column)}, "
        f"{literal(source.day_column) if source.day_column else 'NULL'}, ARRAY[{events}])"
    )
    return [
        _capture_function(source, version),
        close(f"capture_{name}"),
        register,
        f"SELECT frontview.install_triggers({literal(name)})",
        GRANT_RIGHTS,
    ]


def replace_capture(source: Source, version: int) -> list[str]:
    """Return the DDL that gives a captured source's triggers another version of their function, in place.

    Writers go on: each change is logged by one version or the other. The lock is a writer's, which nobody who alters
    triggers can share. Where the last look at the capture saw it as it is, the new function is remembered with it, so
    that the next look marks nothing stale; an alteration that no look has seen yet stays to be found. Only who owns
    the function could slip another one in between that comparison and the replacement.
    """
    function = _capture_function(source, version).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
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


def _capture_function(source: Source, version: int) -> str:
    day = (
        f"COALESCE({{row}}.{identifier(source.day_column)}, '-infinity')" if source.day_column else "'-infinity'::date"
    )
    return fill_in(
        read_sql("triggers", "capture", version),
        {
            "source": identifier(source.name),
            "table": table_name(source.table),
            "user": identifier(source.user_column),
            "new_day": day.replace("{row}", "n"),
            "old_day": day.replace("{row}", "o"),
        },
    )


def stop_capture(source: Source) -> list[str]:
    """Return the DDL that removes a source's triggers, function and registration."""
    name = identifier(source.name)
    return [
        forget_captured(name, table_name(source.table), identifier(source.user_column)),
        f"SELECT frontview.remove_triggers({literal(name)})",
        f"DROP FUNCTION frontview.capture_{name}()",
        f"DELETE FROM frontview.source WHERE source = {literal(name)}",  # nosec B608  # names and literals are checked
    ]


def create_maintained_view(view: MaintainedView, reads: int, *, proven_key: bool = False) -> list[str]:
    """Return the DDL of live relation, state rows, tiers WITH NO DATA, unique indexes and merged read functions.

    :param reads: version of the merged read functions.
    :param proven_key: fail unless the key is proven to identify a row; then rows end in :data:`ALWAYS_NULL`.
    """
    name = identifier(view.name)
    select = select_of(view.name, view.version)
    comment = literal(f"frontview {name} version {view.version} {fingerprint(select)}")
    if proven_key:
        select = f"SELECT s.*, {ALWAYS_NULL} FROM (\n{select}\n) s"  # nosec B608  # our own files and names
    statements = [
        f"CREATE VIEW frontview.{name}_live AS\n{select}",
        f"COMMENT ON VIEW frontview.{name}_live IS {comment}",
    ]
    if proven_key:
        key = ", ".join(literal(identifier(column)) for column in view.unique_key)
        statements.append(f"SELECT frontview.prove_key({literal(f'frontview.{name}_live')}, ARRAY[{key}])")
    for tier in view.tiers:
        statements += _tier(view, tier, comment, proven_key=proven_key)
    return [*statements, *_merged_functions(view, reads), GRANT_RIGHTS]


def replace_merged_reads(view: MaintainedView, reads: int) -> list[str]:
    """Return the DDL that puts one version of a view's merged read functions in the place of another."""
    return [*_drop_merged_functions(view), *_merged_functions(view, reads), GRANT_RIGHTS]


def drop_maintained_view(view: MaintainedView) -> list[str]:
    """Return the DDL that removes a maintained view, dependants first."""
    name = identifier(view.name)
    return [
        *_drop_merged_functions(view),
        *(f"DROP MATERIALIZED VIEW IF EXISTS frontview.{name}_{tier}" for tier in reversed(view.tiers)),
        f"DROP VIEW frontview.{name}_live",
        f"DELETE FROM frontview.view_state WHERE view = {literal(name)}",  # nosec B608  # names and literals are checked
        # no refresh of it runs, for it held a lock on what was just dropped; the count may never fall
        f"UPDATE frontview.refresh_attempt SET attempts = attempts + 2 + attempts % 2 WHERE view = {literal(name)}",  # nosec B608  # names and literals are checked
    ]


def _tier(view: MaintainedView, tier: str, comment: str, *, proven_key: bool) -> list[str]:
    name, relation = identifier(view.name), f"frontview.{view.name}_{tier}"
    sources = ", ".join(literal(source) for source in view.sources)
    key = _tier_key(view, tier)
    # Before its first population a daily view keeps every day in the recent tier; that population moves the horizon.
    before = "-infinity" if tier in ("history", "total") else "infinity"
    return [
        "INSERT INTO frontview.view_state (view, tier, version, relation, sources, first_day, before_day) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(tier)}, {view.version}, {literal(relation)}, ARRAY[{sources}], "
        f"'-infinity', {literal(before)})",
        f"CREATE MATERIALIZED VIEW {relation} AS {_tier_select(view, tier, proven_key)} WITH NO DATA",
        f"COMMENT ON MATERIALIZED VIEW {relation} IS {comment}",
        f"CREATE UNIQUE INDEX {name}_{tier}_key ON {relation} ({', '.join(identifier(column) for column in key)})",
    ]


def _tier_key(view: MaintainedView, tier: str) -> tuple[str, ...]:
    """Return what identifies a row: of sums, the user, and the day where they are by day."""
    sums = {"total": (view.unique_key[0],), "by_day": (view.unique_key[0], view.day_column or "")}
    return sums.get(tier, view.unique_key)


def _tier_select(view: MaintainedView, tier: str, proven_key: bool) -> str:
    if tier in ("total", "by_day"):
        key = ", ".join(f"v.{identifier(column)}" for column in _tier_key(view, tier))
        sums = ", ".join(f"{_sum(identifier(measure))} AS {measure}" for measure in view.measures)
        sums += f", {ALWAYS_NULL}" if proven_key else ""
        summed = "history" if tier == "total" else "recent"
        return f"SELECT {key}, {sums} FROM frontview.{view.name}_{summed} v GROUP BY {key}"  # nosec B608  # names and literals are checked
    select = f"SELECT * FROM frontview.{view.name}_live"  # nosec B608  # names and literals are checked
    if view.day_column is None:
        return select
    bound, compare = ("before_day", "<") if tier == "history" else ("first_day", ">=")
    return (
        f"{select} WHERE {identifier(view.day_column)} {compare} (SELECT s.{bound} FROM frontview.view_state s"  # nosec B608  # names and literals are checked
        f" WHERE s.view = {literal(view.name)} AND s.tier = {literal(tier)})"
    )


def _drop_merged_functions(view: MaintainedView) -> list[str]:
    name = identifier(view.name)
    by_day = [f"DROP FUNCTION frontview.{name}_by_day_merged"] if view.day_column else []
    return [*by_day, f"DROP FUNCTION frontview.{name}_merged"]


def _merged_functions(view: MaintainedView, reads: int) -> list[str]:
    names = {
        "name": identifier(view.name),
        "user": identifier(view.unique_key[0]),
        "day": identifier(view.day_column or "day"),
    }
    if view.day_column is None:
        return [fill_in(read_sql("functions", "merged_whole", 1), names), close(f"{view.name}_merged")]
    measures = [identifier(measure) for measure in view.measures]
    names |= {
        "measures": ", ".join(f"v.{measure}" for measure in measures),
        "part_sums": ", ".join(f"sum(v.{measure})::numeric" for measure in measures),
        "negated_sums": ", ".join(f"-sum(v.{measure})::numeric" for measure in measures),
        "measure_columns": ", ".join(f"{measure} numeric" for measure in measures),
    }
    return [
        *(fill_in(read_sql("functions", f"merged_{kind}", reads), names) for kind in ("daily", "by_day")),
        close(f"{view.name}_merged"),
        close(f"{view.name}_by_day_merged"),
    ]


def _sum(measure: str) -> str:
    return f"COALESCE(sum(v.{measure}), 0)::numeric"
