"""What the views of one application work with; kept in ``app.extensions``, passed in when the app is made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app, request

from models.settings import Settings
from web.auth.verifier import Caller, TokenVerifier
from web.http.rate_limit import RateLimit, too_many_requests

if TYPE_CHECKING:
    from web.process.worker import Worker

_NAME = "frontview"
COUNTED = "frontview.counted"  # in the environ: the layer before Flask has taken this request's token


@dataclass(frozen=True, slots=True)
class WebContext:
    """Everything of one web process that a view may need."""

    worker: "Worker"
    settings: Settings
    verifier: TokenVerifier
    rate_limit: RateLimit


def set_context(app: Flask, context: WebContext) -> None:
    """Attach ``context`` to ``app``."""
    app.extensions[_NAME] = context


def context_of(app: Flask) -> WebContext:
    """Return what ``app`` was made with."""
    return cast(WebContext, app.extensions[_NAME])


def context() -> WebContext:
    """Return what the application of the current request was made with."""
    return context_of(current_app)


def settle_caller() -> Caller:
    """Return who sent the current request, whose rate it counts against.

    :raises Problem: 401, no good token; 429, too many requests of that user; 503, the keys to tell cannot be had.
    """
    parts = context()
    caller = parts.verifier.caller(request.headers.get("Authorization"))
    if not request.environ.get(COUNTED) and (wait_seconds := parts.rate_limit.take(caller.user_id)):
        raise too_many_requests(wait_seconds)
    return caller
