"""What is stored of a declared view: the columns of its tiers, and of the hidden views of its distinct measures.

Invariant: every name that an application chose has a prefix here, so it is no keyword and no other column's name:
``d_<dimension>``, ``n_<dimension>`` (whether it was NULL), ``m_<measure>``, and of an average ``s_<measure>`` (sum) and
``c_<measure>`` (number of values). A key holds no NULL.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.proven import ProvenMeasure, ProvenView, RowColumn
from views_sql.generation.names import identifier
from views_sql.generation.short_text import shortened

TEMPLATE_VERSION = 1
LONGEST_NAME = 47  # Sixteen more bytes, of "_archive_new_key", are the most that a name of PostgreSQL has room for.
ROW_COUNT = "row_count"

_ZEROS = {
    "boolean": "false",
    "uuid": "'00000000-0000-0000-0000-000000000000'::uuid",
    "date": "'2000-01-01'::date",
    "text": "''::text",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of a tier, with the expression that computes it from rows called ``r``.

    :param measure: the measure that it belongs to; None: a column of the key, or a number of rows.
    :param merge: the aggregate that merges values of several rows of a tier: ``sum``, ``min`` or ``max``.
    """

    name: str
    expression: str
    merge: str = ""


def view_name(view: ProvenView, number: int) -> str:
    """Return the name of the maintained view that is made of a declared one."""
    return identifier(f"{view.name}_{number}")


def existence_source(number: int) -> str:
    """Return the name of the source that says whether a user exists and what zone it has; no view's name ends so."""
    return f"existence_{number}_of_user"


def values_name(view: ProvenView, measure: ProvenMeasure, number: int) -> str:
    """Return the name of the hidden view of a distinct measure; it ends in no number, as other views do."""
    name = f"{view.name}_{number}_{measure.name}_values"
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{view.name[:26]}_{number}_{digest}_values"
    return identifier(name)


def zero_of(column: RowColumn) -> str:
    """Return the value that stands in a group for NULL; an enum's is its first, which is another some day."""
    kind = column.type.partition("(")[0]
    if kind in ("smallint", "integer", "bigint", "numeric"):
        return f"0::{kind}"
    if kind == "character varying":
        return _ZEROS["text"]
    return _ZEROS.get(kind, f"enum_first(NULL::{column.type})")


def frozen_zeros(view: ProvenView) -> dict[str, str]:
    """Return the type of each column of the row view that stands in keys for the NULL of an enum, by its name."""
    return {
        f"z_{name}": column.type
        for name, column in view.dimensions.items()
        if column.nullable and zero_of(column).startswith("enum_first")
    }


def key_columns(view: ProvenView) -> Iterator[Stored]:
    """Yield the columns that identify a row of the tiers, first the user key and then the day."""
    yield Stored("user_key", "r.user_key")
    if view.source.time_kind is not None:
        yield Stored("day", "r.day")
    frozen = frozen_zeros(view)
    for name, column in view.dimensions.items():
        value = shortened(view, column, f"r.{identifier(column.name)}")
        if column.nullable:
            zero = f"r.{identifier(f'z_{name}')}" if f"z_{name}" in frozen else zero_of(column)
            yield Stored(f"d_{name}", f"COALESCE({value}, {zero})")
            yield Stored(f"n_{name}", f"r.{identifier(column.name)} IS NULL")
        else:
            yield Stored(f"d_{name}", value)


def value_columns(view: ProvenView) -> Iterator[Stored]:
    """Yield the columns of stored measures; a number of rows where no other column can be summed."""
    stored = [column for measure in view.measures if not is_live(measure) for column in columns_of(measure)]
    if not any(column.merge == "sum" for column in stored):
        yield Stored(ROW_COUNT, "count(*)", "sum")
    yield from stored


def condition(measure: ProvenMeasure, rows: str) -> str:
    """Return the FILTER clause of a measure's aggregate over rows of the row view, empty if it counts all."""
    return f" FILTER (WHERE {rows}.{identifier(measure.where)})" if measure.where else ""


def argument_type(view: ProvenView, measure: ProvenMeasure) -> str:
    """Return the type of a measure's argument, without its modifier; ``numeric`` if it has none."""
    types = (column.type.partition("(")[0] for column in view.columns if column.name == measure.argument)
    return next(types, "numeric")


def is_live(measure: ProvenMeasure) -> bool:
    """Return whether a measure is computed from base rows when it is asked for, and never stored."""
    return measure.live or measure.verb == "percentile"


def distinct_measures(view: ProvenView) -> list[ProvenMeasure]:
    """Return the measures that have a hidden view."""
    return [measure for measure in view.measures if measure.verb == "distinct" and not is_live(measure)]


def select_rows(view: ProvenView, item: str) -> str:
    """Return the SELECT that computes the view's rows from rows ``r`` of its row view.

    :param item: of a FROM clause, with its conditions.
    """
    return _grouped(list(key_columns(view)), list(value_columns(view)), item)


def select_values(view: ProvenView, measure: ProvenMeasure, item: str) -> str:
    """Return the same of the hidden view of a distinct measure: a row for each value."""
    argument = f"r.{identifier(measure.argument or '')}"
    counted = f" AND r.{identifier(measure.where)}" if measure.where else ""
    value = next((shortened(view, it, argument) for it in view.columns if it.name == measure.argument), argument)
    key = [*key_columns(view), Stored("value", value)]
    return _grouped(key, [Stored(ROW_COUNT, "count(*)")], f"{item} AND {argument} IS NOT NULL{counted}")


def maintained(view: ProvenView, number: int) -> MaintainedView:
    """Return the maintained view that is made of a declared one."""
    columns = list(value_columns(view))
    daily = view.source.time_kind is not None
    return MaintainedView(
        view_name(view, number),
        number,
        _sources(view, number),
        tuple(column.name for column in key_columns(view)),
        tuple(column.name for column in columns if column.merge == "sum") if daily else (),
        day_column="day" if daily else None,
        extremes=tuple(column.name for column in columns if column.merge != "sum") if daily else (),
    )


def maintained_values(view: ProvenView, measure: ProvenMeasure, number: int) -> MaintainedView:
    """Return the hidden maintained view of a distinct measure."""
    daily = view.source.time_kind is not None
    return MaintainedView(
        values_name(view, measure, number),
        number,
        _sources(view, number),
        (*(column.name for column in key_columns(view)), "value"),
        (ROW_COUNT,) if daily else (),
        day_column="day" if daily else None,
    )


def _sources(view: ProvenView, number: int) -> tuple[str, ...]:
    """Return the sources of a view's rows; where users have zones, a new one changes the days of all rows."""
    zones = () if view.source.default_zone is None else (existence_source(number),)
    return (*(source.name for source in view.sources), *zones)


def columns_of(measure: ProvenMeasure) -> Iterator[Stored]:
    """Yield the stored columns of a measure."""
    only = condition(measure, "r")
    argument = f"r.{identifier(measure.argument)}" if measure.argument else "*"
    name = measure.name
    if measure.verb == "count":
        yield Stored(f"m_{name}", f"count({argument}){only}", "sum")
    elif measure.verb == "sum":
        yield Stored(f"m_{name}", f"COALESCE(sum({argument}){only}, 0)", "sum")
    elif measure.verb == "avg":
        yield Stored(f"s_{name}", f"COALESCE(sum({argument}){only}, 0)", "sum")
        yield Stored(f"c_{name}", f"count({argument}){only}", "sum")
    elif measure.verb in ("min", "max"):
        yield Stored(f"m_{name}", f"{measure.verb}({argument}){only}", measure.verb)


def _grouped(key: list[Stored], values: list[Stored], item: str) -> str:
    columns = ",\n    ".join(f"{column.expression} AS {identifier(column.name)}" for column in (*key, *values))
    groups = ", ".join(column.expression for column in key)
    return f"SELECT\n    {columns}\nFROM {item}\nGROUP BY {groups}"  # nosec B608  # names are checked
