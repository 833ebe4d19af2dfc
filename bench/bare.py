"""The dashboards without exactness: the same SQL, its merged reads replaced by plain reads of the tiers.

Invariant: made from the dashboards' own text, so nothing but staleness is left out: no look at the change log, no
branches, no check against rewrites. A dashboard that has changed its shape is refused, not half replaced.
"""

import re
from functools import cache

from views_sql.catalog import CATALOG
from views_sql.loader import read_sql
from views_sql.maintained_view import MaintainedView

BARE_DASHBOARDS = ("overview", "analytics")
_CALL = r"frontview\.{function}\({arguments}\)"


@cache
def bare_function(dashboard: str, version: int) -> str:
    """Return the DDL of ``bare.dashboard_<name>``, which returns the body alone.

    :raises ValueError: the dashboard does something that this does not know how to leave out.
    """
    text = read_sql("dashboards", f"dashboard_{dashboard}", version)
    text = text.replace("CREATE FUNCTION frontview.", "CREATE OR REPLACE FUNCTION bare.")
    text = text.replace("RETURNS frontview.answer", "RETURNS text")
    text = re.sub(r"frontview\.read_state(\s*:=[^;]*)?;", "text;", text)
    text = re.sub(r"\n\s*state := frontview\.begin_read\([^;]*;", "", text)
    text = re.sub(r"RETURN frontview\.end_read\(\s*state, (\w+),[^;]*;", r"RETURN \1;", text)
    for view in CATALOG.views:
        text = _plain_reads(text, view)
    if left := re.findall(r"state\.\w+|\w+_merged|begin_read|end_read", text):
        raise ValueError(f"{dashboard} still reads exactly: {left}")
    return text


def _plain_reads(text: str, view: MaintainedView) -> str:
    name, user = view.name, view.unique_key[0]
    if view.day_column is None:
        read = f"(SELECT v.* FROM frontview.{name}_whole v WHERE v.{user} = p_user)"
        return re.sub(rf"frontview\.{name}_merged\(p_user, [^()]*\)", read, text)
    day, sums = view.day_column, ", ".join(f"COALESCE(sum(v.{it}), 0)::numeric AS {it}" for it in view.measures)
    days = rf"v.{user} = p_user AND v.{day} BETWEEN \1 AND \2"
    tiers = " UNION ALL ".join(
        f"SELECT v.* FROM frontview.{name}_{tier} v WHERE {days}" for tier in ("history", "recent")
    )
    text = re.sub(rf"frontview\.{name}_merged\(p_user, ([^,()]*), ([^,()]*), [^,()]*\)", f"({tiers})", text)
    measures = ", ".join(f"v.{it}" for it in view.measures)
    parts = (
        f"SELECT NULL::date AS {day}, {measures} FROM frontview.{name}_total v WHERE v.{user} = p_user "
        f"UNION ALL SELECT CASE WHEN v.{day} >= \\1 THEN v.{day} END, {measures} FROM frontview.{name}_by_day v "
        f"WHERE v.{user} = p_user"
    )
    by_day = f"(SELECT v.{day}, {sums} FROM ({parts}) v GROUP BY v.{day})"
    return re.sub(rf"frontview\.{name}_by_day_merged\(p_user, ([^,()]*), [^,()]*\)", by_day, text)
