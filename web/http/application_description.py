"""What ``/api/v1/application`` says: dashboards, lists and views, with everything that a page made of it alone needs.

Invariant: it says nothing of how an answer is computed; no name of a relation, column, function or type of the
host is in it. Panels, filters, dimensions, columns and measures are in the order in which they are declared.
"""

import re
from collections.abc import Iterable
from typing import Any

from models.user_key import UserKind
from views_sql.declaration.served import (
    ServedApplication,
    ServedColumn,
    ServedDashboard,
    ServedDimension,
    ServedList,
    ServedMeasure,
    ServedPanel,
    ServedView,
)
from web.http.panel_parameters import GRANULARITIES


def described(application: ServedApplication, kind: UserKind) -> dict[str, Any]:
    """Return the description as a JSON object.

    :param kind: what the application's user keys are.
    """
    views, dashboards, lists = application.views, application.dashboards, application.lists
    return {
        "declaration": application.fingerprint,
        "user": {"key": kind.name, "zone": application.zone},
        "dashboards": {it.name: _dashboard(it) for it in dashboards},
        "lists": {it.name: _list(it) for it in lists},
        "views": {it.name: _view(it) for it in views},
        "regions": sorted(
            {*(it.region for it in views), *(it.region for it in dashboards), *(it.region for it in lists)}
        ),
    }


def _dashboard(dashboard: ServedDashboard) -> dict[str, Any]:
    days = dashboard.heeds("from")
    return {
        "href": f"/api/v1/dashboard/{dashboard.name}",
        "label": dashboard.label,
        "zone": dashboard.zone,
        "longest_days": dashboard.longest_days if days else None,
        "default_days": dashboard.default_days if days else None,
        "granularities": list(GRANULARITIES) if dashboard.heeds("granularity") else [],
        "region": dashboard.region,
        "ttl_seconds": dashboard.ttl_seconds,
        "filters": _dimensions(dashboard.filters),
        "panels": {it.name: _panel(it) for it in dashboard.panels},
    }


def _panel(panel: ServedPanel) -> dict[str, Any]:
    return {
        "kind": panel.kind,
        "label": panel.label,
        "heeds": list(panel.heeds),
        "measures": _measures(panel.measures),
        "dimensions": _dimensions(panel.dimensions),
        "columns": _columns(panel.columns),
    } | _of_kind(panel)


def _of_kind(panel: ServedPanel) -> dict[str, Any]:
    """Return what only panels of one kind have."""
    if panel.kind == "compare":
        return {"with": panel.compared_with}
    if panel.kind == "periods":
        return {"periods": list(panel.periods)}
    if panel.kind == "series":
        return {"totals": panel.totals}
    if panel.kind == "list":
        return {"limit": panel.limit}
    if panel.kind == "groups":
        sparkline = None if panel.sparkline is None else _measures((panel.sparkline,))
        return {"sparkline": sparkline, "order": panel.own_order, "limit": panel.limit}
    return {}


def _list(rows: ServedList) -> dict[str, Any]:
    return {
        "href": f"/api/v1/list/{rows.name}",
        "label": rows.label,
        "zone": rows.zone,
        "limit": rows.limit,
        "region": rows.region,
        "ttl_seconds": rows.ttl_seconds,
        "filters": _dimensions(rows.filters),
        "columns": _columns(rows.columns),
    }


def _view(view: ServedView) -> dict[str, Any]:
    return {
        "href": f"/api/v1/view/{view.name}",
        "days": view.daily,
        "zone": view.zone,
        "longest_days": view.longest_days if view.daily else None,
        "region": view.region,
        "ttl_seconds": view.ttl_seconds,
        "dimensions": _dimensions(view.dimensions),
        "measures": _measures(it for it in view.measures if not it.hidden),
    }


def _dimensions(dimensions: Iterable[ServedDimension]) -> dict[str, Any]:
    return {it.name: {"type": _plain(it.type), "nullable": it.nullable} for it in dimensions}


def _columns(columns: Iterable[ServedColumn]) -> dict[str, Any]:
    return {it.name: {"type": _plain(it.type, foreign="other"), "nullable": it.nullable} for it in columns}


def _measures(measures: Iterable[ServedMeasure]) -> dict[str, Any]:
    return {
        it.name: {
            "kind": it.verb,
            "type": _plain(it.type),
            "decimals": it.decimals,
            "unit": it.unit,
            "label": it.label,
            "better": it.better,
            "live": it.live,
        }
        for it in measures
    }


def _plain(sql_type: str, foreign: str = "enum") -> str:
    """Return what clients call a type: without length or scale, and without the schema of the host's own.

    :param foreign: what the host's own types are called; only an enum may be a dimension.
    """
    if sql_type.endswith("[]"):
        return "list"
    kind = _MODIFIER.sub("", sql_type)
    return _NAMES.get(kind, foreign if "." in kind else kind)


_MODIFIER = re.compile(r"\([0-9,]+\)")
_NAMES = {
    "smallint": "integer",
    "bigint": "integer",
    "character varying": "text",
    "character": "text",
    "real": "numeric",
    "double precision": "numeric",
}
