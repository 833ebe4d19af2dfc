"""How an endpoint answers a read: the caller, the read path, the response, and what the front layer may remember."""

from collections.abc import Mapping
from typing import Any

from flask import Response, g, request

from models.user_key import UserKey
from web.context import ANSWERED, Answered, context, settle_caller
from web.http.answers import read_policy, read_response
from web.request_hooks import elapsed_ms, rule_of_request


def authenticate() -> None:
    """Verify the caller before any other part of the request is read."""
    g.caller = settle_caller()


def answer_read(dashboard: str, user_id: UserKey | None, arguments: Mapping[str, Any]) -> Response:
    """Return the response to a read of ``dashboard`` by the current caller.

    :param user_id: whose data; None: the caller's.
    """
    whose = g.caller.subject(user_id)
    read_path = context().worker.read_path
    reading = read_path.read(dashboard, whose, arguments, read_policy(request.headers))
    g.source = reading.source
    if (rule := rule_of_request()) is not None:
        key = read_path.key(dashboard, whose, arguments)
        context().worker.latency.belongs(rule, key.region)
        request.environ[ANSWERED] = Answered(key, rule)
    return read_response(reading, request.headers, elapsed_ms())
