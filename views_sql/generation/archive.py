"""The DDL of a view's archive: a table of the days before the horizon, one of their sums a user, and what changes both.

Invariant: at every commit a user's sums are those of the user's rows in the archive.
"""

from views_sql.declaration.maintained_view import MaintainedView
from views_sql.generation.live_rows import LiveRows
from views_sql.generation.names import identifier
from views_sql.generation.rights import close
from views_sql.generation.stored_columns import TEMPLATE_VERSION
from views_sql.loader import fill_in, read_sql, select_of

FUNCTIONS = {  # What a function is called after the view, and its template.
    "sum_again": "archive_sum_again",
    "compact": "archive_compact",
    "move_horizon": "archive_move",
    "rebuild": "archive_rebuild",
    "seal": "archive_seal",
    "compare_sealed": "archive_compare_sealed",
    "erase": "archive_erase",
}
# Rows are updated in place: free space in each page keeps the new version of a row beside the old one, and vacuum comes
# after a fiftieth of the rows has changed instead of a fifth.
STORAGE_OPTIONS = {"fillfactor": 90, "autovacuum_vacuum_scale_factor": 0.02, "autovacuum_analyze_scale_factor": 0.05}
STORAGE = f" WITH ({', '.join(f'{name} = {value}' for name, value in STORAGE_OPTIONS.items())})"


def sum_of(rows: str, measure: str) -> str:
    """Return the sum of a measure over rows, 0 for none; ``rows`` is their name in the query."""
    return f"COALESCE(sum({rows}.{identifier(measure)}), 0)::numeric"


def archive_table(view: MaintainedView, tier: str, comment: str) -> list[str]:
    """Return the DDL of the archive or of its sums, without rows.

    :param comment: what the table's comment is to say, as an SQL literal.
    """
    name, user = identifier(view.name), identifier(view.unique_key[0])
    if tier == "archive":
        key = ", ".join(map(identifier, view.unique_key))
        select = f"SELECT {', '.join(map(identifier, view.columns))} FROM frontview.{name}_live"  # nosec B608  # names are checked
    else:
        key, sums = user, ", ".join(f"{sum_of('a', measure)} AS {measure}" for measure in view.measures)
        select = f"SELECT a.{user}, {sums}, count(*) AS archive_rows FROM frontview.{name}_archive a GROUP BY a.{user}"  # nosec B608  # names are checked
    return [
        f"CREATE TABLE frontview.{name}_{tier}{STORAGE} AS {select} WITH NO DATA",
        f"COMMENT ON TABLE frontview.{name}_{tier} IS {comment}",
        f"ALTER TABLE frontview.{name}_{tier} ADD CONSTRAINT {name}_{tier}_key PRIMARY KEY ({key})",
    ]


def create_archive_functions(live: LiveRows, comment: str) -> list[str]:
    """Return the DDL of what compacts, moves and rebuilds a daily view's archive; none for a view without days."""
    view = live.view
    if view.day_column is None:
        return []
    names = _names(live) | {"comment": comment}
    names["add_differences"] = fill_in(select_of("archive_sums", TEMPLATE_VERSION), names)
    return [
        statement
        for function, template in FUNCTIONS.items()
        for statement in (fill_in(read_sql(template, TEMPLATE_VERSION), names), close(f"{view.name}_{function}"))
    ]


def drop_archive_functions(name: str) -> list[str]:
    """Return the DDL that drops them."""
    return [f"DROP FUNCTION IF EXISTS frontview.{identifier(name)}_{function}" for function in reversed(FUNCTIONS)]


def _names(live: LiveRows) -> dict[str, str]:
    """Return what the templates leave open; ``…_of_a`` are columns of the rows that the query calls ``a``."""
    view = live.view
    key = [identifier(column) for column in view.unique_key]
    measures = [identifier(column) for column in view.measures]
    values = measures + [identifier(column) for column in view.extremes]

    def listed(columns: list[str], form: str = "{}") -> str:
        return ", ".join(form.format(column) for column in columns)

    return {
        "name": identifier(view.name),
        "user": key[0],
        "day": identifier(view.day_column or ""),
        "storage": STORAGE,
        "live_of_key": live.of_user("s.user_id", "s.first_day", "s.before_day - 1"),
        "live_sealed": live.of_sealed("p_before", "tier.first_day"),
        "keep_zones": live.keep_zones("asked.sealing_before"),
        "live_between": live.of_all("horizon", "p_horizon"),
        "key": listed(key),
        "key_of_r": listed(key, "r.{}"),
        "columns": listed(key + values),
        "columns_of_v": listed(key + values, "v.{}"),
        "values": listed(values),
        "values_of_a": listed(values, "a.{}"),
        "excluded_values": listed(values, "excluded.{}"),
        "measures": listed(measures),
        "measures_of_v": listed(measures, "v.{0} AS {0}"),
        "negated_measures_of_v": listed(measures, "-v.{}"),
        "excluded_measures": listed(measures, "excluded.{}"),
        "added_measures": listed(measures, "{0} = t.{0} + excluded.{0}"),
        "sums_of_d": ", ".join(sum_of("d", measure) for measure in measures),
        "sums_of_a": ", ".join(sum_of("a", measure) for measure in measures),
        "sum_of_t": " + ".join(f"t.{measure}" for measure in measures),
        "zeros": ", ".join("0" for _ in measures),
    }
