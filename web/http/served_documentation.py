"""The part of the OpenAPI document that is made of what an installed declaration serves.

Invariant: it names exactly the parameters that requests may have, since it is made of the same values that parse them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from views_sql.declaration.served import LONGEST_USER_NAME, ServedApplication, ServedView
from web.http.data_schemas import DATE, NUMBER, TEXT, Schema, array, of_dimension, of_measure, some_of
from web.http.openapi import (
    BEARER,
    READ_RESPONSES,
    REQUEST_HEADERS,
    header_parameters,
)
from web.http.panel_documentation import data_of_dashboard, data_of_list
from web.http.panel_parameters import parameters_of_dashboard, parameters_of_list
from web.http.question_parameters import QuestionParameter
from web.http.user_keys import describe_user_keys, user_kind
from web.http.view_parameters import GRANULARITIES, parameters_of

_INSTANT = {"type": "string", "format": "date-time"}
_SECURITY: list[dict[str, list[str]]] = [{BEARER: []}]
_META = {
    "type": "object",
    "description": "Where the data came from, and how old it is.",
    "properties": {
        "source": {"enum": ["cache", "materialized_view", "database"]},
        "calculated_at": _INSTANT,
        "expires_at": _INSTANT,
        "age_seconds": {"type": "number", "minimum": 0},
        "patched_days": {"type": "integer", "minimum": 0},
        "watermark": TEXT,
        "parameters": {"type": "object", "description": "As they were resolved."},
        "user": {
            "type": "object",
            "required": ["id", "name", "zone", "today"],
            "properties": {
                "id": {"type": ["integer", "string"]},
                "name": {
                    "type": ["string", "null"],
                    "maxLength": LONGEST_USER_NAME,
                    "description": "As [user].name says; null where none is declared, or the user has none.",
                },
                "zone": TEXT | {"description": "Whose days are counted."},
                "today": DATE | {"description": "The day in that zone when the answer was computed."},
            },
        },
        "live": {"type": "array", "items": TEXT, "description": "Measures computed from base rows."},
        "stale": {"const": True, "description": "Past its trust; only where the request or a setting allows it."},
    },
}
_META["required"] = [name for name in _META["properties"] if name != "stale"]


_REFERENCE = {"$ref": "#/components/schemas/ReadMeta"}


def with_served(document: dict[str, Any], application: ServedApplication) -> dict[str, Any]:
    """Return the document of an application: the endpoints of every one, and those of what it serves."""
    served = {path: {"get": operation} for path, operation in _operations(application)}
    describe_user_keys(served, user_kind())
    paths = document["paths"] | served
    schemas = document["components"]["schemas"] | {"ReadMeta": _META}
    return document | {"paths": paths, "components": document["components"] | {"schemas": schemas}}


def _operations(application: ServedApplication) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the operation of each read."""
    for dashboard in application.dashboards:
        parameters, data = parameters_of_dashboard(dashboard), data_of_dashboard(dashboard)
        yield _operation("dashboard", dashboard.name, dashboard.label, parameters.values(), data)
    for rows in application.lists:
        yield _operation("list", rows.name, rows.label, parameters_of_list(rows).values(), data_of_list(rows))
    for view in application.views:
        yield _operation("view", view.name, None, parameters_of(view).values(), _data(view))


def _operation(
    kind: str, name: str, label: str | None, parameters: Iterable[QuestionParameter], data: Schema
) -> tuple[str, dict[str, Any]]:
    responses = _by_status(READ_RESPONSES)
    answer = {"type": "object", "required": ["data", "meta"], "properties": {"data": data, "meta": _REFERENCE}}
    content = {"application/json": {"schema": answer}}
    responses["200"] = responses["200"] | {"description": "The data, and how it came to be.", "content": content}
    return f"/api/v1/{kind}/{name}", {
        "operationId": f"{kind}_{name}",
        "tags": [f"{kind}s"],
        "summary": f"One user's {label or name}",
        "security": _SECURITY,
        "parameters": [*map(_parameter, parameters), *header_parameters(REQUEST_HEADERS)],
        "responses": responses,
    }


def _by_status(responses: dict[int | str, Any]) -> dict[str, Any]:
    return {str(status): response for status, response in responses.items()}


def _parameter(parameter: QuestionParameter) -> dict[str, Any]:
    described = {"name": parameter.name, "in": "query", "required": False, "description": parameter.description}
    if parameter.form == "one":
        return described | {"schema": dict(parameter.schema)}
    repeated = parameter.form == "repeated"
    several = {"type": "array", "items": parameter.schema, "minItems": 1} | ({} if repeated else {"uniqueItems": True})
    return described | {"schema": several, "style": "form", "explode": repeated}


def _data(view: ServedView) -> Schema:
    measures = {it.name: of_measure(it) for it in view.measures if not it.hidden}
    compared = {"previous": some_of(measures), "change": some_of({name: {"type": NUMBER} for name in measures})}
    shown = measures | (compared if view.daily else {})
    groups = {it.name: of_dimension(it) for it in view.dimensions}
    period = {"period": DATE} if view.daily else {}
    rows = array(some_of(period | groups | {"other": {"const": True}} | shown))
    head = {"from": DATE, "to": DATE, "granularity": {"enum": list(GRANULARITIES)}} if view.daily else {}
    members = head | {"rows": rows, "totals": some_of(shown), "truncated": {"type": "boolean"}}
    return some_of(members) | {"required": list(members)}
