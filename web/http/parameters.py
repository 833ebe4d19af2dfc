"""The parameters of endpoints that no declaration describes, as models that parse, validate and document them.

Invariant: a value has exactly one accepted spelling. Unknown, repeated and ill-formed parameters are refused, all of
them in one answer, before anything else happens.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import parse_qsl, unquote

from apiflask import APIBlueprint
from apiflask.schema_adapters import registry
from apiflask.schema_adapters.pydantic import PydanticAdapter
from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from web.http.problems import Fault, Problem, invalid_parameters
from web.http.user_keys import User

MOST_PARAMETERS = 32
LONGEST_NAME = 64

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_IDENTIFIER = re.compile(r"[1-9][0-9]{0,18}")
_LARGEST_IDENTIFIER = 2**63 - 1


def parse_date(text: str) -> date:
    """Return a day.

    :raises ValueError: ``text`` is not a real day as YYYY-MM-DD, year 0001 to 9999.
    """
    if not _DATE.fullmatch(text):
        raise ValueError("expected a date as YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such day") from None


def parse_identifier(text: str) -> int:
    """Return the id of a row.

    :raises ValueError: ``text`` is not a positive ``bigint`` without sign, space or leading zero.
    """
    if not _IDENTIFIER.fullmatch(text) or (value := int(text)) > _LARGEST_IDENTIFIER:
        raise ValueError("expected a positive whole number")
    return value


Identifier = Annotated[
    int,
    BeforeValidator(parse_identifier),
    Field(json_schema_extra={"format": "int64", "minimum": 1, "maximum": _LARGEST_IDENTIFIER}),
]


class NoParameters(BaseModel):
    """The parameters of an endpoint that has none; the base of all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of_request(cls, request: Request) -> Self:
        """Return the parameters in the path and query of ``request`` as :func:`parse_parameters` does."""
        return parse_parameters(cls, request.query_string.decode("latin-1"), request.view_args or {})


class Parameters(NoParameters):
    """The parameter of what is asked for one user, and has no others."""

    user_id: User | None = Field(None, description="Whose data; for admins only. Default: the caller.")


P = TypeVar("P", bound=NoParameters)


def parse_parameters(model: type[P], query_string: str, path: Mapping[str, str]) -> P:
    """Return the parameters in a request's path and query.

    :raises Problem: 422, with every fault.
    """
    values, faults = _read_query(query_string, path)
    try:
        parsed = model.model_validate({**values, **path})
    except ValidationError as error:
        faults += [_fault(dict(item), path) for item in error.errors(include_url=False, include_input=False)]
    if not faults and not _is_utf8(query_string):
        faults = [_query_fault("query", "expected UTF-8 in percent-encoding")]
    if faults:
        raise invalid_parameters(faults)
    return parsed


def _read_query(query_string: str, path: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """Return the query's values by name, and the faults of the query itself."""
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Problem(422, "invalid-parameters", f"More than {MOST_PARAMETERS} parameters.") from None
    values = dict(reversed(pairs))
    names = [name for name, _ in pairs]
    repeated = [name for name in values if names.count(name) > 1]
    faults = [_query_fault(name, "given more than once") for name in repeated]
    faults += [_query_fault(name, "unknown parameter") for name in values if name in path]
    return values, faults


def _is_utf8(query_string: str) -> bool:
    """Return whether each text has its own spelling: a byte that is no part of UTF-8 would be read as another's."""
    return query_string.isascii() and "\ufffd" not in unquote(query_string.upper().replace("%EF%BF%BD", ""))


def _query_fault(name: str, detail: str) -> Fault:
    return {"in": "query", "field": name[:LONGEST_NAME], "detail": detail}


def _fault(error: dict[str, Any], path: Mapping[str, str]) -> Fault:
    """Return pydantic's error as a fault."""
    name = str(error["loc"][0])
    detail = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        detail = "unknown parameter"
    return {"in": "path" if name in path else "query", "field": name[:LONGEST_NAME], "detail": detail}


class ParsingAdapter(PydanticAdapter):
    """apiflask's adapter, which documents models, except that models with ``of_request`` parse the request themselves.

    apiflask's own parsing silently drops repeated parameters and does not distinguish path and query.
    """

    def validate_input(self, request: Request, location: str, **kwargs: Any) -> Any:
        """Return the parsed parameters, or the parsed body, of ``request``.

        :raises Problem: as ``of_request`` does.
        """
        parse = getattr(self.model_class, "of_request", None)
        return super().validate_input(request, location, **kwargs) if parse is None else parse(request)


registry.register("pydantic", ParsingAdapter)

View = TypeVar("View", bound=Callable[..., Any])


def takes(blueprint: APIBlueprint, model: type[NoParameters]) -> Callable[[View], View]:
    """Return a decorator that passes the request's path and query to a view as ``parameters``."""
    return blueprint.input(model, location="query", arg_name="parameters")
