"""What dashboards and lists answer, as JSON schemas: of each panel exactly the members that it has.

Invariant: each kind has the members that the generated function writes, and none of them is optional.
"""

from collections.abc import Callable

from views_sql.declaration.proven import PanelKind
from views_sql.declaration.served import ServedDashboard, ServedList, ServedPanel
from web.http.data_schemas import (
    DATE,
    NUMBER,
    Schema,
    array,
    exactly,
    of_column,
    of_dimension,
    of_measure,
    of_measures,
)


def data_of_dashboard(dashboard: ServedDashboard) -> Schema:
    """Return the schema of a dashboard's data."""
    return exactly({panel.name: _described(panel) for panel in dashboard.panels})


def data_of_list(rows: ServedList) -> Schema:
    """Return the schema of a list's data."""
    return array(exactly({it.name: of_column(it) for it in rows.columns}))


def _described(panel: ServedPanel) -> Schema:
    return ({} if panel.label is None else {"description": panel.label}) | _OF_KIND[panel.kind](panel)


def _facts(panel: ServedPanel) -> Schema:
    return exactly(_columns(panel) | of_measures(panel.measures))


def _compare(panel: ServedPanel) -> Schema:
    side = exactly({"from": DATE, "to": DATE} | of_measures(panel.measures))
    change = exactly({it.name: {"type": NUMBER} for it in panel.measures})
    return exactly({"current": side, "previous": side, "change": change})


def _periods(panel: ServedPanel) -> Schema:
    return exactly({name: exactly(of_measures(panel.measures)) for name in panel.periods})


def _series(panel: ServedPanel) -> Schema:
    measures = of_measures(panel.measures)
    totals = {"totals": exactly(measures)} if panel.totals else {}
    return exactly({"rows": array(exactly({"period": DATE} | measures))} | totals)


def _groups(panel: ServedPanel) -> Schema:
    dimensions = {it.name: of_dimension(it) for it in panel.dimensions}
    sparkline = {"sparkline": array(of_measure(panel.sparkline))} if panel.sparkline else {}
    row = exactly(dimensions | _columns(panel) | of_measures(panel.measures) | sparkline)
    return exactly({"rows": array(row)})


def _list(panel: ServedPanel) -> Schema:
    return array(exactly(_columns(panel)))


def _columns(panel: ServedPanel) -> dict[str, Schema]:
    return {it.name: of_column(it) for it in panel.columns}


_OF_KIND: dict[PanelKind, Callable[[ServedPanel], Schema]] = {
    "facts": _facts,
    "compare": _compare,
    "periods": _periods,
    "series": _series,
    "groups": _groups,
    "list": _list,
}
