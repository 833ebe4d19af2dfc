"""The groups of a grouped read: which rows count, what group a row is in, and the order of groups.

Invariant: a dimension that is not grouped by has the same value in every row, so one GROUP BY serves every question.
"""

from collections.abc import Iterable, Mapping

from views_sql.declaration.proven import ProvenView, RowColumn
from views_sql.generation.names import identifier
from views_sql.generation.short_text import shortened
from views_sql.generation.stored_columns import zero_of

LIMIT_CHECK = """IF p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'the limit % is not between 1 and 1000', p_limit USING ERRCODE = 'FV002', COLUMN = 'limit';
    END IF;"""


def key_names(view: ProvenView) -> list[str]:
    """Return the columns that say what group a row is in."""
    return [
        key
        for name, column in view.dimensions.items()
        for key in ((f"d_{name}", f"n_{name}") if column.nullable else (f"d_{name}",))
    ]


def is_foreign(column: RowColumn) -> bool:
    """Return whether a column's type is the application's own, an enum: a web worker may not use its schema."""
    return "." in column.type


def filter_type(column: RowColumn) -> str:
    """Return the type of the parameter with the values of a dimension that count."""
    return "text []" if is_foreign(column) else f"{column.type} []"


def filter_parameters(dimensions: Mapping[str, RowColumn]) -> str:
    """Return the parameters of filters: for each dimension the values that count, and whether NULL does."""
    return "".join(
        f"f_{identifier(name)} {filter_type(column)}, fn_{name} boolean, " for name, column in dimensions.items()
    )


def filter_checks(dimensions: Mapping[str, RowColumn]) -> str:
    """Return the checks that filters of enums name labels of them; a label may be added at any time."""
    return "".join(
        f"\n    IF NOT f_{identifier(name)} <@ enum_range(NULL::{column.type})::text[] THEN\n"
        f"        RAISE EXCEPTION 'expected one of %', array_to_string(enum_range(NULL::{column.type}), ', ')\n"
        f"            USING ERRCODE = 'FV002', COLUMN = '{name}';\n    END IF;"
        for name, column in dimensions.items()
        if is_foreign(column)
    )


def filter_of(view: ProvenView, *, of_rows: bool, only: Iterable[str] | None = None) -> str:
    """Return the condition that a row ``v`` passes all filters, after AND.

    :param of_rows: ``v`` is a row of the row view, not of a tier.
    :param only: the dimensions that have a filter; None: all.
    """
    conditions = []
    for name in view.dimensions if only is None else only:
        column = view.dimensions[name]
        value = shortened(view, column, f"v.{identifier(column.name)}") if of_rows else f"v.d_{name}"
        unknown = f"v.{identifier(column.name)} IS NULL" if of_rows else f"v.n_{name}"
        conditions.append(passes(name, column, value, unknown))
    return "".join(f"\n        AND {condition}" for condition in conditions)


def passes(name: str, column: RowColumn, value: str, unknown: str) -> str:
    """Return the condition that a value of a dimension passes its filter.

    :param unknown: the condition that it is NULL.
    """
    equal = f"{value}{'::text' if is_foreign(column) else ''} = ANY (f_{name})"
    if column.nullable:
        return f"(({unfiltered(name)}) OR (NOT {unknown} AND {equal}) OR (fn_{name} AND {unknown}))"
    return f"(({unfiltered(name)}) OR {equal})"


def unfiltered(name: str) -> str:
    """Return the condition that nobody asked for values of a dimension."""
    return f"f_{identifier(name)} IS NULL AND fn_{name} IS NOT TRUE"


def group_columns(view: ProvenView, *, of_rows: bool) -> list[str]:
    """Return the columns of a row's group, of a row ``v``."""
    columns = []
    for name, column in view.dimensions.items():
        value, zero = f"v.d_{name}", zero_of(column)
        if of_rows:
            base = shortened(view, column, f"v.{identifier(column.name)}")
            value = f"COALESCE({base}, {zero})" if column.nullable else base
        known = f"by_{name}"
        if column.nullable and not of_rows:
            known += f" AND NOT v.n_{name}"  # A tier has the value that stood for NULL when it was declared.
        columns.append(f"CASE WHEN {known} THEN {value} ELSE {zero} END AS d_{name}")
        if column.nullable:
            unknown = f"v.{identifier(column.name)} IS NULL" if of_rows else f"v.n_{name}"
            columns.append(f"(by_{name} AND {unknown}) AS n_{name}")
    return columns


def zero_groups(view: ProvenView) -> list[str]:
    """Return the group of all rows, where nothing is grouped by."""
    return [
        key
        for column in view.dimensions.values()
        for key in ((zero_of(column), "FALSE") if column.nullable else (zero_of(column),))
    ]


def same_group(view: ProvenView, one: str, other: str) -> str:
    """Return the condition that two rows are in the same group."""
    return " AND ".join(f"{one}.{key} = {other}.{key}" for key in key_names(view)) or "TRUE"


def order_of_groups(view: ProvenView) -> str:
    """Return the order of groups ``o`` by the dimension that was asked for, then by all of them; NULL comes last."""
    first, then = [], []
    for name, column in view.dimensions.items():
        if column.nullable:
            first.append(f"CASE WHEN sort_by = '{name}' THEN o.n_{name} END")
            then.append(f"o.n_{name}")
        first.append(f"CASE WHEN p_order = '{name}' THEN o.d_{name} END")
        first.append(f"CASE WHEN p_order = '-{name}' THEN o.d_{name} END DESC")
        then.append(f"o.d_{name}")
    return "".join(f", {key}" for key in (*first, *then))


def group_members(view: ProvenView) -> list[str]:
    """Return the members of a JSON object with the group of a row ``f``, in place ``k``."""
    listed = []
    for name, column in view.dimensions.items():
        value = f"to_json(k.d_{name})::text"
        if column.nullable:
            value = f"CASE WHEN k.n_{name} THEN 'null' ELSE {value} END"
        listed.append(f"""CASE WHEN by_{name} AND f.place <= p_limit THEN '"{name}":' || {value} END""")
    return [*listed, """CASE WHEN f.place > p_limit THEN '"other":true' END"""]
