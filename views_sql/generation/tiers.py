"""The DDL of a maintained view: its live relation, its tiers and their registration.

Invariant: tiers are created without rows, and nothing is dropped with CASCADE. Every name that is put into a statement
has passed :func:`views_sql.generation.names.identifier`.
"""

from views_sql.declaration.maintained_view import ARCHIVE_TIERS
from views_sql.generation.archive import (
    archive_table,
    create_archive_functions,
    drop_archive_functions,
    sum_of,
)
from views_sql.generation.live_rows import ALWAYS_NULL, LiveRows
from views_sql.generation.merged_reads import create_merged_reads, drop_merged_reads
from views_sql.generation.names import identifier, literal
from views_sql.generation.rights import GRANT_RIGHTS
from views_sql.generation.sql_objects import fingerprint


def create_maintained_view(live: LiveRows) -> list[str]:
    """Return the DDL of live relation, state rows, tiers without rows, unique indexes and functions.

    It fails unless PostgreSQL proves that the unique key identifies a row. The live relation ends in
    :data:`views_sql.generation.live_rows.ALWAYS_NULL`.
    """
    view, relation = live.view, live.relation()
    name = identifier(view.name)
    comment = literal(f"frontview {name} version {view.version} {fingerprint(relation)}")
    key = ", ".join(literal(identifier(column)) for column in view.unique_key)
    return [
        f"CREATE VIEW frontview.{name}_live AS\n{relation}",
        f"COMMENT ON VIEW frontview.{name}_live IS {comment}",
        f"SELECT frontview.prove_key({literal(f'frontview.{name}_live')}, ARRAY[{key}])",
        *live.functions(),
        *(statement for tier in view.tiers for statement in _tier(live, tier, comment)),
        *create_archive_functions(live, comment),
        *create_merged_reads(live),
        GRANT_RIGHTS,
    ]


def drop_maintained_view(name: str) -> list[str]:
    """Return the DDL that removes a maintained view of any kind, dependants first."""
    return [
        refuse_to_drop_sealed_days(name),
        *drop_merged_reads(name),
        *drop_archive_functions(name),
        *(f"DROP MATERIALIZED VIEW IF EXISTS frontview.{name}_{tier}" for tier in ("by_day", "recent", "whole")),
        *(f"DROP TABLE IF EXISTS frontview.{name}_{tier}" for tier in ("total", "archive")),
        f"DROP FUNCTION IF EXISTS frontview.{name}_days",
        f"DROP VIEW IF EXISTS frontview.{name}_live",
        *(
            f"DELETE FROM frontview.{table} WHERE view = {literal(name)}"  # nosec B608  # names and literals are checked
            for table in ("view_state", "seal", "refresh_log")
        ),
        # No refresh of it runs, because it would hold a lock on what was just dropped. The count must never fall.
        f"UPDATE frontview.refresh_attempt SET attempts = attempts + 2 + attempts % 2 WHERE view = {literal(name)}",  # nosec B608  # names and literals are checked
    ]


def refuse_to_drop_sealed_days(name: str) -> str:
    """Return what fails while days of a view are sealed: perhaps nothing but its archive has them."""
    return f"""
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM frontview.view_state v
        WHERE v.view = {literal(name)} AND v.tier = 'archive' AND v.first_day > '-infinity'
    ) THEN
        RAISE EXCEPTION '% has sealed days, which perhaps nothing else has: run frontview unseal first', {literal(name)}
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$
"""  # nosec B608  # the literal is quoted


def _tier(live: LiveRows, tier: str, comment: str) -> list[str]:
    view = live.view
    name, relation = identifier(view.name), f"frontview.{view.name}_{tier}"
    sources = ", ".join(literal(source) for source in view.sources)
    key = (view.unique_key[0], view.day_column or "") if tier == "by_day" else view.unique_key
    # Before its first population a daily view keeps every day in the recent tier; that population moves the horizon.
    before = "-infinity" if tier in ARCHIVE_TIERS else "infinity"
    register = (
        "INSERT INTO frontview.view_state (view, tier, version, relation, sources, first_day, before_day) VALUES ("  # nosec B608  # names and literals are checked
        f"{literal(name)}, {literal(tier)}, {view.version}, {literal(relation)}, ARRAY[{sources}], "
        f"'-infinity', {literal(before)})"
    )
    if tier in ARCHIVE_TIERS:
        return [register, *archive_table(view, tier, comment)]
    return [
        register,
        f"CREATE MATERIALIZED VIEW {relation} AS {_tier_select(live, tier)} WITH NO DATA",
        f"COMMENT ON MATERIALIZED VIEW {relation} IS {comment}",
        f"CREATE UNIQUE INDEX {name}_{tier}_key ON {relation} ({', '.join(identifier(column) for column in key)})",
    ]


def _tier_select(live: LiveRows, tier: str) -> str:
    view = live.view
    if tier == "by_day":
        key = f"v.{identifier(view.unique_key[0])}, v.{identifier(view.day_column or '')}"
        sums = ", ".join(f"{sum_of('v', measure)} AS {measure}" for measure in view.measures)
        return f"SELECT {key}, {sums}, {ALWAYS_NULL} FROM frontview.{view.name}_recent v GROUP BY {key}"  # nosec B608  # names and literals are checked
    if view.day_column is None:
        return f"SELECT * FROM frontview.{view.name}_live"  # nosec B608  # names are checked
    return live.since(
        "(SELECT s.first_day FROM frontview.view_state s"  # nosec B608  # names and literals are checked
        f" WHERE s.view = {literal(view.name)} AND s.tier = {literal(tier)})"
    )
