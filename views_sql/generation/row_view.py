"""The row view of a declared view, and how its rows are found by an index that has the time in it.

Invariant: only the row view names columns of the application's tables. The bounds on the time are wider than the days
asked for, and the condition on the day is exact.
"""

from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, ProvenView
from views_sql.generation.names import dollar_quoted, identifier, literal
from views_sql.generation.stored_columns import frozen_zeros

# The first instants of a day may lie before its midnight: in Havana and the Azores an autumn day begins an hour early.
MARGIN = "'3 hours'::interval"
# A stored zone that jumps moves the bound, too: Samoa left out a whole day, whose times are those of the next one.
STORED_ZONE_MARGIN = "'30 hours'::interval"


def create_row_view(view: ProvenView, name: str) -> list[str]:
    """Return the DDL of the row view ``frontview.<name>_row``, with a constant for the NULL of each enum.

    The constant is the label that is first now, kept by its number: another may come before it, or rename it.
    """
    create, select = f"CREATE VIEW frontview.{identifier(name)}_row AS\n", view.row_select.strip().rstrip(";")
    zeros = frozen_zeros(view)
    if not zeros:
        return [create + select]
    constants = " || ".join(
        f"', ' || quote_literal(enum_first(NULL::{kind})) || {literal(f'::{kind} AS {identifier(zero)}')}"
        for zero, kind in zeros.items()
    )
    parts = f"{literal(f'{create}SELECT r.*')} || {constants} || {literal(f' FROM ({select}) r')}"
    return [f"DO {dollar_quoted(f'BEGIN EXECUTE {parts}; END')}"]


def drop_row_view(name: str) -> list[str]:
    """Return the DDL that drops it."""
    return [f"DROP VIEW IF EXISTS frontview.{identifier(name)}_row"]


def days_between(view: ProvenView, rows: str, first: str, last: str | None) -> str:
    """Return the condition that rows of the row view have one of the days ``first`` to ``last``, both expressions.

    :param last: None: there is no last day.
    """
    earliest = f"GREATEST({first}, '{FIRST_DAY}'::date)"
    conditions = [f"{rows}.at >= {_begin(view, earliest)}", f"{rows}.day >= {first}"]
    if last is not None:
        latest = f"LEAST({last}, '{LAST_DAY}'::date)"
        conditions += [f"{rows}.at {_end(view, latest)}", f"{rows}.day <= {last}"]
    return " AND ".join(conditions)


def counts(view: ProvenView, rows: str) -> str:
    """Return the condition that rows of the row view have a user and, if the view has days, a day."""
    return f"{rows}.user_key IS NOT NULL" + (f" AND {rows}.day IS NOT NULL" if view.source.time_kind else "")


def _begin(view: ProvenView, day: str) -> str:
    return day if view.source.time_kind == "date" else _midnight(view, day, "-")


def _end(view: ProvenView, day: str) -> str:
    return f"<= {day}" if view.source.time_kind == "date" else f"< {_midnight(view, f'({day} + 1)', '+')}"


def _midnight(view: ProvenView, day: str, sign: str) -> str:
    """Return the midnight that begins a day in the view's zone, less or plus the margin, as a value of the time."""
    midnight = f"({day}::timestamp AT TIME ZONE {literal(view.source.zone or 'UTC')})"
    if view.source.time_kind == "timestamptz":
        return f"{midnight} {sign} {MARGIN}"
    margin = MARGIN if view.source.stored_zone == "UTC" else STORED_ZONE_MARGIN
    return f"({midnight} {sign} {margin}) AT TIME ZONE {literal(view.source.stored_zone)}"
