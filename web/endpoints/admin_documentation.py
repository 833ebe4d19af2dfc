"""How the admin endpoints are documented: what they may answer."""

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIBlueprint
from pydantic import BaseModel

from web.http.openapi import BEARER, CHALLENGE, REQUEST_ID, RETRY_AFTER, UNAVAILABLE, Responses, problem

View = TypeVar("View", bound=Callable[..., Any])

_FAULT = {"in": "body", "field": "user_id", "detail": "expected a user id, as a number"}
_ALLOW = {"Allow": {"description": "What is supported.", "schema": {"type": "string"}, "example": "POST"}}
_ANSWERS: Responses = {
    401: problem("No token, or one that does not verify.", 401, "invalid-token", headers=CHALLENGE),
    403: problem("A token without the scope admin.", 403, "not-admin", headers=CHALLENGE),
    404: problem("No such view, region or task.", 404, "not-found"),
    405: problem("Another method.", 405, headers=_ALLOW),
    422: problem("The request is ill-formed.", 422, "invalid-parameters", errors=[_FAULT]),
    500: problem("A defect.", 500),
    503: UNAVAILABLE,
}
_ACTION_ANSWERS: Responses = _ANSWERS | {
    202: {"headers": REQUEST_ID},
    413: problem("A body of more than 64 KiB.", 413),
    415: problem("A body that is not declared as JSON.", 415, "not-json"),
    429: problem("Too many requests of this caller.", 429, "too-many-requests", headers=RETRY_AFTER),
}


def documented_action(blueprint: APIBlueprint, answer: type[BaseModel]) -> Callable[[View], View]:
    """Return a decorator that documents a view as asking for something to be done."""

    def decorate(view: View) -> View:
        described = blueprint.output(answer, status_code=202, description="It will be done.")(view)
        return blueprint.doc(security=BEARER, responses=_ACTION_ANSWERS)(described)

    return decorate


def documented_look(blueprint: APIBlueprint, answer: type[BaseModel]) -> Callable[[View], View]:
    """Return a decorator that documents a view as telling how things are."""

    def decorate(view: View) -> View:
        described = blueprint.output(answer, description="How it is now.")(view)
        return blueprint.doc(security=BEARER, responses=_ANSWERS | {200: {"headers": REQUEST_ID}})(described)

    return decorate
