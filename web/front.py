"""The WSGI layer before Flask: answers again, from the front cache, what Flask has answered before.

It understands no request by itself. When Flask has answered a read, the layer remembers which entry the very same
token, path and query string led to; only such a repetition, without any caching directive, is answered here.

Invariant: on every request the token is verified and counted against its user's rate, the entry passes the same check
as in the read path, and the headers are made by the same functions; everything else falls through to Flask.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from refresher.entry import EntryKey
from web.answers import answer_content, read_headers
from web.auth import TokenVerifier
from web.context import COUNTED
from web.problems import Problem
from web.rate_limit import RateLimit
from web.request_directives import asks_nothing, matches_etag
from web.request_hooks import NOTHING_LOADS, PROTECTIVE_HEADERS, log_request, request_id_of

if TYPE_CHECKING:
    from web.worker import Worker

ANSWERED = "frontview.answered"  # where Flask leaves an :class:`Answered` in the environ
MOST_REMEMBERED = 10_000
LONGEST_REMEMBERED = 4_096  # characters of token, path and query string together
_NOT_OURS = ("HTTP_TRANSFER_ENCODING", "HTTP_EXPECT")
_ALWAYS = [*PROTECTIVE_HEADERS.items(), ("Content-Security-Policy", NOTHING_LOADS)]

StartResponse = Callable[..., Any]
Environ = dict[str, Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request led to in Flask: the entry's key, and the route's template for the log."""

    key: EntryKey
    rule: str


class Front:
    """Wraps ``app``; made before a fork, it holds nothing that a fork could break.

    :param on_hit: told of each request answered here: environ, route's template, status, seconds.
    """

    def __init__(
        self,
        app: WsgiApp,
        worker: "Worker",
        verifier: TokenVerifier,
        rate_limit: RateLimit,
        *,
        access_log: bool,
        on_hit: Callable[[Environ, str, int, float], None] | None = None,
    ) -> None:
        self._app, self._worker, self._verifier, self._access_log = app, worker, verifier, access_log
        self._rate_limit, self._on_hit = rate_limit, on_hit
        self._remembered: LRUCache[tuple[str, str, str], Answered] = LRUCache(MOST_REMEMBERED)
        self._lock = Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, here or in Flask."""
        started = perf_counter()
        question = _question(environ)
        if question is None:
            return self._app(environ, start_response)
        with self._lock:
            before = self._remembered.get(question)
        if before is not None:
            body = self._answer(before, environ, start_response, started)
            if body is not None:
                return body
        response = self._app(environ, start_response)
        answered = environ.get(ANSWERED)
        if before is None and answered is not None:
            with self._lock:
                self._remembered[question] = answered
        return response

    def _answer(
        self, before: Answered, environ: Environ, start_response: StartResponse, started: float
    ) -> list[bytes] | None:
        """Return the body of a hit after starting its response; None: Flask has the answer, or says what is wrong."""
        try:
            caller = self._verifier.caller(environ["HTTP_AUTHORIZATION"])
        except Problem:
            return None
        if self._rate_limit.take(caller.user_id):
            return None
        environ[COUNTED] = True
        reading = self._worker.read_path.cached(before.key)
        if reading is None:
            return None
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID", ""))
        elapsed_ms = (perf_counter() - started) * 1000
        headers = [*read_headers(reading, elapsed_ms).items(), *_ALWAYS, ("X-Request-Id", request_id)]
        if matches_etag(environ.get("HTTP_IF_NONE_MATCH"), reading.etag):
            status, body = "304 NOT MODIFIED", b""
        else:
            status = "200 OK"
            body, content = answer_content(reading, environ.get("HTTP_ACCEPT_ENCODING"))
            headers += [*content.items(), ("Content-Length", str(len(body)))]
        seconds = perf_counter() - started
        self._worker.latency.observe(before.rule, reading.source, int(status[:3]), seconds)
        if self._on_hit is not None:
            self._on_hit(environ, before.rule, int(status[:3]), seconds)
        if self._access_log:
            log_request("GET", before.rule, int(status[:3]), elapsed_ms, reading.source, request_id)
        start_response(status, headers)
        return [body]


def _question(environ: Environ) -> tuple[str, str, str] | None:
    """Return what makes two requests the same, or None for one that is not for this layer."""
    token = environ.get("HTTP_AUTHORIZATION")
    if environ["REQUEST_METHOD"] != "GET" or not token or environ.get("CONTENT_LENGTH", "0") not in ("", "0"):
        return None
    if any(name in environ for name in _NOT_OURS):
        return None
    if not asks_nothing(environ.get("HTTP_CACHE_CONTROL"), environ.get("HTTP_PRAGMA")):
        return None
    path, query = environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
    return (token, path, query) if len(token) + len(path) + len(query) <= LONGEST_REMEMBERED else None
