"""The shape of every answer of the admin endpoints; for the documentation only."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from models.user_key import UserKey


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


class TaskState(BaseModel):
    """A task, and how it ended."""

    task_id: int
    kind: Literal["refresh", "warm"]
    argument: dict[str, Any]
    asked_by: str
    state: Literal["waiting", "running", "ended"]
    asked_at: str
    started_at: str | None
    ended_at: str | None
    outcome: str | None = Field(description="In words; null: it has not ended.")
