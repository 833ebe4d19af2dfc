"""What happens around every request: its id, the worker's start, the size limit, headers, and one log line.

Invariant: the log line names the route's template, never the address, its query or any data of the user.
"""

import re
from random import getrandbits
from time import perf_counter
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, unbind_contextvars

from models.logs import logger, request_lines
from web.context import context
from web.http.problems import Problem

LARGEST_BODY_BYTES = 65_536
# Endpoints that must answer without a database; readiness starts the worker itself.
DATABASE_FREE = {
    "health.alive",
    "health.ready",
    "metrics.metrics",
    "documentation.page",
    "documentation.document",
    "pages.dashboard",
    "pages.ops",
    "pages.asset",
}

_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PROTECTIVE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOTHING_LOADS = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def register_request_hooks(app: Flask) -> None:
    """Install the hooks; the first one records the time and the request id, before anything can fail."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.before_request(_stamp)
    app.before_request(_refuse_large_body)
    app.before_request(_start_worker)
    app.after_request(_finish)
    app.teardown_request(_unbind)


def elapsed_ms() -> float:
    """Return the milliseconds since the current request arrived."""
    return (perf_counter() - float(g.started)) * 1000


def request_id_of(given: str | None) -> str:
    """Return the client's request id if it is well-formed, else a new one: 128 random bits, not a secret."""
    return given if given and _WELL_FORMED_ID.fullmatch(given) else getrandbits(128).to_bytes(16, "big").hex()


def rule_of_request() -> str | None:
    """Return the template of the current request's route, or what its endpoint put into its place; None: no route."""
    return g.get("rule") or (request.url_rule.rule if request.url_rule else None)


def _stamp() -> None:
    g.started = perf_counter()
    g.request_id = request_id_of(request.headers.get("X-Request-Id"))
    bind_contextvars(request_id=g.request_id)  # Every line logged until the end of the request has it.


def _unbind(_error: BaseException | None = None) -> None:
    unbind_contextvars("request_id")


def _refuse_large_body() -> None:
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise Problem(413, detail=f"A request's body may have at most {LARGEST_BODY_BYTES} bytes.")


def _start_worker() -> None:
    if request.endpoint is not None and request.endpoint not in DATABASE_FREE:
        context().worker.ensure_started()


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if response.location:  # Without scheme and host, for a proxy may have others.
        response.location = urlsplit(response.location)._replace(scheme="", netloc="").geturl()
    for name, value in PROTECTIVE_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", NOTHING_LOADS)
    milliseconds = elapsed_ms()
    rule, source = rule_of_request(), g.get("source")
    context().worker.latency.observe(rule, source, response.status_code, milliseconds / 1000)
    if context().settings.access_log:
        method = request.method if request.method.isascii() and request.method.isalpha() else "?"
        log_request(method, rule, response.status_code, milliseconds, source, g.request_id)
    return response


def log_request(
    method: str, rule: str | None, status: int, milliseconds: float, source: str | None, request_id: str
) -> None:
    """Write the log line of a request.

    :param rule: the route's template, never the address that was requested.
    """
    lines = request_lines()
    if lines is not None:
        lines.write(method, rule, status, milliseconds, source, request_id)
        return
    logger().info(
        "request",
        method=method,
        path=rule,
        status=status,
        ms=round(milliseconds, 2),
        source=source,
        request_id=request_id,
    )
