"""Errors as clients see them: every one is ``application/problem+json`` (RFC 9457).

Invariant: a body holds only sentences written here or by the read path; never a traceback, SQL text, a
connection string or another user's data.
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, InternalServerError

from models.database_errors import LACKS_A_RIGHT
from models.errors import (
    DatabaseUnavailable,
    DeclarationChanging,
    DeclarationNewer,
    FrontviewError,
    InvalidParameters,
    NotFound,
    NotInstalled,
    NotMigrated,
    StatementFailed,
    TableReleased,
)
from models.logs import logger

MIMETYPE = "application/problem+json"
LONGEST_INSTANCE = 200
RETRY_DATABASE_SECONDS = 2
RETRY_CHANGE_SECONDS = 1
RETRY_MIGRATION_SECONDS = 10

Fault = dict[str, str]  # {"in": "query" | "path" | "body", "field": name, "detail": sentence}


class Problem(FrontviewError):
    """An answer that is an error.

    :param kind: the last part of its ``type``; None: a plain HTTP status (``about:blank``).
    :param errors: the faults of the request, for 422.
    :param members: further members of the body.
    """

    def __init__(
        self,
        status: int,
        kind: str | None = None,
        detail: str = "",
        *,
        title: str = "",
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Fault] = (),
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.kind, self.detail = status, kind, detail
        self.title = title or HTTPStatus(status).phrase
        self.headers = dict(headers or {})
        self.errors, self.members = list(errors), dict(members or {})
        super().__init__(f"{status} {self.title}: {detail}")


def invalid_parameters(faults: Sequence[Fault]) -> Problem:
    """Return the 422 that lists every fault of the request's parameters."""
    named = ", ".join(sorted({fault["field"] for fault in faults}))
    return Problem(
        422,
        "invalid-parameters",
        f"The request's parameters cannot be used: {named}.",
        title="Invalid parameters",
        errors=faults,
    )


def unavailable(kind: str, detail: str, retry_seconds: int, **members: Any) -> Problem:
    """Return a 503 that says when to try again."""
    return Problem(503, kind, detail, headers={"Retry-After": str(retry_seconds)}, members=members)


def problem_response(problem: Problem) -> Response:
    """Return ``problem`` as the response to the current request."""
    body: dict[str, Any] = {
        "type": f"urn:frontview:problem:{problem.kind}" if problem.kind else "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
        "instance": quote(request.path[:LONGEST_INSTANCE]),
        "request_id": g.get("request_id", ""),
    }
    if problem.errors:
        body["errors"] = problem.errors
    response = Response(json.dumps(body | problem.members), status=problem.status, content_type=MIMETYPE)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(problem.headers)
    return response


def translate(error: Exception) -> Problem:
    """Return ``error`` as a problem; an unexpected error is a 500."""
    match error:
        case Problem():
            return error
        case NotFound():
            return Problem(404, "not-found", error.detail)
        case InvalidParameters():
            return invalid_parameters([{"in": "query", "field": error.field, "detail": error.detail}])
        case HTTPException():
            return _translate_http(error)
        case FrontviewError():
            return _translate_database(error)
    return _defect()


def _defect() -> Problem:
    return Problem(500, detail="Something went wrong in the server; the request id helps to find out what.")


def _translate_database(error: FrontviewError) -> Problem:
    if isinstance(error, StatementFailed):
        if error.sqlstate != LACKS_A_RIGHT:
            return _defect()
        detail = "The web server's role may not do this in the database; `frontview doctor` says what it lacks."
        return Problem(500, "not-permitted", detail)
    for kind, (name, told, retry_seconds) in _UNAVAILABLE.items():
        if isinstance(error, kind):
            return unavailable(name, told or str(error), retry_seconds)
    return _defect()


# What clients read where an error heals: its kind, a sentence (None: the error's own), and when to try again.
_UNAVAILABLE: dict[type[FrontviewError], tuple[str, str | None, int]] = {
    NotMigrated: (
        "not-migrated",
        "The database lacks Frontview's current schema; its operator must migrate it.",
        RETRY_MIGRATION_SECONDS,
    ),
    NotInstalled: ("not-installed", None, RETRY_MIGRATION_SECONDS),
    DeclarationNewer: ("declaration-newer", None, RETRY_MIGRATION_SECONDS),
    TableReleased: ("released", None, RETRY_CHANGE_SECONDS),
    DeclarationChanging: ("declaration-changing", None, RETRY_CHANGE_SECONDS),
    DatabaseUnavailable: (
        "database-unavailable",
        "The database cannot be read at the moment.",
        RETRY_DATABASE_SECONDS,
    ),
}


def _translate_http(error: HTTPException) -> Problem:
    status = error.code or 500
    headers = {
        name: value
        for name, value in error.get_headers()
        if name.lower() in {"allow", "retry-after", "www-authenticate", "content-range", "accept"}
    }
    return Problem(status, detail=_DETAILS.get(status, ""), headers=headers)


_DETAILS = {
    400: "The request cannot be understood.",
    404: "There is nothing at this address; /openapi.json says what there is.",
    405: "This address does not support that method; Allow lists those it does.",
    413: "The request's body is too large.",
    415: "The request's body has a type that is not supported here.",
}


def register_problems(app: Flask) -> None:
    """Make every error that leaves a view or Flask itself a problem response."""

    def as_problem(error: Exception) -> Response:
        if isinstance(error, HTTPException) and (error.code or 500) < 400:
            return cast(Response, Response.force_type(error.get_response(), request.environ))
        problem = translate(error)
        if isinstance(error, StatementFailed):  # Its traceback would quote the statement's parameters.
            facts = {"sqlstate": error.sqlstate, "function": error.function}
            logger().error("statement_failed", request_id=g.get("request_id"), **facts)
        elif problem.status == 500:
            cause = error.original_exception if isinstance(error, InternalServerError) else error
            logger().error("unexpected error", request_id=g.get("request_id"), exc_info=cause or error)
        elif problem.status == 503:
            logger().warning("unavailable", request_id=g.get("request_id"), reason=problem.kind)
        return problem_response(problem)

    app.register_error_handler(Exception, as_problem)
