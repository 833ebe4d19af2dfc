"""Server-sent events: a user's clients learn that some of the user's data has changed, never what.

Invariant: the caller, and whose changes they may follow, are determined from the token before a place is taken. A place
is given back however the request ends.
"""

import re
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from apiflask import APIBlueprint
from flask import Response, g, request

from models.errors import FrontviewError
from models.user_key import UserKey
from refresher.front_cache.cache import FrontCache
from web.context import context, settle_caller
from web.endpoints.event_documentation import documented_stream
from web.endpoints.event_stream import EventStream
from web.http.openapi import EVENT_STREAM
from web.http.parameters import Parameters, takes
from web.http.problems import Problem, problem_response, unavailable
from web.process.event_hub import Subscription, TooManyStreams

if TYPE_CHECKING:
    from web.process.worker import Worker

RETRY_SECONDS = 30
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Vary": "Authorization"}
_POSITION = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})", re.ASCII)


def events_blueprint() -> APIBlueprint:
    """Return the endpoint for clients that follow changes."""
    blueprint = APIBlueprint("events", __name__, url_prefix="/api/v1", tag="dashboards")

    @blueprint.before_request
    def authenticate() -> None:
        g.claim = context().worker.serving.claim
        g.caller = settle_caller(g.claim)

    @blueprint.get("/dashboard/events")
    @documented_stream(blueprint)
    @takes(blueprint, Parameters)
    def events(parameters: Parameters) -> Response:
        """A stream of server-sent events, one for each time that something of the user's has changed."""
        user = g.caller.subject(parameters.user_id)
        if request.method == "HEAD":
            return _stream_response()
        try:
            subscription = context().worker.event_hub.subscribe(g.caller.user_id, user)
        except TooManyStreams:  # Answered here, so that repeated attempts are counted but not logged one by one.
            return problem_response(_no_place())
        with ExitStack() as undoing:
            undoing.callback(subscription.release)
            response = _stream_response(_stream(subscription))
            g.release = undoing.pop_all().close
            response.call_on_close(g.release)
            return response

    @blueprint.teardown_request
    def release(error: BaseException | None) -> None:
        if error is not None and (release := g.get("release")) is not None:  # The response was not sent.
            release()

    return blueprint


def missed_something(cache: FrontCache, user: UserKey, last_event_id: str | None) -> bool:
    """Return whether a client whose last event was ``last_event_id`` may have missed a change; None: it is new."""
    if last_event_id is None:
        return False
    match = _POSITION.fullmatch(last_event_id)
    return match is None or cache.may_have_changed(user, int(match[1]), int(match[2]))


def _still_holds(worker: "Worker", claim: str) -> bool:
    """Return whether tokens still name their user by that claim; not where nothing can be served."""
    try:
        return worker.serving.claim == claim
    except FrontviewError:
        return False


def _stream(subscription: Subscription) -> EventStream:
    parts = context()
    cache = parts.worker.cache
    return EventStream(
        subscription,
        cache.may_answer,
        expires_at=g.caller.expires_at,
        longest_seconds=parts.settings.event_stream_seconds,
        claim_holds=partial(_still_holds, parts.worker, g.claim),
        changed=missed_something(cache, subscription.user, request.headers.get("Last-Event-ID")),
    )


def _stream_response(stream: Iterable[bytes] = ()) -> Response:
    return Response(stream, headers=HEADERS, content_type=EVENT_STREAM)


def _no_place() -> Problem:
    detail = "There is no room for another stream of events; ask for the dashboards from time to time instead."
    return unavailable("too-many-streams", detail, RETRY_SECONDS)
