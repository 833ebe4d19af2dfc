"""How an endpoint answers a read: the caller, the read path, the response, and what the front layer may remember."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from models.database_errors import may_come_from_a_change
from models.errors import DatabaseUnavailable, FrontviewError
from models.user_key import UserKey
from web.context import ANSWERED, Answered, context, settle_caller
from web.http.answers import read_policy, read_response
from web.http.problems import Problem
from web.request_hooks import elapsed_ms, rule_of_request

if TYPE_CHECKING:
    from web.process.installed_application import Serving

NOT_DECLARED = (404, 422)  # What is answered about views and parameters that no declaration has.


def authenticate() -> None:
    """Verify the caller before any other part of the request is read."""
    g.caller = settle_caller()


def answer_by(respond: "Callable[[Serving], Response]") -> Response:
    """Return what ``respond`` returns by the application as it is served now.

    If it fails because another declaration has become active meanwhile, it is asked again, by that one.
    """
    worker = context().worker
    serving = worker.serving
    try:
        return _respond(respond, serving)
    except FrontviewError as error:
        newer = serving
        if may_come_from_a_change(error) or (isinstance(error, Problem) and error.status in NOT_DECLARED):
            with suppress(DatabaseUnavailable):  # Then the first error says more.
                newer = worker.reread()
        if newer is serving:
            raise
    return _respond(respond, newer)


def _respond(respond: "Callable[[Serving], Response]", serving: "Serving") -> Response:
    """Return the response to the caller whom the token identifies under this declaration, which names the claim."""
    g.caller = context().verifier.caller(request.headers.get("Authorization"), serving.claim)
    return respond(serving)


def answer_read(serving: "Serving", dashboard: str, user_id: UserKey | None, arguments: Mapping[str, Any]) -> Response:
    """Return the response to a read of ``dashboard`` by the current caller.

    :param user_id: whose data; None: the caller's.
    """
    whose = g.caller.subject(user_id)
    read_path = serving.read_path
    reading = read_path.read(dashboard, whose, arguments, read_policy(request.headers))
    g.source = reading.source
    if (rule := rule_of_request()) is not None:
        key = read_path.key(dashboard, whose, arguments)
        context().worker.latency.belongs(rule, key.region)
        request.environ[ANSWERED] = Answered(key, rule, g.caller)
    return read_response(reading, request.headers, elapsed_ms())
