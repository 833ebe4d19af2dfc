"""JSON schemas of the values in answers, by what PostgreSQL calls their types.

Invariant: a schema admits every value that the type can have as JSON: a number that is none there, such as NaN, is a
string.
"""

from collections.abc import Mapping
from typing import Any

from views_sql.declaration.served import ServedColumn, ServedDimension, ServedMeasure
from web.http.filter_values import filter_kind

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
DATE: Schema = {"type": "string", "format": "date"}
NUMBER = ["number", "string", "null"]
_INTEGERS = ("smallint", "integer", "bigint")
_KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_INTEGERS, ("integer",)),
    **dict.fromkeys(("numeric", "real", "double precision"), ("number", "string")),
    "boolean": ("boolean",),
    **dict.fromkeys(("text", "character varying", "character", "uuid", "date", "time", "timestamp"), ("string",)),
    **dict.fromkeys(("interval", "bytea", "inet", "cidr"), ("string",)),
}


def exactly(properties: Mapping[str, Any]) -> Schema:
    """Return the schema of an object that has all of these members and no other."""
    return some_of(properties) | {"required": list(properties)}


def some_of(properties: Mapping[str, Any]) -> Schema:
    """Return the schema of an object that has no other members than these."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def array(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def of_dimension(dimension: ServedDimension) -> Schema:
    """Return the schema of a dimension's value in an answer: a decimal is a number there."""
    schema = filter_kind(dimension.type).schema
    kind = "number" if "pattern" in schema and schema["pattern"].startswith("^(-?") else schema["type"]
    return {"type": [kind, "null"] if dimension.nullable else kind}


def of_measure(measure: ServedMeasure) -> Schema:
    """Return the schema of a measure's value."""
    described = {} if measure.label is None else {"description": measure.label}
    if measure.verb in ("count", "distinct"):
        return described | {"type": "integer"}
    if measure.verb in ("sum", "avg", "metric") or measure.type.partition("(")[0] in (*_INTEGERS, "numeric"):
        return described | {"type": NUMBER}
    return described | {"type": ["string", "number", "boolean", "null"]}


def of_measures(measures: tuple[ServedMeasure, ...]) -> dict[str, Schema]:
    """Return the schemas of measures by name."""
    return {it.name: of_measure(it) for it in measures}


def of_column(column: ServedColumn) -> Schema:
    """Return the schema of a column of a row; of a type that only the host knows, or JSON, any value."""
    if column.type.endswith("[]"):
        return {"type": ["array", "null"] if column.nullable else "array"}
    kinds = _KINDS.get(column.type.partition("(")[0].partition(" with")[0])
    return {} if kinds is None else {"type": [*kinds, "null"] if column.nullable else list(kinds)}
