"""The answers of the admin endpoints, as the OpenAPI document describes them."""

from typing import Any, TypeVar

from pydantic import BaseModel, Field, RootModel

from models.user_key import UserKey
from web.operators.operator_requests import OperatorTask
from web.operators.operator_state import OperatorState

T = TypeVar("T")


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
    already_waiting: bool = Field(description="The same was asked before and has not begun: this is that task.")
    task: str = Field(description="Where its outcome is told.")


class RefreshAsked(TaskAsked):
    """A refresh that the leader will do."""

    view: str


class Queued(BaseModel):
    """Whose answers were queued."""

    user_ids: list[UserKey] | None = None
    most_active: int | None = None


class WarmingAsked(BaseModel):
    """Warming that the leader will plan; many users make several tasks."""

    queued: Queued
    tasks: list[TaskAsked]


class InvalidationAsked(BaseModel):
    """An invalidation that the next drain hands to every cache."""

    invalidation_id: int
    pattern: str
    watermark: str | None = Field(
        description="From which it holds: an answer with this watermark or a later one was computed after it. "
        "Null: no drain has taken it up within a second; the next one will."
    )
