"""What ``/api/v1/application`` says: views, dimensions and measures with their labels and units.

Invariant: it says nothing of how an answer is computed; no name of a relation, column or function is in it.
"""

from typing import Any

from views_sql.declaration.served import ServedApplication, ServedView


def described(application: ServedApplication) -> dict[str, Any]:
    """Return the description as a JSON object."""
    return {
        "declaration": application.fingerprint,
        "user": {"key": application.key_kind, "zone": application.zone},
        "views": {view.name: _view(view) for view in application.views},
        "regions": sorted({view.region for view in application.views}),
    }


def _view(view: ServedView) -> dict[str, Any]:
    return {
        "href": f"/api/v1/view/{view.name}",
        "days": view.daily,
        "zone": view.zone,
        "longest_days": view.longest_days if view.daily else None,
        "region": view.region,
        "ttl_seconds": view.ttl_seconds,
        "dimensions": {it.name: {"type": it.type, "nullable": it.nullable} for it in view.dimensions},
        "measures": {
            it.name: {
                "kind": it.verb,
                "type": it.type,
                "decimals": it.decimals,
                "unit": it.unit,
                "label": it.label,
                "better": it.better,
                "live": it.live,
            }
            for it in view.measures
            if not it.hidden
        },
    }
