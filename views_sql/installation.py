"""The DDL of each operation, as lists of statements made from versioned files.

Invariant: every name that is put into a statement has passed :func:`views_sql.names.identifier`; values are quoted by
:func:`views_sql.names.literal`. Nothing is dropped with CASCADE. No function is left for everybody to execute.
"""

import hashlib
import re

from models import user_key
from models.errors import CatalogError
from views_sql.loader import fill_in, read_sql, select_of
from views_sql.maintained_view import DAILY_TIERS, PLAIN_TIERS, MaintainedView, Source
from views_sql.names import identifier, literal, table_name
from views_sql.rights import GRANT_RIGHTS, close, forget_captured

_CREATE = re.compile(r"^CREATE (TYPE|FUNCTION) ", re.MULTILINE)
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


def create_sql_object(name: str, version: int) -> list[str]:
    """Return the DDL of one file, the comment that tells which file it was, and who may use it."""
    text = read_sql(name, version)
    comment = literal(f"frontview {name} version {version} {fingerprint(text)}")
    kind = _kind(text)
    statements = [text, f"COMMENT ON {kind} frontview.{identifier(name)} IS {comment}"]
    return statements if kind == "TYPE" else [*statements, close(name), GRANT_RIGHTS]


def drop_sql_object(name: str, version: int) -> list[str]:
    """Return the DDL that drops one object; its name is unique in the schema."""
    return [f"DROP {_kind(read_sql(name, version))} frontview.{identifier(name)}"]


def replace_sql_object(name: str, version: int) -> list[str]:
    """Return the DDL that puts this version of an object in the place of the one that is there."""
    return [*drop_sql_object(name, version), *create_sql_object(name, version)]


def _kind(text: str) -> str:
    """Return TYPE or FUNCTION, whichever the file creates."""
    found = _CREATE.search(text)
    if found is None:
        raise CatalogError("an SQL file of an object begins with CREATE TYPE or CREATE FUNCTION")
    return found.group(1)


def capture_changes(source: Source, template_version: int) -> list[str]:
    """Return the trigger function, the triggers on the table and all its partitions, and the registration."""
    name, table = identifier(source.name), table_name(source.table)
    events = ", ".join(literal(event) for event in source.events)
    register = (
        "INSERT INTO frontview.source (source, relation, user_column, day_column, events) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(table)}::regclass, {literal(source.user_column)}, "
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

    Writers go on: each change is logged by one version or the other. The lock is a writer's, which nobody who alters
    triggers can share. Where the last look at the capture saw it as it is, the new function is remembered with it, so
    that the next look marks nothing stale; an alteration that no look has seen yet stays to be found. Only who owns
    the function could slip another one in between that comparison and the replacement.
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
            "user": identifier(source.user_column),
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
        f"DELETE FROM frontview.source WHERE source = {literal(name)}",  # nosec B608  # names and literals are checked
    ]


def create_maintained_view(view: MaintainedView, template_version: int) -> list[str]:
    """Return the DDL of live relation, state rows, tiers WITH NO DATA, unique indexes and merged read functions.

    It fails unless PostgreSQL proves that the unique key identifies a row; rows end in :data:`ALWAYS_NULL`.
    """
    name = identifier(view.name)
    select = select_of(view.name, view.version)
    comment = literal(f"frontview {name} version {view.version} {fingerprint(select)}")
    key = ", ".join(literal(identifier(column)) for column in view.unique_key)
    return [
        f"CREATE VIEW frontview.{name}_live AS\nSELECT s.*, {ALWAYS_NULL} FROM (\n{select}\n) s",  # nosec B608  # our own files and names
        f"COMMENT ON VIEW frontview.{name}_live IS {comment}",
        f"SELECT frontview.prove_key({literal(f'frontview.{name}_live')}, ARRAY[{key}])",
        *(statement for tier in view.tiers for statement in _tier(view, tier, comment)),
        *_merged_functions(view, template_version),
        GRANT_RIGHTS,
    ]


def replace_merged_reads(view: MaintainedView, template_version: int) -> list[str]:
    """Return the DDL that puts merged read functions of this version in the place of those that are there."""
    return [*_drop_merged_functions(view.name), *_merged_functions(view, template_version), GRANT_RIGHTS]


def replace_maintained_view(view: MaintainedView, template_version: int) -> list[str]:
    """Return the DDL that puts this version of a view in the place of the one that is there.

    Until the refresher has populated the new version its reads come from the base tables: slower, and right.
    """
    return [*drop_maintained_view(view.name), *create_maintained_view(view, template_version)]


def drop_maintained_view(name: str) -> list[str]:
    """Return the DDL that removes a maintained view of either kind, dependants first."""
    return [
        *_drop_merged_functions(name),
        *(
            f"DROP MATERIALIZED VIEW IF EXISTS frontview.{name}_{tier}"
            for tier in reversed((*DAILY_TIERS, *PLAIN_TIERS))
        ),
        f"DROP VIEW frontview.{name}_live",
        f"DELETE FROM frontview.view_state WHERE view = {literal(name)}",  # nosec B608  # names and literals are checked
        # no refresh of it runs, for it held a lock on what was just dropped; the count may never fall
        f"UPDATE frontview.refresh_attempt SET attempts = attempts + 2 + attempts % 2 WHERE view = {literal(name)}",  # nosec B608  # names and literals are checked
    ]


def _tier(view: MaintainedView, tier: str, comment: str) -> list[str]:
    name, relation = identifier(view.name), f"frontview.{view.name}_{tier}"
    sources = ", ".join(literal(source) for source in view.sources)
    key = _tier_key(view, tier)
    # Before its first population a daily view keeps every day in the recent tier; that population moves the horizon.
    before = "-infinity" if tier in ("history", "total") else "infinity"
    return [
        "INSERT INTO frontview.view_state (view, tier, version, relation, sources, first_day, before_day) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(tier)}, {view.version}, {literal(relation)}, ARRAY[{sources}], "
        f"'-infinity', {literal(before)})",
        f"CREATE MATERIALIZED VIEW {relation} AS {_tier_select(view, tier)} WITH NO DATA",
        f"COMMENT ON MATERIALIZED VIEW {relation} IS {comment}",
        f"CREATE UNIQUE INDEX {name}_{tier}_key ON {relation} ({', '.join(identifier(column) for column in key)})",
    ]


def _tier_key(view: MaintainedView, tier: str) -> tuple[str, ...]:
    """Return what identifies a row: of sums, the user, and the day where they are by day."""
    sums = {"total": (view.unique_key[0],), "by_day": (view.unique_key[0], view.day_column or "")}
    return sums.get(tier, view.unique_key)


def _tier_select(view: MaintainedView, tier: str) -> str:
    if tier in ("total", "by_day"):
        key = ", ".join(f"v.{identifier(column)}" for column in _tier_key(view, tier))
        sums = ", ".join(f"{_sum(identifier(measure))} AS {measure}" for measure in view.measures)
        summed = "history" if tier == "total" else "recent"
        return f"SELECT {key}, {sums}, {ALWAYS_NULL} FROM frontview.{view.name}_{summed} v GROUP BY {key}"  # nosec B608  # names and literals are checked
    select = f"SELECT * FROM frontview.{view.name}_live"  # nosec B608  # names and literals are checked
    if view.day_column is None:
        return select
    bound, compare = ("before_day", "<") if tier == "history" else ("first_day", ">=")
    return (
        f"{select} WHERE {identifier(view.day_column)} {compare} (SELECT s.{bound} FROM frontview.view_state s"  # nosec B608  # names and literals are checked
        f" WHERE s.view = {literal(view.name)} AND s.tier = {literal(tier)})"
    )


def _drop_merged_functions(name: str) -> list[str]:
    return [
        f"DROP FUNCTION IF EXISTS frontview.{identifier(name)}_by_day_merged",
        f"DROP FUNCTION frontview.{name}_merged",
    ]


def _merged_functions(view: MaintainedView, template_version: int) -> list[str]:
    names = {
        "name": identifier(view.name),
        "user": identifier(view.unique_key[0]),
        "day": identifier(view.day_column or "day"),
    }
    measures = [identifier(measure) for measure in view.measures]
    names |= {
        "measures": ", ".join(f"v.{measure}" for measure in measures),
        "part_sums": ", ".join(f"sum(v.{measure})::numeric" for measure in measures),
        "negated_sums": ", ".join(f"-sum(v.{measure})::numeric" for measure in measures),
        "measure_columns": ", ".join(f"{measure} numeric" for measure in measures),
    }
    templates = (
        {"merged_daily": "merged", "merged_by_day": "by_day_merged"} if view.day_column else {"merged_whole": "merged"}
    )
    return [
        statement
        for template, function in templates.items()
        for statement in (fill_in(read_sql(template, template_version), names), close(f"{view.name}_{function}"))
    ]


def _sum(measure: str) -> str:
    return f"COALESCE(sum(v.{measure}), 0)::numeric"
