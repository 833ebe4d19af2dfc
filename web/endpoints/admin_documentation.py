"""The documentation of the admin endpoints: the shapes of their answers, and the responses that they may give."""

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIBlueprint
from pydantic import BaseModel, Field, RootModel

from web.http.openapi import BEARER, CHALLENGE, DEFECT, REQUEST_ID, RETRY_AFTER, UNAVAILABLE, Responses, problem
from web.http.user_keys import JsonUser
from web.operators.operator_requests import OperatorTask
from web.operators.operator_state import OperatorState

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])

_FAULT = {"in": "body", "field": "user_id", "detail": "expected a user id, as a number"}
_ALLOW = {"Allow": {"description": "What is supported.", "schema": {"type": "string"}, "example": "POST"}}
_ANSWERS: Responses = {
    401: problem("No token, or one that does not verify.", 401, "invalid-token", headers=CHALLENGE),
    403: problem("A token without the scope admin.", 403, "not-admin", headers=CHALLENGE),
    404: problem("No such view, region or task.", 404, "not-found"),
    405: problem("Another method.", 405, headers=_ALLOW),
    422: problem("The request is ill-formed.", 422, "invalid-parameters", errors=[_FAULT]),
    500: DEFECT,
    503: UNAVAILABLE,
}
_ACTION_ANSWERS: Responses = _ANSWERS | {
    202: {"headers": REQUEST_ID},
    413: problem("A body of more than 64 KiB.", 413),
    415: problem("A body that is not declared as JSON.", 415, "not-json"),
    429: problem("Too many requests of this caller.", 429, "too-many-requests", headers=RETRY_AFTER),
}


class _Documented(RootModel[T]):
    """Describes the dataclass that an endpoint answers with."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the schema of the dataclass, under the name of this class, in place of a reference to it."""
        schema: dict[str, Any] = handler.resolve_ref_schema(handler(core_schema))
        return schema | {"title": cls.__name__}


class TaskState(_Documented[OperatorTask]):
    """A task, and how it ended."""


class Statistics(_Documented[OperatorState]):
    """The system as a whole; the same as `frontview stats --json`."""


class TaskAsked(BaseModel):
    """A task that the leader will do."""

    task_id: int
    already_waiting: bool = Field(description="The same was asked for before and has not begun; this is that task.")
    task: str = Field(description="The address that reports its outcome.")


class RefreshAsked(TaskAsked):
    """A refresh that the leader will do."""

    view: str


class Queued(BaseModel):
    """The users whose answers will be warmed."""

    user_ids: list[JsonUser] | None = None
    most_active: int | None = None


class WarmingAsked(BaseModel):
    """Warming that the leader will plan; many users make several tasks."""

    queued: Queued
    tasks: list[TaskAsked]


class InvalidationAsked(BaseModel):
    """An invalidation that the next drain passes to every cache."""

    invalidation_id: int
    pattern: str
    watermark: str | None = Field(
        description="The one from which it holds: an answer with this watermark or a later one was computed after it. "
        "Null: no drain has processed it within a second; the next one will."
    )


def documented_action(blueprint: APIBlueprint, answer: type[BaseModel]) -> Callable[[View], View]:
    """Return a decorator that documents an endpoint which asks for an action."""

    def decorate(view: View) -> View:
        described = blueprint.output(answer, status_code=202, description="It will be done.")(view)
        return blueprint.doc(security=BEARER, responses=_ACTION_ANSWERS)(described)

    return decorate


def documented_query(blueprint: APIBlueprint, answer: type[BaseModel]) -> Callable[[View], View]:
    """Return a decorator that documents an endpoint which reports the current state."""

    def decorate(view: View) -> View:
        described = blueprint.output(answer, description="How it is now.")(view)
        return blueprint.doc(security=BEARER, responses=_ANSWERS | {200: {"headers": REQUEST_ID}})(described)

    return decorate
