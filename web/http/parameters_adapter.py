"""Connects the models of parameters and bodies to apiflask, which documents them, while Frontview parses the request.

apiflask's own adapter silently drops repeated parameters and does not distinguish path and query.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIBlueprint
from apiflask.schema_adapters import registry
from apiflask.schema_adapters.pydantic import PydanticAdapter
from flask import Request

from web.http.json_bodies import Body, parse_body
from web.http.parameters import NoParameters, parse_parameters


class ParametersAdapter(PydanticAdapter):
    """apiflask's adapter, except that models of :class:`NoParameters` and :class:`Body` are parsed by Frontview."""

    def validate_input(self, request: Request, location: str, **kwargs: Any) -> Any:
        """Return the parsed parameters, or the parsed body, of ``request``.

        :raises Problem: 422, with every fault; 415, the body is not JSON.
        """
        if issubclass(self.model_class, Body):
            return parse_body(self.model_class, request)
        if not issubclass(self.model_class, NoParameters):
            return super().validate_input(request, location, **kwargs)
        query_string = request.query_string.decode("latin-1")
        return parse_parameters(self.model_class, query_string, request.view_args or {})


registry.register("pydantic", ParametersAdapter)


View = TypeVar("View", bound=Callable[..., Any])


def takes(blueprint: APIBlueprint, model: type[NoParameters]) -> Callable[[View], View]:
    """Return a decorator that passes the request's path and query to a view as ``parameters``."""
    return blueprint.input(model, location="query", arg_name="parameters")


def takes_body(blueprint: APIBlueprint, model: type[Body], example: dict[str, Any]) -> Callable[[View], View]:
    """Return a decorator that passes the request's JSON to a view as ``body``."""
    return blueprint.input(model, location="json", arg_name="body", example=example)
