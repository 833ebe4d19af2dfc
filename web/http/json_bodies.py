"""Request bodies: JSON objects, as models that validate and document them.

Invariant: a member has exactly one accepted type, and no member may be null. Unknown, repeated and ill-typed members
are refused, all of them in one answer, before anything else happens.
"""

import json
from collections.abc import Callable
from typing import Any, Self, TypeVar

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.wrappers import Request

from web.http.parameters import LONGEST_NAME, View
from web.http.problems import Fault, Problem, invalid_parameters

MOST_FAULTS = 100


def _without_null(schema: dict[str, Any]) -> None:
    """Document optional members by their one type, because null is refused."""
    for member in schema["properties"].values():
        kinds = [kind for kind in member.pop("anyOf", ()) if kind != {"type": "null"}]
        if kinds:
            member.pop("default", None)
            member.update(kinds[0])


class Body(BaseModel):
    """The JSON object in the body of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra=_without_null)

    @classmethod
    def of_request(cls, request: Request) -> Self:
        """Return the body of ``request`` as :func:`parse_body` does."""
        return parse_body(cls, request)


B = TypeVar("B", bound=Body)


def parse_body(model: type[B], request: Request) -> B:
    """Return the body of ``request``, parsed.

    :raises Problem: 415, it is not JSON; 422, with every fault.
    """
    if request.mimetype != "application/json":
        raise Problem(
            415,
            "not-json",
            "The body must be JSON, with Content-Type: application/json.",
            headers={"Accept-Post": "application/json"},
        )
    members, faults = _members(request.get_data(cache=False))
    for name in [name for name, value in members.items() if value is None]:
        faults.append(_fault(name, "null is no value; leave the member out"))
        del members[name]
    try:
        parsed = model.model_validate(members)
    except ValidationError as error:
        faults += [_translated(dict(item)) for item in error.errors(include_url=False, include_input=False)]
    if faults:
        raise invalid_parameters(faults[:MOST_FAULTS])
    return parsed


def takes_body(blueprint: APIBlueprint, model: type[Body], example: dict[str, Any]) -> Callable[[View], View]:
    """Return a decorator that passes the request's JSON to a view as ``body``."""
    return blueprint.input(model, location="json", arg_name="body", example=example)


def _members(body: bytes) -> tuple[dict[str, Any], list[Fault]]:
    """Return the members of the JSON object, and a fault for each that occurs twice.

    :raises Problem: 422, the body is not a JSON object.
    """
    twice: list[str] = []
    try:
        value = json.loads(
            body.decode(), parse_constant=_refuse, parse_float=_number, object_pairs_hook=_remember_repeated(twice)
        )
    except (ValueError, RecursionError) as error:
        text = f"it is no JSON: {error}" if isinstance(error, json.JSONDecodeError) else "it is no JSON in UTF-8"
        raise invalid_parameters([_fault("body", text)]) from None
    if not isinstance(value, dict):
        raise invalid_parameters([_fault("body", "expected an object")])
    return value, [_fault(name, "given more than once") for name in twice]


def _number(text: str) -> int | float:
    """Return a number; 5.0 is the integer 5, as in JSON Schema."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _remember_repeated(twice: list[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice.extend(name for name in found if names.count(name) > 1)
        return found

    return members


def _translated(error: dict[str, Any]) -> Fault:
    """Return pydantic's error as a fault; one about the body as a whole belongs to the field ``body``."""
    name = ".".join(str(part) for part in error["loc"]) or "body"
    unknown = error["type"] == "extra_forbidden"
    return _fault(name, "unknown member" if unknown else error["msg"].removeprefix("Value error, "))


def _fault(name: str, detail: str) -> Fault:
    return {"in": "body", "field": name[:LONGEST_NAME], "detail": detail}
