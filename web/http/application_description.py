"""What ``/api/v1/application`` says: views, dimensions and measures with their labels and units.

Invariant: it says nothing of how an answer is computed; no name of a relation, column, function or type of the
host is in it. Dimensions and measures are in the order in which they are declared.
"""

from typing import Any

from models.user_key import UserKind
from views_sql.declaration.served import ServedApplication, ServedView


def described(application: ServedApplication | None, kind: UserKind) -> dict[str, Any]:
    """Return the description as a JSON object.

    :param application: None: the bundled application, which is not declared and has no views to describe.
    :param kind: what the application's user keys are.
    """
    views = () if application is None else application.views
    return {
        "declaration": None if application is None else application.fingerprint,
        "user": {"key": kind.name, "zone": None if application is None else application.zone},
        "views": {view.name: _view(view) for view in views},
        "regions": sorted({view.region for view in views}),
    }


def _view(view: ServedView) -> dict[str, Any]:
    return {
        "href": f"/api/v1/view/{view.name}",
        "days": view.daily,
        "zone": view.zone,
        "longest_days": view.longest_days if view.daily else None,
        "region": view.region,
        "ttl_seconds": view.ttl_seconds,
        "dimensions": {it.name: {"type": _plain(it.type), "nullable": it.nullable} for it in view.dimensions},
        "measures": {
            it.name: {
                "kind": it.verb,
                "type": _plain(it.type),
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


def _plain(sql_type: str) -> str:
    """Return what clients call a type: without length or scale, and without the schema of the host's own."""
    kind = sql_type.partition("(")[0]
    return _NAMES.get(kind, "enum" if "." in kind else kind)


_NAMES = {"smallint": "integer", "bigint": "integer", "character varying": "text"}
