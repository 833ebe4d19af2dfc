"""The part of the OpenAPI document that is made of what an installed declaration serves.

Invariant: it names exactly the parameters that :mod:`web.http.view_parameters` accepts, since it is made of the same
values.
"""

from typing import Any

from views_sql.declaration.served import LONGEST_USER_NAME, ServedApplication, ServedMeasure, ServedView
from web.http.filter_values import filter_kind
from web.http.openapi import (
    BEARER,
    READ_RESPONSES,
    REQUEST_HEADERS,
    TOKEN_RESPONSES,
    header_parameters,
)
from web.http.user_keys import describe_user_keys, user_kind
from web.http.view_parameters import GRANULARITIES, ViewParameter, parameters_of

_TEXT = {"type": "string"}
_DATE = {"type": "string", "format": "date"}
_TIME = {"type": "string", "format": "date-time"}
_NUMBERS = ("smallint", "integer", "bigint")
_SECURITY: list[dict[str, list[str]]] = [{BEARER: []}]
_META = {
    "type": "object",
    "description": "Where the data came from, and how old it is.",
    "properties": {
        "source": {"enum": ["cache", "materialized_view", "database"]},
        "calculated_at": _TIME,
        "expires_at": _TIME,
        "age_seconds": {"type": "number", "minimum": 0},
        "patched_days": {"type": "integer", "minimum": 0},
        "watermark": _TEXT,
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
                "zone": _TEXT | {"description": "Whose days are counted."},
                "today": _DATE | {"description": "The day in that zone when the answer was computed."},
            },
        },
        "live": {"type": "array", "items": _TEXT, "description": "Measures computed from base rows."},
        "stale": {"const": True, "description": "Past its trust; only where the request or a setting allows it."},
    },
}
_META["required"] = [name for name in _META["properties"] if name != "stale"]


def with_views(document: dict[str, Any], application: ServedApplication, replaced: set[str]) -> dict[str, Any]:
    """Return the document of an application that serves declared views.

    :param replaced: paths that are not served beside them.
    """
    paths = {path: item for path, item in document["paths"].items() if path not in replaced}
    for path, security in (("/openapi.json", _SECURITY), ("/docs", [{}, *_SECURITY])):  # The page can sign in.
        get = paths[path]["get"]
        responses = get["responses"] | _by_status(TOKEN_RESPONSES)
        paths[path] = {"get": get | {"security": security, "responses": responses}}
    views = {f"/api/v1/view/{view.name}": {"get": _operation(view)} for view in application.views}
    describe_user_keys(views, user_kind())
    paths |= views
    schemas = document["components"]["schemas"] | {"ViewMeta": _META}
    return document | {"paths": paths, "components": document["components"] | {"schemas": schemas}}


def _operation(view: ServedView) -> dict[str, Any]:
    responses = _by_status(READ_RESPONSES)
    answer = {"type": "object", "required": ["data", "meta"], "properties": {"data": _data(view), "meta": _REFERENCE}}
    content = {"application/json": {"schema": answer}}
    responses["200"] = responses["200"] | {"description": "The data, and how it came to be.", "content": content}
    return {
        "operationId": f"view_{view.name}",
        "tags": ["views"],
        "summary": f"One user's {view.name}",
        "security": _SECURITY,
        "parameters": [
            *map(_parameter, parameters_of(view).values()),
            *header_parameters(REQUEST_HEADERS),
        ],
        "responses": responses,
    }


_REFERENCE = {"$ref": "#/components/schemas/ViewMeta"}


def _by_status(responses: dict[int | str, Any]) -> dict[str, Any]:
    return {str(status): response for status, response in responses.items()}


def _parameter(parameter: ViewParameter) -> dict[str, Any]:
    described = {"name": parameter.name, "in": "query", "required": False, "description": parameter.description}
    if parameter.form == "one":
        return described | {"schema": dict(parameter.schema)}
    several = {"type": "array", "items": parameter.schema, "minItems": 1, "uniqueItems": True}
    return described | {"schema": several, "style": "form", "explode": parameter.form == "repeated"}


def _data(view: ServedView) -> dict[str, Any]:
    measures = {it.name: _figure(it) for it in view.measures if not it.hidden}
    compared = {"previous": _object(measures), "change": _object({name: {"type": _NUMBER} for name in measures})}
    shown = measures | (compared if view.daily else {})
    groups = {it.name: _nullable(filter_kind(it.type).schema, it.nullable) for it in view.dimensions}
    period = {"period": _DATE} if view.daily else {}
    rows = {"type": "array", "items": _object(period | groups | {"other": {"const": True}} | shown)}
    head = {"from": _DATE, "to": _DATE, "granularity": {"enum": list(GRANULARITIES)}} if view.daily else {}
    members = head | {"rows": rows, "totals": _object(shown), "truncated": {"type": "boolean"}}
    return _object(members) | {"required": list(members)}


_NUMBER = ["number", "string", "null"]  # A number that is none in JSON, such as NaN, is a string.


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _nullable(schema: dict[str, Any], nullable: bool) -> dict[str, Any]:
    """Return the schema of a dimension's value in an answer: a decimal is a number there."""
    kind = "number" if "pattern" in schema and schema["pattern"].startswith("^(-?") else schema["type"]
    return {"type": [kind, "null"] if nullable else kind}


def _figure(measure: ServedMeasure) -> dict[str, Any]:
    described = {} if measure.label is None else {"description": measure.label}
    if measure.verb in ("count", "distinct"):
        return described | {"type": "integer"}
    if measure.verb in ("sum", "avg") or measure.type.partition("(")[0] in (*_NUMBERS, "numeric"):
        return described | {"type": _NUMBER}
    return described | {"type": ["string", "number", "boolean", "null"]}
