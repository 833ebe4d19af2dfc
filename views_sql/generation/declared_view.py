"""The DDL of everything that is made of a declared view: row view, tiers, hidden views and the function that reads it.

Invariant: every name that is made carries the number of the declaration, so that two declarations stand side by side.
"""

from functools import partial

from views_sql.declaration.proven import ProvenApplication, ProvenView
from views_sql.declaration.served import LONGEST_USER_NAME
from views_sql.generation.declared_capture import quoted_table
from views_sql.generation.grouped_read import create_grouped_read
from views_sql.generation.live_rows import LiveRows
from views_sql.generation.names import identifier, literal, quoted
from views_sql.generation.rights import drop_function_of_web, function_of_web
from views_sql.generation.row_view import create_row_view, drop_row_view, users_view, zone_of
from views_sql.generation.stored_columns import (
    TEMPLATE_VERSION,
    distinct_measures,
    maintained,
    maintained_values,
    select_rows,
    select_values,
    values_name,
    view_name,
)
from views_sql.generation.tiers import create_maintained_view, drop_maintained_view, refuse_to_drop_sealed_days
from views_sql.loader import fill_in, read_sql


def create_users(application: ProvenApplication, number: int) -> list[str]:
    """Return the DDL of the view of declared users, ``frontview.user_<number>``, and of what answers show of one."""
    shown, users = f"user_{number}_shown", users_view(number)
    found, zone = "NULL::text", literal(application.zone)
    if application.users_select is not None:
        found = f"(SELECT left(u.name, {LONGEST_USER_NAME}) FROM {users} u WHERE u.user_key = p_user)"  # nosec B608  # names are checked
    if application.zone_column is not None:
        zone = zone_of(number, "p_user", application.zone)
    statements = [f"CREATE VIEW {users} AS {select}"] if (select := _users(application)) else []
    names = {"number": str(int(number)), "name": found, "zone": zone}
    text = fill_in(read_sql("user_shown", TEMPLATE_VERSION), names)
    return [*statements, *function_of_web(shown, text)]


def _users(application: ProvenApplication) -> str | None:
    """Return the SELECT of the declared users with what else there is about each; None without them."""
    if application.users is None or application.user_key is None:
        return None
    select = application.users_select
    if select is None:
        columns = f"u.{quoted(application.user_key)} AS user_key"
        if application.zone_column is not None:
            columns += f', u.{quoted(application.zone_column)}::text COLLATE "default" AS zone_name'
        select = f"SELECT {columns} FROM {quoted_table(application.users)} u"  # nosec B608  # names are quoted
    if application.zone_column is None:
        return select
    zone = f"COALESCE(z.zone, {literal(application.zone)}) AS zone"
    return f"SELECT u.*, {zone} FROM ({select}) u LEFT JOIN frontview.zone z ON z.name = u.zone_name"  # nosec B608  # names are quoted


def drop_users(application: ProvenApplication, number: int) -> list[str]:
    """Return the DDL that drops them."""
    drop = drop_function_of_web(f"user_{number}_shown")
    return drop if application.users is None else [*drop, f"DROP VIEW IF EXISTS {users_view(number)}"]


def create_declared_view(application: ProvenApplication, view: ProvenView, number: int) -> list[str]:
    """Return the DDL of one view of the declaration of that number; its source is captured, and its users are there.

    It fails unless PostgreSQL proves every key that it makes.
    """
    rows = LiveRows(maintained(view, number), view, partial(select_rows, view))
    statements = [*create_row_view(view, number), *create_maintained_view(rows)]
    for measure in distinct_measures(view):
        values = LiveRows(maintained_values(view, measure, number), view, partial(select_values, view, measure))
        statements += create_maintained_view(values)
    return [*statements, *create_grouped_read(application, view, number)]


def drop_declared_view(view: ProvenView, number: int) -> list[str]:
    """Return the DDL that drops what :func:`create_declared_view` makes."""
    names = maintained_names(view, number)
    maintained_views = [statement for name in names for statement in drop_maintained_view(name)]
    return [*drop_function_of_web(f"{names[-1]}_read"), *maintained_views, *drop_row_view(names[-1])]


def refuse_to_drop_declared_view(view: ProvenView, number: int) -> list[str]:
    """Return what fails, before anything is changed, where :func:`drop_declared_view` would for sealed days."""
    return [refuse_to_drop_sealed_days(name) for name in maintained_names(view, number)]


def maintained_names(view: ProvenView, number: int) -> list[str]:
    """Return the names of the maintained views that are made of a declared one; its own is the last."""
    hidden = [values_name(view, measure, number) for measure in distinct_measures(view)]
    return [*hidden, identifier(view_name(view, number))]
