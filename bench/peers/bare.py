"""The dashboards without exactness: the same SQL, with merged reads replaced by plain reads of the tiers.

Invariant: these functions are made from the installed ones, with their helpers and settings, so that only exactness is
left out: no read of the change log, no branches, no check against rewrites. A function whose shape has changed is
refused, not half replaced.
"""

import re

from models.connection import Connection
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.voice.catalog import CATALOG

# The schema's functions of the application that read exactly or call one that does.
READERS = r"""
SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace = 'frontview'::regnamespace AND p.prosrc ~ 'frontview\.\w+(_merged|_measures|_series)\('
AND p.proname !~ '_merged$' ORDER BY p.proname
"""


def install_bare_dashboards(connection: Connection) -> None:
    """Create ``bare.dashboard_<name>`` for every dashboard; each returns the body alone.

    :raises ValueError: a function has a part that this module cannot leave out.
    """
    connection.execute("CREATE SCHEMA bare")
    connection.execute("SET check_function_bodies = off")  # they call each other
    found = connection.execute(READERS).fetchall()
    for name, definition in found:
        connection.execute(_bare(name, definition, [other for other, _ in found]).encode())
    connection.execute("RESET check_function_bodies")


def _bare(name: str, text: str, readers: list[str]) -> str:
    text = re.sub(rf"frontview\.({'|'.join(readers)})\(", r"bare.\1(", text)
    text = text.replace("RETURNS frontview.answer", "RETURNS text")
    text = re.sub(r"frontview\.read_state(\s*:=[^;]*)?;", "text;", text)
    text = re.sub(r"\n\s*state := frontview\.begin_read\([^;]*;", "", text)
    text = re.sub(r"RETURN frontview\.end_read\(\s*state, (\w+),[^;]*;", r"RETURN \1;", text)
    for view in CATALOG.views:
        text = _plain_reads(text, view)
    text = text.replace("state.views", "NULL::frontview.staleness[]")
    if left := re.findall(r"state\.\w+|\w+_merged|begin_read|end_read", text):
        raise ValueError(f"{name} still reads exactly: {left}")
    return text


def _plain_reads(text: str, view: MaintainedView) -> str:
    name, user = view.name, view.unique_key[0]
    if view.day_column is None:
        read = f"(SELECT v.* FROM frontview.{name}_whole v WHERE v.{user} = p_user)"
        return re.sub(rf"frontview\.{name}_merged\(p_user, [^()]*\)", read, text)
    day, sums = view.day_column, ", ".join(f"COALESCE(sum(v.{it}), 0)::numeric AS {it}" for it in view.measures)
    days = rf"v.{user} = p_user AND v.{day} BETWEEN \1 AND \2"
    columns = ", ".join(f"v.{it}" for it in view.columns)
    tiers = " UNION ALL ".join(
        f"SELECT {columns} FROM frontview.{name}_{tier} v WHERE {days}" for tier in ("archive", "recent")
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
