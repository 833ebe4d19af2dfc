"""The objects that endpoints of one application work with; kept in ``app.extensions``, passed in when it is made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app, request

from models.settings import Settings
from refresher.front_cache.entry import EntryKey
from web.auth.verifier import Caller, TokenVerifier
from web.http.rate_limit import RateLimit, too_many_requests

if TYPE_CHECKING:
    from web.process.worker import Worker

_NAME = "frontview"
COUNTED = "frontview.counted"  # This key of the WSGI environ is set where the front layer has counted the request.
ANSWERED = "frontview.answered"  # The environ's name under which Flask leaves an :class:`Answered`.


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request led to in Flask: the entry's key, the route's template for the log, and who had asked."""

    key: EntryKey
    rule: str
    caller: Caller


@dataclass(frozen=True, slots=True)
class WebContext:
    """Everything of one web process that an endpoint may need."""

    worker: "Worker"
    settings: Settings
    verifier: TokenVerifier
    rate_limit: RateLimit


def set_context(app: Flask, context: WebContext) -> None:
    """Attach ``context`` to ``app``."""
    app.extensions[_NAME] = context


def context_of(app: Flask) -> WebContext:
    """Return the context that ``app`` was made with."""
    return cast(WebContext, app.extensions[_NAME])


def context() -> WebContext:
    """Return the context of the application that handles the current request."""
    return context_of(current_app)


def settle_caller(claim: str | None = None) -> Caller:
    """Return the caller of the current request, and count the request against the caller's rate limit.

    :param claim: of the token that holds the user's key; None: the present one.
    :raises Problem: 401, no valid token; 429, too many requests of that user; 503, the signing keys are unavailable.
    """
    parts = context()
    caller = parts.verifier.caller(request.headers.get("Authorization"), claim)
    if not request.environ.get(COUNTED) and (wait_seconds := parts.rate_limit.take(caller.user_id)):
        raise too_many_requests(wait_seconds)
    return caller
