"""The DDL of the functions that read a maintained view exactly: rows of its tiers, and live rows on stale days."""

from views_sql.generation.live_rows import LiveRows
from views_sql.generation.names import identifier
from views_sql.generation.rights import close
from views_sql.generation.stored_columns import TEMPLATE_VERSION
from views_sql.loader import fill_in, read_sql


def drop_merged_reads(name: str) -> list[str]:
    """Return the DDL that drops the merged read functions of a view, with or without days."""
    return [
        f"DROP FUNCTION IF EXISTS frontview.{identifier(name)}_by_day_merged",
        f"DROP FUNCTION IF EXISTS frontview.{name}_merged",
    ]


def create_merged_reads(live: LiveRows) -> list[str]:
    """Return the DDL of a view's merged read functions."""
    view = live.view
    names = {
        "name": identifier(view.name),
        "user": identifier(view.unique_key[0]),
        "day": identifier(view.day_column or "day"),
    }
    measures = [identifier(measure) for measure in view.measures]
    names |= {
        "measures": ", ".join(f"v.{measure}" for measure in measures),
        "sum_of_measures": " + ".join(f"v.{measure}" for measure in measures),
        "part_sums": ", ".join(f"sum(v.{measure})::numeric" for measure in measures),
        "negated_sums": ", ".join(f"-sum(v.{measure})::numeric" for measure in measures),
        "measure_columns": ", ".join(f"{measure} numeric" for measure in measures),
    }
    if view.day_column:
        names |= {
            "live_in_range": live.of_user("p_user", "p_first", "p_last"),
            "live_before_horizon": live.of_user("p_user", "p_first", "LEAST(p_last, p_stale.horizon - 1)"),
            "live_since_horizon": live.of_user("p_user", "GREATEST(p_first, p_stale.horizon)", "p_last"),
            "live_on_patched_days": live.on_days("p_user", "patched"),
            "live_on_stale_days": live.on_days("p_user", "p_stale.days"),
        }
    templates = (
        {"merged_daily": "merged", "merged_by_day": "by_day_merged"} if view.day_column else {"merged_whole": "merged"}
    )
    return [
        statement
        for template, function in templates.items()
        for statement in (fill_in(read_sql(template, TEMPLATE_VERSION), names), close(f"{view.name}_{function}"))
    ]
