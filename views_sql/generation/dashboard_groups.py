"""The groups of a dashboard's panel: ranked, with their labels and, of each day, a value.

Invariant: a group is there if a row of any source is in it, or if the label's table has it and all of these are shown;
only groups that are shown have labels looked up and days joined.
"""

from views_sql.declaration.proven import ProvenApplication, ProvenLabel, ProvenPanel, RowColumn
from views_sql.generation.dashboard_rows import Source
from views_sql.generation.dashboard_values import Values
from views_sql.generation.names import identifier
from views_sql.generation.read_groups import passes
from views_sql.generation.read_measures import or_null
from views_sql.generation.shown_rows import Numbers, joined_label, label_members, object_of, rows_name

MOST_SPARKS = 10_000


def groups(
    application: ProvenApplication, numbers: Numbers, panel: ProvenPanel, place: int, shown: Values,
    sparks: Values | None,
) -> tuple[str, list[str]]:  # fmt: skip
    """Return the expression of a groups panel's JSON, and the common table expressions that it needs.

    :param sparks: the value of each day.
    """
    labels = {it.dimension: it for it in application.labels if it.dimension in panel.by}
    name, by = f"panel_{place}", _columns(panel, shown)
    parts = [_results(f"{name}_{it.alias}", it, by, "") for it in shown.sources]
    parts.append(_ranked(name, place, panel, shown, _spine(name, panel, shown, by, labels, numbers)))
    members = [member for it in by.items() for member in _group_members(*it, labels)] + shown.members()
    joined = "".join(_joined(it, numbers, by[it.dimension]) for it in labels.values())
    if sparks is not None:
        parts += [_results(f"{name}_{it.alias}", it, by, "day") for it in sparks.sources]
        parts.append(_sparks(name, sparks, by))
        members.append(("sparkline", "d.days"))
        joined += f"\n        LEFT JOIN {name}_days d ON d.place = f.place"
    text = (
        f"""(SELECT '{{"rows":[' || COALESCE(string_agg({object_of(members)}, ',' ORDER BY f.place), '') || ']}}'\n"""  # nosec B608  # names are checked
        f"        FROM {name} f{joined})"
    )
    if sparks is not None:
        cells = f"(SELECT count(*) FROM {name}) * (last_day - first_day + 1)"  # nosec B608  # names are checked
        text = f"CASE WHEN {cells} <= {MOST_SPARKS} THEN {text} END"
    return text, parts


def order_names(panel: ProvenPanel, values: Values) -> list[str]:
    """Return the names by which the groups may be ordered."""
    return [*panel.by, *values.sort_values()]


def own_order(panel: ProvenPanel) -> str:
    """Return the order of the groups where a request names none."""
    return panel.order or f"-{panel.measures[0].name}"


def order_variables(panel: ProvenPanel, place: int, names: list[str]) -> list[str]:
    """Return the variables of the order of a panel's groups: a request's, if the panel has what it names."""
    listed = ", ".join(f"'{identifier(it)}'" for it in names)
    own = own_order(panel)
    assert own.removeprefix("-") in names or not names  # noqa: S101  proven
    return [
        f"order_{place} text := CASE WHEN ltrim(p_order, '-') IN ({listed}) THEN p_order ELSE '{own}' END;",
        f"sort_{place} text := ltrim(order_{place}, '-');",
        f"sign_{place} integer := CASE WHEN order_{place} LIKE '-%' THEN -1 ELSE 1 END;",
    ]


def _columns(panel: ProvenPanel, shown: Values) -> dict[str, RowColumn]:
    """Return the dimensions, each nullable if it is in some view."""
    views = [it.view for it in shown.sources]
    return {
        name: RowColumn(name, views[0].dimensions[name].type, any(it.dimensions[name].nullable for it in views))
        for name in panel.by
    }


def _keys(by: dict[str, RowColumn], rows: str) -> list[str]:
    return [f"{rows}.{key}" for name, it in by.items() for key in _key_names(name, it)]


def _key_names(name: str, column: RowColumn) -> tuple[str, ...]:
    return (f"d_{name}", f"n_{name}") if column.nullable else (f"d_{name}",)


def _same(by: dict[str, RowColumn], one: str, other: str) -> str:
    return " AND ".join(f"{a} = {b}" for a, b in zip(_keys(by, one), _keys(by, other), strict=True))


def _results(name: str, source: Source, by: dict[str, RowColumn], day: str) -> str:
    """Return the common table expression of a source's results of each group, or of each group and day."""
    keys = ", ".join([*_keys(by, "c"), *(["c.day"] if day else [])])
    days = "" if source.view.source.time_kind is None else " WHERE c.day >= first_day AND c.day <= last_day"
    selected = ", ".join(filter(None, [keys, source.aggregates()]))
    return f"{name} AS (\n    SELECT {selected}\n    FROM {source.rows} c{days} GROUP BY {keys}\n)"  # nosec B608  # names are checked


def _spine(
    name: str, panel: ProvenPanel, shown: Values, by: dict[str, RowColumn], labels: dict[str, ProvenLabel],
    numbers: Numbers,
) -> str:  # fmt: skip
    """Return the FROM clause of all groups ``k`` with their results."""
    first, *others = shown.sources
    found = [f"SELECT {', '.join(_keys(by, 'c'))} FROM {name}_{it.alias} c" for it in shown.sources]  # nosec B608  # names are checked
    label = labels.get(panel.by[0])
    if len(panel.by) == 1 and label is not None and label.all:
        found.append(_every_label(panel, label, by, numbers))
    if len(found) == 1:
        return f"{name}_{first.alias} {first.alias} CROSS JOIN LATERAL (SELECT {', '.join(_keys(by, first.alias))}) k"  # nosec B608  # names are checked
    joined = "".join(
        f"\n            LEFT JOIN {name}_{it.alias} {it.alias} ON {_same(by, it.alias, 'k')}" for it in (first, *others)
    )
    return f"({' UNION '.join(found)}) k{joined}"


def _every_label(panel: ProvenPanel, label: ProvenLabel, by: dict[str, RowColumn], numbers: Numbers) -> str:
    """Return the SELECT of those of the user's values that perhaps no row has."""
    (dimension, column), = by.items()  # fmt: skip
    unknown = ", FALSE" if column.nullable else ""
    own = "TRUE" if label.source.user_column is None else "l.user_key = p_user"
    if dimension in panel.filters:
        own += f" AND {passes(dimension, column, 'l.label_key', 'FALSE')}"
    rows = rows_name(label, numbers.labels[dimension])
    return f"SELECT l.label_key{unknown} FROM frontview.{rows} l WHERE {own}"  # nosec B608  # names are checked


def _ranked(name: str, place: int, panel: ProvenPanel, shown: Values, spine: str) -> str:
    """Return the common table expression of the groups that are shown, with their places."""
    by = _columns(panel, shown)
    cases = " ".join(f"WHEN '{it}' THEN {number}" for it, number in shown.sort_values().items())
    order = [f"CASE sort_{place} {cases} END * sign_{place} NULLS LAST"] if cases else []
    for it, column in by.items():
        if column.nullable:
            order.append(f"CASE WHEN sort_{place} = '{it}' THEN f.n_{it} END")
        order.append(f"CASE WHEN order_{place} = '{it}' THEN f.d_{it} END")
        order.append(f"CASE WHEN order_{place} = '-{it}' THEN f.d_{it} END DESC")
    order += [key for it, column in by.items() for key in ([f"f.n_{it}"] if column.nullable else []) + [f"f.d_{it}"]]
    columns = ", ".join([*_keys(by, "k"), *shown.columns()])
    return (
        f"{name} AS MATERIALIZED (\n    SELECT f.*, row_number() OVER (ORDER BY {', '.join(order)}) AS place\n"  # nosec B608  # names are checked
        f"    FROM (\n        SELECT {columns}\n        FROM {spine}\n        OFFSET 0\n    ) f\n"
        f"    ORDER BY place LIMIT COALESCE(p_limit, {int(panel.limit)})\n)"
    )


def _sparks(name: str, sparks: Values, by: dict[str, RowColumn]) -> str:
    """Return the common table expression of the JSON array of each shown group's values by day."""
    (shown,) = sparks.shown
    joined = "".join(
        f"\n        LEFT JOIN {name}_{it.alias} {it.alias} ON {_same(by, it.alias, 'k')} AND {it.alias}.day = t.day"
        for it in sparks.sources
    )
    value = or_null(sparks.json(shown, f"f.v_{shown.name}"))
    return (
        f"{name}_days AS (\n    SELECT f.place, '[' || string_agg({value}, ',' ORDER BY f.day) || ']' AS days\n"  # nosec B608  # names are checked
        f"    FROM (\n        SELECT k.place, t.day, {', '.join(sparks.columns())}\n"
        f"        FROM {name} k\n"
        "        CROSS JOIN (SELECT first_day + n AS day FROM generate_series(0, last_day - first_day) n) t"
        f"{joined}\n        OFFSET 0\n    ) f\n    GROUP BY f.place\n)"
    )


def _group_members(dimension: str, column: RowColumn, labels: dict[str, ProvenLabel]) -> list[tuple[str, str]]:
    value = f"to_json(f.d_{dimension})::text"
    if column.nullable:
        value = f"CASE WHEN NOT f.n_{dimension} THEN {value} END"
    return [(dimension, value), *(label_members(labels[dimension]) if dimension in labels else [])]


def _joined(label: ProvenLabel, numbers: Numbers, column: RowColumn) -> str:
    name = label.dimension
    return joined_label(label, numbers.labels[name], f"f.d_{name}", f"NOT f.n_{name}" if column.nullable else "TRUE")
