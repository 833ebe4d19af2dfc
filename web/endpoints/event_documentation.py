"""The documentation of the stream of events: its responses and its events."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIBlueprint

from web.http.openapi import BEARER, EVENT_STREAM, READ_RESPONSES, REQUEST_ID, RETRY_AFTER, Responses, problem

View = TypeVar("View", bound=Callable[..., Any])

_ID = {
    "type": "string",
    "pattern": "^[0-9]+-[0-9]+$",
    "description": "The watermark up to which every change was reported.",
}


def _event(name: str, description: str, data: list[str], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": ["event", "data", *required],
        "properties": {"event": {"const": name}, "data": {"enum": data}, "id": _ID},
    }


REASONS = ("token-expired", "claim-changed", "longest-life", "stopping")
# OpenAPI 3.1 cannot describe the items of a stream, so the schema is that of one event, with its data as text.
_EVENT = {
    "oneOf": [
        _event(
            "state",
            "Whether changes are reported now; if not, poll.",
            ['{"cache": "trusted"}', '{"cache": "untrusted"}'],
        ),
        _event("changed", "Some of the user's data has changed.", ["{}"], ("id",)),
        _event(
            "end",
            "Why the stream ends.",
            [json.dumps({"reason": reason}) for reason in REASONS],
        ),
    ]
}
_DESCRIPTION = "Server-sent events; lines that begin with a colon only keep the connection alive."
_PLAIN: Responses = {status: READ_RESPONSES[status] for status in (401, 403, 405, 422, 429, 500)}
_RESPONSES: Responses = _PLAIN | {
    200: {
        "description": _DESCRIPTION,
        "headers": REQUEST_ID,
        "content": {EVENT_STREAM: {"schema": _EVENT, "example": {"event": "changed", "id": "3-1850", "data": "{}"}}},
    },
    503: problem("No room for another stream.", 503, "too-many-streams", headers=RETRY_AFTER),
}


def documented_stream(blueprint: APIBlueprint) -> Callable[[View], View]:
    """Return a decorator that documents a view as a stream of events."""
    return blueprint.doc(security=BEARER, responses=_RESPONSES)
