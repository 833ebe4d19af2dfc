"""The DDL of the function that answers questions about a declared view, from its template.

Invariant: the function's text is static; what a request says reaches it as values of parameters and nowhere else.
"""

from views_sql.declaration.proven import ProvenApplication, ProvenView
from views_sql.generation.names import identifier, literal
from views_sql.generation.read_groups import (
    filter_of,
    filter_parameters,
    group_columns,
    key_names,
    order_of_groups,
    same_group,
    zero_groups,
)
from views_sql.generation.read_measures import (
    SIDES,
    Counted,
    counted_measures,
    members,
    merged_columns,
    sided_columns,
    sort_value,
    value_of,
)
from views_sql.generation.read_range import ReadRange, read_range
from views_sql.generation.rights import allow, close
from views_sql.generation.row_view import days_between
from views_sql.generation.stored_columns import (
    TEMPLATE_VERSION,
    distinct_measures,
    is_live,
    value_columns,
    values_name,
    view_name,
)
from views_sql.loader import fill_in, read_sql


def create_grouped_read(application: ProvenApplication, view: ProvenView, number: int) -> list[str]:
    """Return the DDL of the function that answers questions about a view; web workers may call it."""
    name = f"{view_name(view, number)}_read"
    text = fill_in(read_sql("grouped_read", TEMPLATE_VERSION), _names(application, view, number))
    return [text, close(name), *allow("frontview_web", (name,), ("EXECUTE",), as_owner=True)]


def drop_grouped_read(name: str) -> list[str]:
    """Return the DDL that drops the function of a view, and who may call it."""
    function = f"frontview.{identifier(name)}_read"
    return [
        f"DELETE FROM frontview.role_right WHERE object = {literal(function)}",  # nosec B608  # names are checked
        f"DROP FUNCTION {function}",
    ]


def _names(application: ProvenApplication, view: ProvenView, number: int) -> dict[str, str]:
    """Return what the template leaves open."""
    days, counted = read_range(application, view), counted_measures(view)
    measures = [identifier(measure.name) for measure in view.measures]
    return {
        "name": view_name(view, number),
        "dimensions": ",".join(view.dimensions),
        "measures": ",".join(measures),
        "filter_parameters": filter_parameters(view),
        "flags": _flags(view),
        "hidden_views": _hidden_views(view, number),
        "no_user": _no_user(application, number, days),
        "can_be_ordered_by": _can_be_ordered_by(view),
        "read_rows": _read_rows(view, number, days, counted),
        "merged_of_r": merged_columns(view, "r"),
        "now_of_b": sided_columns(view, "b", *SIDES[0]),
        "earlier_of_b": sided_columns(view, "b", *SIDES[1]),
        "keys_of_r": _keys(view, "r"),
        "keys_of_b": _keys(view, "b"),
        "keys_of_g": _keys(view, "g"),
        "keys_of_o": _keys(view, "o"),
        "order_of_o": order_of_groups(view),
        "sort_of_groups": _sorted(view, counted, "g", of_groups=True),
        "sort_of_rows": _sorted(view, counted, "f", of_groups=False),
        "joined_for_order": "".join(_for_order(view, it) for it in counted),
        "same_group_of_b": same_group(view, "b", "k"),
        "counted": "".join(_counted(view, it) for it in counted),
        "joined_to_shown": "".join(
            f" LEFT JOIN {it.result} ON {it.result}.place = s.place AND {it.result}.period = s.period" for it in counted
        ),
        "values_of_s": _values(view, counted),
        "group_members": ", ".join(_group_members(view)),
        "members": members(view),
    } | days.names


def _keys(view: ProvenView, rows: str) -> str:
    return "".join(f", {rows}.{key}" for key in key_names(view))


def _flags(view: ProvenView) -> str:
    """Return the variables that say what was asked for, and where a hidden view stands among the views read."""
    lines = [f"by_{name} boolean := COALESCE('{name}' = ANY (p_group_by), FALSE);" for name in view.dimensions]
    lines += [f"want_{it.name} boolean := COALESCE('{it.name}' = ANY (p_measures), TRUE);" for it in view.measures]
    lines += [f"place_{place} integer;" for place, _ in enumerate(distinct_measures(view), 1)]
    return "\n    ".join(lines)


def _hidden_views(view: ProvenView, number: int) -> str:
    return "\n    ".join(
        f"IF want_{measure.name} THEN\n        views := views || '{values_name(view, measure, number)}'::text;\n"
        f"        place_{place} := cardinality(views);\n    END IF;"
        for place, measure in enumerate(distinct_measures(view), 1)
    )


def _no_user(application: ProvenApplication, number: int, days: ReadRange) -> str:
    if application.users is None:
        return ""
    return (
        f"IF NOT EXISTS (SELECT FROM frontview.user_{number} u WHERE u.user_key = p_user) THEN\n"  # nosec B608  # a number
        f"        RETURN frontview.end_read(state, NULL, {days.names['no_answer']});\n    END IF;"
    )


def _can_be_ordered_by(view: ProvenView) -> str:
    able = [f"(sort_by = '{name}' AND by_{name})" for name in view.dimensions]
    able += [
        f"(sort_by = '{measure.name}' AND want_{measure.name})"
        for measure in view.measures
        if sort_value(view, measure, "x")
    ]
    return " OR ".join(["sort_by = 'period'", *able])


def _read_rows(view: ProvenView, number: int, days: ReadRange, counted: list[Counted]) -> str:
    """Return the common table expressions of the rows that are read, of both sides, each before a comma."""
    name, stored = view_name(view, number), [column.name for column in value_columns(view)]
    zeros = "".join(f", {it}" for it in (*zero_groups(view), *("NULL" for _ in stored)))
    none = f"SELECT 0, {days.names['period_of_start']}{zeros} FROM {days.starts} WHERE NOT grouped"  # nosec B608  # names are checked
    parts = [("read_row", [*_merged(view, days, name, "1", stored, "TRUE"), none])]
    hidden = distinct_measures(view)
    for place, it in enumerate(counted, 1):
        if is_live(it.measures[0]):
            parts.append((it.rows, _base_rows(view, name, days, it)))
        else:
            values = values_name(view, hidden[place - 1], number)
            parts.append((it.rows, _merged(view, days, values, f"place_{place}", list(it.columns), it.wanted)))
    both = "\n        UNION ALL "
    return "\n    ".join(f"{it} AS (\n        {both.join(sides)}\n    )," for it, sides in parts)


def _merged(view: ProvenView, days: ReadRange, name: str, place: str, columns: list[str], condition: str) -> list[str]:
    """Return the SELECT of each side from a merged read.

    :param place: of the view among those that the read began with.
    """
    listed = "".join(f", {it}" for it in (*group_columns(view, of_rows=False), *(f"v.{it}" for it in columns)))
    return [
        f"SELECT {side}, {period} AS period{listed}\n"  # nosec B608  # names are checked
        f"        FROM frontview.{name}_merged(p_user, {f'{first}, {last}, ' if first else ''}state.views[{place}]) v\n"
        f"        WHERE {condition} AND {asked}{filter_of(view, of_rows=False)}"
        for side, (asked, first, last, period) in zip(_SIDE_NAMES, days.sides, strict=False)
    ]


def _base_rows(view: ProvenView, name: str, days: ReadRange, counted: Counted) -> list[str]:
    listed = (*group_columns(view, of_rows=True), *(f"v.{identifier(it)}" for it in counted.columns))
    return [
        f"SELECT {side}, {period} AS period{''.join(f', {it}' for it in listed)} FROM frontview.{name}_row v\n"  # nosec B608  # names are checked
        f"        WHERE {counted.wanted} AND {asked} AND v.user_key = p_user"
        f"{' AND ' + days_between(view, 'v', first, last) if first else ''}{filter_of(view, of_rows=True)}"
        for side, (asked, first, last, period) in zip(_SIDE_NAMES, days.sides, strict=False)
    ]


_SIDE_NAMES = ("0 AS side", "1")


def _for_order(view: ProvenView, counted: Counted) -> str:
    """Return the join that gives each group the values of counted measures, if the answer is ordered by one."""
    keys = ", ".join(f"c.{key}" for key in key_names(view))
    grouped = f" GROUP BY {keys}" if keys else ""
    listed = f"{keys}, " if keys else ""
    return (
        f" LEFT JOIN (SELECT {listed}{counted.aggregates(SIDES[:1])[2:]} FROM {counted.rows} c"  # nosec B608  # names are checked
        f" WHERE {counted.ordered_by}{grouped}) {counted.result} ON {same_group(view, 'g', counted.result)}"
    )


def _counted(view: ProvenView, counted: Counted) -> str:
    columns = "".join(f", r.{column}" for column in counted.columns)
    return (
        f", {counted.result} AS MATERIALIZED (\n"  # nosec B608  # names are checked
        "        SELECT COALESCE(c.place, 0) AS place, COALESCE(c.period, '-infinity') AS period"
        f"{counted.aggregates()}\n"
        f"        FROM (\n            SELECT LEAST(k.place, p_limit + 1) AS place, r.period, r.side{columns}\n"
        f"            FROM {counted.rows} r JOIN ranked k ON {same_group(view, 'r', 'k')}\n        ) c\n"
        "        GROUP BY GROUPING SETS ((c.place, c.period), ())\n    )"
    )


def _result_of(counted: list[Counted], name: str) -> str | None:
    """Return the result that holds a measure, None if it is merged from stored columns."""
    return next((it.result for it in counted if any(measure.name == name for measure in it.measures)), None)


def _sorted(view: ProvenView, counted: list[Counted], rows: str, *, of_groups: bool) -> str:
    """Return the number by which groups, or rows of an answer that is not grouped, are ordered."""
    cases = []
    for measure in view.measures:
        value = f"f.v_{measure.name}"
        if of_groups:
            value = value_of(measure, _result_of(counted, measure.name) or rows)
        if number := sort_value(view, measure, value):
            cases.append(f"WHEN '{measure.name}' THEN {number}")
    return f"CASE sort_by {' '.join(cases)} END" if cases else "NULL::numeric"


def _values(view: ProvenView, counted: list[Counted]) -> str:
    """Return what the answer shows of each measure, of both sides, each after a comma."""
    values = []
    for measure in view.measures:
        rows = _result_of(counted, measure.name) or "s"
        values += [
            f"{value_of(measure, rows)} AS v_{measure.name}",
            f"{value_of(measure, rows, 'e_')} AS e_{measure.name}",
        ]
    return "".join(f", {value}" for value in values)


def _group_members(view: ProvenView) -> list[str]:
    listed = []
    for name, column in view.dimensions.items():
        value = f"to_json(k.d_{name})::text"
        if column.nullable:
            value = f"CASE WHEN k.n_{name} THEN 'null' ELSE {value} END"
        listed.append(f"""CASE WHEN by_{name} AND f.place <= p_limit THEN '"{name}":' || {value} END""")
    return [*listed, """CASE WHEN f.place > p_limit THEN '"other":true' END"""]
