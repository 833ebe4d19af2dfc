"""The dashboards without exactness: the same SQL, with merged reads replaced by plain reads of the tiers.

Invariant: these functions are made from the installed ones, with their settings, so that only exactness is left out: no
read of the change log, no branches, no check against rewrites. A function whose shape has changed is refused, not half
replaced.
"""

import re

from models.connection import Connection
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.operations.catalog import load_application

FUNCTION = "SELECT pg_get_functiondef(%s::regproc)"
MERGED = re.compile(r"frontview\.(\w+_merged\()")
# PostgreSQL puts such a function into the statement that calls it.
PLAIN = "CREATE FUNCTION bare.{signature} LANGUAGE sql STABLE AS $$ {select} $$"


def install_bare_dashboards(connection: Connection) -> None:
    """Create ``bare.<function>`` for every dashboard; each returns the body alone.

    :raises ValueError: a function has a part that this module cannot leave out.
    """
    application = load_application(connection)
    connection.execute("CREATE SCHEMA bare")
    for view in application.views:
        for statement in _plain_reads(view):
            connection.execute(statement.encode())
    for name in [it.function for it in application.dashboards if it.function.endswith("_dashboard")]:
        row = connection.execute(FUNCTION, (name,)).fetchone()
        assert row is not None
        connection.execute(_bare(name, row[0]).encode())


def bare_name(function: str) -> str:
    """Return the name of the function that does without exactness what the installed one does."""
    return function.replace("frontview.", "bare.", 1)


def _bare(name: str, text: str) -> str:
    text = text.replace(f"{name}(", f"{bare_name(name)}(").replace("RETURNS frontview.answer", "RETURNS text")
    text = MERGED.sub(r"bare.\1", text)
    text = re.sub(r"\n\s*state frontview\.read_state;", "", text)
    text = re.sub(r"\n\s*state := frontview\.begin_read\([^;]*;", "", text)
    text = re.sub(r"RETURN frontview\.end_read\(\s*state, (\w+),[^;]*;", r"RETURN \1;", text)
    text = re.sub(r"state\.views\[\d+\]", "NULL::frontview.staleness", text)
    if left := re.findall(r"state\.\w+|frontview\.\w+_merged|begin_read|end_read", text):
        raise ValueError(f"{name} still reads exactly: {left}")
    return text


def _plain_reads(view: MaintainedView) -> list[str]:
    """Return the functions that read the tiers of a view as the merged ones do where nothing is stale."""
    name, user, live = view.name, view.unique_key[0], f"RETURNS SETOF frontview.{view.name}_live"
    key = "p_user frontview.user_key"
    if view.day_column is None:
        select = f"SELECT v.* FROM frontview.{name}_whole v WHERE v.{user} = p_user"  # nosec B608  # our own names
        return [PLAIN.format(signature=f"{name}_merged({key}, p_stale frontview.staleness) {live}", select=select)]
    days, columns = f"v.{view.day_column} BETWEEN p_first AND p_last", ", ".join(f"v.{it}" for it in view.columns)
    tiers = " UNION ALL ".join(
        f"SELECT {columns}, NULL::boolean FROM frontview.{name}_{tier} v WHERE v.{user} = p_user AND {days}"  # nosec B608  # our own names
        for tier in ("archive", "recent")
    )
    merged = f"{name}_merged({key}, p_first date, p_last date, p_stale frontview.staleness) {live}"
    return [PLAIN.format(signature=merged, select=tiers), _plain_sums(view)]


def _plain_sums(view: MaintainedView) -> str:
    name, user, day = view.name, view.unique_key[0], view.day_column
    columns = ", ".join(f"{it} numeric" for it in view.measures)
    measures = ", ".join(f"v.{it}" for it in view.measures)
    select = (
        f"SELECT NULL::date, {measures} FROM frontview.{name}_total v WHERE v.{user} = p_user UNION ALL "  # nosec B608  # our own names
        f"SELECT CASE WHEN v.{day} >= p_since THEN v.{day} END, {measures} FROM frontview.{name}_by_day v "
        f"WHERE v.{user} = p_user"
    )
    signature = (
        f"{name}_by_day_merged(p_user frontview.user_key, p_since date, p_stale frontview.staleness) "
        f"RETURNS TABLE (day date, {columns})"
    )
    return PLAIN.format(signature=signature, select=select)
