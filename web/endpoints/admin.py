"""The endpoints for operators: warm, invalidate, refresh, and the state of the system.

Invariant: the caller is verified to be an admin before anything else of the request is read. Every use is logged with
the caller.
"""

import json
import math
from dataclasses import asdict
from functools import partial
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g, request

from models.errors import NotFound
from models.logs import logger
from refresher.front_cache.patterns import shape
from web.context import context
from web.endpoints.admin_bodies import InvalidateBody, RefreshBody, WarmBody
from web.endpoints.admin_documentation import (
    InvalidationAsked,
    RefreshAsked,
    Statistics,
    TaskState,
    WarmingAsked,
    documented_action,
    documented_query,
)
from web.http.json_bodies import takes_body
from web.http.parameters import Identifier, NoParameters, takes
from web.http.problems import Problem
from web.http.rate_limit import RateLimit
from web.operators.operator_connection import operator_connection
from web.operators.operator_requests import (
    QueuedTask,
    as_json,
    ask_invalidation,
    ask_refresh,
    ask_warming,
    await_watermark,
    known_views,
    read_task,
    stored_view,
)
from web.operators.operator_state import operator_state

DRAINED_SECONDS = 1.0  # How long an invalidation waits for the drain that processes it.
PREFIX = "/api/v1/admin"
OUTCOMES = {200: "answered", 202: "accepted", 403: "not_admin", 404: "not_found", 429: "rate_limited", 503: "failed"}


class TaskParameters(NoParameters):
    """The task; ``task_id`` is a part of the path."""

    task_id: Identifier


def admin_blueprint(posts_per_minute: int) -> APIBlueprint:
    """Return the endpoints for operators.

    :param posts_per_minute: how many actions one caller may ask for, in this process.
    """
    admin = APIBlueprint("admin", __name__, url_prefix=PREFIX, tag="admin")
    rate_limit = RateLimit(posts_per_minute / 60, posts_per_minute)

    @admin.before_request
    def admit() -> None:
        g.caller = context().verifier.caller(request.headers.get("Authorization"))
        g.caller.require_admin()
        if request.method == "POST":
            _limit_rate(rate_limit.take(g.caller.user_id))

    admin.after_request(_log_use)
    _add_actions(admin)
    _add_queries(admin)
    return admin


def _add_actions(admin: APIBlueprint) -> None:
    @admin.post("/cache/warm")
    @documented_action(admin, WarmingAsked)
    @takes(admin, NoParameters)
    @takes_body(admin, WarmBody, {"user_ids": [7, 12]})
    def warm(parameters: NoParameters, body: WarmBody) -> Response:
        """Put answers of these users, or of the most active ones, into the caches."""
        users = body.user_ids or ()
        with operator_connection(context().worker.engine) as connection:
            tasks = ask_warming(connection, _asked_by(), user_ids=users, most_active=body.most_active)
        queued: dict[str, Any] = {"user_ids": as_json(users)} if users else {"most_active": body.most_active}
        return _accepted({"queued": queued, "tasks": [_task(it) for it in tasks]}, tasks=[it.task_id for it in tasks])

    @admin.post("/cache/invalidate")
    @documented_action(admin, InvalidationAsked)
    @takes(admin, NoParameters)
    @takes_body(admin, InvalidateBody, {"pattern": "dashboard:*"})
    def invalidate(parameters: NoParameters, body: InvalidateBody) -> Response:
        """Drop answers from the cache of every worker, on every machine."""
        worker, pattern = context().worker, body.as_pattern()
        if body.region is not None and body.region not in worker.regions:
            raise NotFound(f"There is no such region; there are {', '.join(sorted(worker.regions))}.")
        connecting = partial(operator_connection, worker.engine)
        with connecting() as connection:
            invalidation_id = ask_invalidation(connection, pattern, _asked_by())
        watermark = await_watermark(connecting, invalidation_id, DRAINED_SECONDS)
        answer = {"invalidation_id": invalidation_id, "pattern": pattern, "watermark": watermark}
        return _accepted(answer, invalidation=invalidation_id, pattern=shape(pattern))

    @admin.post("/refresh")
    @documented_action(admin, RefreshAsked)
    @takes(admin, NoParameters)
    @takes_body(admin, RefreshBody, {"view": "sales_daily"})
    def refresh(parameters: NoParameters, body: RefreshBody) -> Response:
        """Refresh all tiers of a view now; reads are exact without it."""
        with operator_connection(context().worker.engine) as connection:
            if (view := stored_view(connection, body.view)) is None:
                raise NotFound(f"There is no such view; there are {', '.join(known_views(connection))}.")
            task = ask_refresh(connection, view, _asked_by())
        return _accepted(_task(task) | {"view": view}, task=task.task_id, view=view)


def _add_queries(admin: APIBlueprint) -> None:
    @admin.get("/tasks/<task_id>")
    @documented_query(admin, TaskState)
    @takes(admin, TaskParameters)
    def task(parameters: TaskParameters, **_path: str) -> Response:
        """The state of a refresh or a warming."""
        with operator_connection(context().worker.engine) as connection:
            found = read_task(connection, parameters.task_id)
        if found is None:
            raise NotFound("There is no such task; ended ones are kept for seven days.")
        return _answer(asdict(found))

    @admin.get("/stats")
    @documented_query(admin, Statistics)
    @takes(admin, NoParameters)
    def stats(parameters: NoParameters) -> Response:
        """Workers, caches, views, refreshes, leader, invalidations, tasks and the warm plan."""
        with operator_connection(context().worker.engine) as connection:
            return _answer(asdict(operator_state(connection)))


def _asked_by() -> str:
    return str(g.caller.user_id)


def _limit_rate(wait_seconds: float) -> None:
    if wait_seconds:
        seconds = math.ceil(wait_seconds)
        detail = f"Too many requests of this admin; there is room again in {seconds} s."
        raise Problem(429, "too-many-requests", detail, headers={"Retry-After": str(seconds)})


def _task(task: QueuedTask) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "already_waiting": not task.is_new,
        "task": f"{PREFIX}/tasks/{task.task_id}",
    }


def _accepted(body: dict[str, Any], **facts: Any) -> Response:
    """Return the response 202; ``facts`` are logged with the use of the endpoint."""
    g.admin_facts = facts
    return _answer(body, status=202)


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    response = Response(json.dumps(body, allow_nan=False), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _log_use(response: Response) -> Response:
    if (caller := g.get("caller")) is not None:
        logger().info(
            "admin_action",
            action=(request.endpoint or "").rpartition(".")[2],
            asked_by=str(caller.user_id),
            request_id=g.request_id,
            outcome=OUTCOMES.get(response.status_code, "refused" if response.status_code < 500 else "failed"),
            **g.get("admin_facts", {}),
        )
    return response
