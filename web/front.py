"""The WSGI layer before Flask: answers a request again, from the front cache, that Flask has answered before.

It interprets no request by itself. When Flask has answered a read, the layer remembers which cache key the same token,
path and query string led to; only such a repetition, without any caching directive, is answered here.

Invariant: on every request the token is verified and counted against its user's rate, the entry passes the same check
as in the read path, and the headers are made by the same functions; Flask answers everything else.
"""

from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from time import perf_counter, time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from models.errors import FrontviewError
from refresher.front_cache.entry import Entry
from web.auth.verifier import Caller, TokenVerifier, Verified
from web.context import ANSWERED, COUNTED, Answered
from web.http.answers import (
    Kind,
    age_text,
    asks_nothing,
    content,
    hit_headers,
    hit_timing,
    lasting_headers,
    matches_etag,
    meta_around_age,
)
from web.http.rate_limit import RateLimit
from web.reads.read_path import cached_reading
from web.request_hooks import NOTHING_LOADS, PROTECTIVE_HEADERS, log_request, request_id_of
from web.telemetry.latency import Latency

if TYPE_CHECKING:
    from web.process.worker import Worker

MOST_REMEMBERED = 10_000
LONGEST_REMEMBERED = 4_096  # Characters of token, path and query string together.
_NO_BODY = (None, "", "0")
_NO_CONTENT: Kind = ()
_SPELT_OUT = 100  # The timing headers of hits that take fewer hundredths of a millisecond are made beforehand.
_TIMINGS = tuple(("Server-Timing", hit_timing(hundredths / 100)) for hundredths in range(_SPELT_OUT))
_ALWAYS = [*PROTECTIVE_HEADERS.items(), ("Content-Security-Policy", NOTHING_LOADS)]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
StartResponse = Callable[..., Any]
Environ = dict[str, Any]
Headers = list[tuple[str, str]]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class _Ready:
    """What answers from one entry have in common, made once; ``stamp`` identifies the entry."""

    __slots__ = ("after_age", "before_age", "began", "etag", "expires", "headers", "of_second", "stamp")
    headers: Headers
    of_second: tuple[tuple[int, int, Kind, int], Headers]

    def __init__(self, entry: Entry) -> None:
        reading = cached_reading(entry, entry.began)
        self.stamp, self.etag = entry.stamp, entry.etag
        self.began, self.expires = entry.began, entry.expires
        self.before_age, self.after_age = meta_around_age(reading)
        self.headers = [*lasting_headers(reading).items(), *_ALWAYS]
        self.of_second = ((-1, -1, (), 0), self.headers)

    def headers_of(self, age_seconds: float, ttl_seconds: float, kind: Kind, length: int) -> Headers:
        """Return the headers that are the same for a second or longer.

        :param kind: empty: there is no content.
        """
        facts = (int(age_seconds), int(ttl_seconds), kind, length)
        made = self.of_second
        if made[0] != facts:
            age, ttl, *_ = facts
            sized = (*kind, ("Content-Length", str(length))) if kind else ()
            made = self.of_second = (facts, [*sized, *self.headers, *hit_headers(age, ttl)])
        return made[1]


class _Known:
    """A request that Flask has answered before: its cache key, its verified token, and the parts of its last hit."""

    __slots__ = ("key", "ready", "rule", "series", "verified")

    def __init__(self, answered: Answered, verified: Verified[Caller], latency: Latency) -> None:
        self.key, self.rule, self.verified = answered.key, answered.rule, verified
        self.series = latency.series(answered.rule, "cache", 200)
        self.ready: _Ready | None = None

    def ready_for(self, entry: Entry) -> _Ready:
        """Return the prepared parts of answers from ``entry``; they do not keep the entry alive."""
        ready = self.ready
        if ready is None or ready.stamp is not entry.stamp:
            ready = self.ready = _Ready(entry)
        return ready


class Generations(Generic[K, V]):
    """A bounded memory in two generations; any number of threads may use it, without a lock.

    When the young generation is full it becomes the old one, and the old one is forgotten: so values that were not used
    during a whole generation go first, at the cost of one dictionary look-up. Two threads that put at once may lose
    what one of them put.

    :param most: values in a generation, at least 1; there are never more than twice as many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return what was put under ``key``, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep ``value`` as just used."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value


class Front:
    """Wraps ``app``; it is made before a fork and holds nothing that a fork could break.

    :param on_hit: called for each request answered here, with environ, route's template, status and seconds.
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
        self._known: Generations[tuple[str, str, str], _Known] = Generations(MOST_REMEMBERED // 2)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, here or in Flask."""
        started = perf_counter()
        request = _request_key(environ)
        if request is None:
            return self._app(environ, start_response)
        known = self._known.get(request)
        if known is not None:
            body = self._answer(known, environ, start_response, started)
            if body is not None:
                return body
        response = self._app(environ, start_response)
        answered: Answered | None = environ.get(ANSWERED)
        if answered is not None and (known is None or known.key != answered.key):
            self._remember(request, answered)
        return response

    def _remember(self, request: tuple[str, str, str], answered: Answered) -> None:
        if sum(map(len, request)) > LONGEST_REMEMBERED:
            return
        with suppress(FrontviewError):  # The token may have expired by now.
            verified = self._verifier.verified(request[0])
            if verified.value == answered.caller:  # Else another declaration takes the user from another claim.
                self._known.put(request, _Known(answered, verified, self._worker.latency))

    def _answer(
        self, known: _Known, environ: Environ, start_response: StartResponse, started: float
    ) -> list[bytes] | None:
        """Return the body of a hit after starting its response; None: Flask must answer."""
        try:
            read_path = self._worker.read_path
            arrived = read_path.monotonic()
            if not known.verified.is_good(time(), arrived):
                known.verified = self._verifier.verified(environ["HTTP_AUTHORIZATION"])
        except FrontviewError:
            return None
        if self._rate_limit.take(known.verified.value.user_id):
            return None
        entry = read_path.hit(known.key, arrived)
        if entry is None:
            environ[COUNTED] = True
            return None
        ready = known.ready_for(entry)
        age_seconds = arrived - ready.began if arrived > ready.began else 0.0
        if "HTTP_IF_NONE_MATCH" in environ and matches_etag(environ["HTTP_IF_NONE_MATCH"], ready.etag):
            status, code, body, kind = "304 NOT MODIFIED", 304, b"", _NO_CONTENT
        else:
            rest = b"".join((ready.before_age, age_text(age_seconds), ready.after_age))
            body, kind = content(entry.body, rest, environ.get("HTTP_ACCEPT_ENCODING"))
            status, code = "200 OK", 200
        request_id = request_id_of(environ.get("HTTP_X_REQUEST_ID"))
        lasting = ready.headers_of(age_seconds, ready.expires - arrived, kind, len(body))
        seconds = perf_counter() - started
        elapsed_ms = seconds * 1000
        hundredths = round(elapsed_ms * 100)
        timing = _TIMINGS[hundredths] if hundredths < _SPELT_OUT else ("Server-Timing", hit_timing(elapsed_ms))
        headers = [*lasting, timing, ("X-Request-Id", request_id)]
        series = known.series if code == 200 else self._worker.latency.series(known.rule, "cache", code)
        series.observe(seconds)
        if self._on_hit is not None:
            self._on_hit(environ, known.rule, code, seconds)
        if self._access_log:
            log_request("GET", known.rule, code, elapsed_ms, "cache", request_id)
        start_response(status, headers)
        return [body]


def _request_key(environ: Environ) -> tuple[str, str, str] | None:
    """Return what equal requests have in common, or None for a request that this layer does not answer."""
    token = environ.get("HTTP_AUTHORIZATION")
    if not token or environ["REQUEST_METHOD"] != "GET" or environ.get("CONTENT_LENGTH") not in _NO_BODY:
        return None
    if "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ:
        return None
    if ("HTTP_CACHE_CONTROL" in environ or "HTTP_PRAGMA" in environ) and not asks_nothing(
        environ.get("HTTP_CACHE_CONTROL"), environ.get("HTTP_PRAGMA")
    ):
        return None
    return token, environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", "")
