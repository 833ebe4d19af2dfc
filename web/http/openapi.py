"""The OpenAPI 3.1 document: what apiflask derives from the views, and what has to be added.

Invariant: the document names no host, so no request can put an address of its own into the copy that others get.
"""

from collections.abc import Iterable
from typing import Any

from apiflask import APIFlask

from web.http.problems import MIMETYPE
from web.http.user_keys import describe_user_keys, user_kind

Responses = dict[int | str, Any]  # By status, in the form that apiflask accepts.

BEARER = "bearer"
EVENT_STREAM = "text/event-stream"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def _header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


REQUEST_ID = {"X-Request-Id": _header("The request's id: the one that the client sent, if well-formed.", "5f0c2a9b")}
RETRY_AFTER = {"Retry-After": _header("Seconds to wait before trying again.", "2")}
CHALLENGE = {"WWW-Authenticate": _header("What the token lacks (RFC 6750).", 'Bearer error="invalid_token"')}
READ_HEADERS = REQUEST_ID | {
    "ETag": _header("Opaque; identifies the user, the parameters and the data.", '"9f86d081884c7d65"'),
    "Cache-Control": _header("Only the client may keep it, and must revalidate it each time.", "private, no-cache"),
    "Vary": _header("The answer depends on the token; a large one may be gzip.", "Authorization"),
    "Cache-Status": _header("Which cache answered (RFC 9211).", "frontview; hit; ttl=583"),
    "Age": _header("Whole seconds since it was calculated.", "0"),
    "Server-Timing": _header("Where the time went, in ms.", "db;dur=0.31, total;dur=0.74"),
}
REQUEST_HEADERS = (
    ("If-None-Match", "Entity tags the client has; 304 when the data is one of them.", '"9f86d081884c7d65"'),
    (
        "Cache-Control",
        "`no-cache`: exact, whatever the cache holds. `max-age=N`: nothing older than N s. "
        "`stale-if-error=N`: with the database gone, an answer at most N s past its trust is accepted.",
        "no-cache",
    ),
)
_STREAM_REQUEST_HEADERS = (
    (
        "Last-Event-ID",
        "The last `id` that the client received: `changed` comes at once if something has changed since, or may have.",
        "3-1842",
    ),
)


def problem(description: str, status: int, kind: str | None = None, **more: Any) -> dict[str, Any]:
    """Return the documentation of one error response.

    :param more: ``headers`` it has and members of its example body.
    """
    headers = REQUEST_ID | more.pop("headers", {})
    example = {
        "type": f"urn:frontview:problem:{kind}" if kind else "about:blank",
        "title": description.rstrip("."),
        "status": status,
        "detail": description,
        "instance": "/api/v1/dashboard/home",
        "request_id": "5f0c2a9b",
    }
    content = {MIMETYPE: {"schema": _PROBLEM, "example": example | more}}
    return {"description": description, "headers": headers, "content": content}


_FAULT = {"in": "query", "field": "from", "detail": "expected a date as YYYY-MM-DD"}
UNAVAILABLE = problem("The database cannot be read now.", 503, "database-unavailable", headers=RETRY_AFTER)
DEFECT = problem("A defect, or a right that the server's role lacks; the log has the reason by the request's id.", 500)
NOT_ALLOWED = problem(
    "Another method than GET or HEAD.", 405, headers={"Allow": _header("What is supported.", "GET, HEAD")}
)
METHOD_NOT_POST = problem("Another method than POST.", 405, headers={"Allow": _header("What is supported.", "POST")})
READ_RESPONSES: Responses = {
    200: {"headers": READ_HEADERS},
    304: {"description": "The client has this very data.", "headers": READ_HEADERS},
    401: problem("No token, or one that does not verify.", 401, "invalid-token", headers=CHALLENGE),
    403: problem("Another user's data, without being admin.", 403, "not-yours", headers=CHALLENGE),
    404: problem("No such user, or no such thing of that user.", 404, "not-found"),
    405: NOT_ALLOWED,
    422: problem("Parameters unknown, repeated or ill-formed.", 422, "invalid-parameters", errors=[_FAULT]),
    429: problem("Too many requests of this user.", 429, "too-many-requests", headers=RETRY_AFTER),
    500: DEFECT,
    503: UNAVAILABLE,
}
TOKEN_RESPONSES: Responses = {status: READ_RESPONSES[status] for status in (401, 429, 503)}
_JSON_OBJECT = {"application/json": {"schema": {"type": "object"}}}
HEALTH_RESPONSES: Responses = {
    200: {"description": "Alive.", "headers": REQUEST_ID, "content": _JSON_OBJECT},
    405: NOT_ALLOWED,
}
METRICS_RESPONSES: Responses = {
    200: {
        "description": "Prometheus's text format, for all processes of this server.",
        "headers": REQUEST_ID,
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    404: problem("Metrics are switched off.", 404),
    405: NOT_ALLOWED,
}
DOCUMENT_RESPONSES: Responses = {
    200: {"description": "The OpenAPI 3.1 document.", "headers": REQUEST_ID, "content": _JSON_OBJECT},
    304: {"description": "The client has it.", "headers": REQUEST_ID},
    405: NOT_ALLOWED,
}
PAGE_RESPONSES: Responses = DOCUMENT_RESPONSES | {
    200: {
        "description": "A page.",
        "headers": REQUEST_ID,
        "content": {"text/html": {"schema": {"type": "string"}}},
    },
}
_ALARM = {"kind": "uncaptured", "subject": "public.orders", "since": "2026-05-04T10:11:12+00:00"}
READINESS_RESPONSES: Responses = {
    200: {
        "description": "Ready; or degraded: without trust in the front cache every read is computed.",
        "headers": REQUEST_ID,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Readiness"},
                "example": {"status": "ready", "database": True, "migrations": True, "trust": True, "alarms": [_ALARM]},
            }
        },
    },
    405: NOT_ALLOWED,
    500: DEFECT,
    503: problem("No database, or one that is not migrated.", 503, "database-unavailable", headers=RETRY_AFTER),
}


_TEXT = {"type": "string"}
_FAULT_SCHEMA = {
    "type": "object",
    "required": ["in", "field", "detail"],
    "properties": {"in": {"enum": ["query", "path", "body"]}, "field": _TEXT, "detail": _TEXT},
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": _TEXT,
        "errors": {"type": "array", "items": _FAULT_SCHEMA, "description": "Every fault, by field."},
    },
}
_READINESS_SCHEMA = {
    "type": "object",
    "required": ["status", "database", "migrations", "trust"],
    "properties": {
        "status": {"enum": ["ready", "degraded"]},
        "database": {"type": "boolean"},
        "migrations": {"type": "boolean", "description": "The schema is the one this code needs."},
        "trust": {
            "type": "boolean",
            "description": "The front cache may be used; if not, reads are computed.",
        },
        "note": _TEXT,
        "alarms": {
            "type": "array",
            "description": "Problems that an operator must look at; reads need not be sent elsewhere. Absent if the "
            "role of the web server may not read them.",
            "items": {
                "type": "object",
                "required": ["kind", "subject", "since"],
                "properties": {
                    "kind": _TEXT,
                    "subject": _TEXT,
                    "since": {"type": "string", "format": "date-time"},
                },
            },
        },
    },
}


def configure_openapi(app: APIFlask, url_prefix: str) -> None:
    """Configure what the document says about the application as a whole.

    :param url_prefix: the path under which its clients reach the application; empty: none.
    """
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        AUTO_SERVERS=False,
        SERVERS=[{"url": url_prefix or "/"}],
        AUTO_OPERATION_ID=True,
        AUTO_404_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        SECURITY_SCHEMES={BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        DESCRIPTION="Always-exact, always-labelled per-user dashboards.",
    )
    app.spec_processor(_complete)


def _complete(spec: dict[str, Any] | str) -> dict[str, Any]:
    """Add the shared schemas and the parts that every read has."""
    if isinstance(spec, str):
        raise TypeError("the document is made as JSON, not as YAML")
    spec["components"].setdefault("schemas", {}).update(Problem=_PROBLEM_SCHEMA, Readiness=_READINESS_SCHEMA)
    for operations in spec["paths"].values():
        for operation in operations.values():
            if operation.get("security"):
                headers = _request_headers(operation["responses"])
                operation["parameters"] = _parameters(operation.get("parameters", []), headers)
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            for response in operation["responses"].values():
                if not response.get("content"):
                    response.pop("content", None)
    describe_user_keys(spec, user_kind())
    return spec


def _request_headers(responses: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Return the request headers that an operation with these responses uses."""
    if EVENT_STREAM in responses.get("200", {}).get("content", {}):
        return _STREAM_REQUEST_HEADERS
    if "304" not in responses:
        return ()
    return REQUEST_HEADERS if "Cache-Status" in responses["200"]["headers"] else REQUEST_HEADERS[:1]


def _parameters(found: list[dict[str, Any]], headers: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Return the parameters, those of the path once, followed by the request headers."""
    in_path = {parameter["name"] for parameter in found if parameter["in"] == "path"}
    described = {item["name"]: _described(item) for item in found if item["in"] == "query"}
    placed = [{**item, "in": "path" if name in in_path else "query"} for name, item in described.items()]
    return sorted(placed, key=lambda item: item["in"] == "query") + header_parameters(headers)


def header_parameters(headers: Iterable[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Return the documentation of request headers, each given with what it means and an example."""
    return [
        {"name": name, "in": "header", "description": text, "schema": _TEXT, "example": example}
        for name, text, example in headers
    ]


def _described(parameter: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter as pydantic describes it, without null, which a query string cannot express."""
    schema = {key: value for key, value in parameter["schema"].items() if key != "title"}
    description = schema.pop("description", "")
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if kinds:
        schema = kinds[0]
    return {**parameter, "description": description, "schema": schema}
