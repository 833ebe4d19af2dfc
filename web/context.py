"""What the views of one application work with; kept in ``app.extensions``, passed in when the app is made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

from models.settings import Settings
from web.auth import TokenVerifier

if TYPE_CHECKING:
    from web.worker import Worker

_NAME = "frontview"


@dataclass(frozen=True, slots=True)
class WebContext:
    """Everything of one web process that a view may need."""

    worker: "Worker"
    settings: Settings
    verifier: TokenVerifier


def set_context(app: Flask, context: WebContext) -> None:
    """Attach ``context`` to ``app``."""
    app.extensions[_NAME] = context


def context_of(app: Flask) -> WebContext:
    """Return what ``app`` was made with."""
    return cast(WebContext, app.extensions[_NAME])


def context() -> WebContext:
    """Return what the application of the current request was made with."""
    return context_of(current_app)
