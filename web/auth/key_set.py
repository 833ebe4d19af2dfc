"""Fetches the key set that an identity provider publishes (RFC 7517).

Invariant: a fetch ends. Looking up the host's name takes as long as the system's resolver allows, and connecting to
each of its addresses at most :data:`FETCH_SECONDS`; the whole answer must then arrive within what remains of
:data:`FETCH_SECONDS`, however slowly its bytes come. No reason of a failure contains the URL or a part of the answer.
"""

import http.client
import io
import json
import socket
import ssl
import time
import urllib.request
from functools import partial
from typing import Any
from urllib.error import HTTPError, URLError

import jwt

from models.errors import FrontviewError

ALGORITHMS = ("RS256", "ES256", "EdDSA")
FETCH_SECONDS = 5.0
LARGEST_BYTES = 1024 * 1024
# Firewalls often refuse the default User-Agent of urllib.
HEADERS = {"User-Agent": "Frontview", "Accept": "application/jwk-set+json, application/json"}

KeySet = dict[str, jwt.PyJWK]  # The keys that may sign, by their `kid`.


class KeySetUnusable(FrontviewError):
    """The key set cannot be fetched, or no token can be verified with it; the text says why, for the operator."""


def fetch_key_set(url: str, seconds: float = FETCH_SECONDS) -> KeySet:
    """Return the key set that is published at ``url`` now; redirects are not followed.

    :param seconds: the limit of the module's invariant.
    :raises KeySetUnusable: it cannot be fetched, or holds no key that could verify a token.
    """
    try:
        request = urllib.request.Request(url, headers=HEADERS)  # noqa: S310  the opener knows HTTP and HTTPS only
        if "@" in request.host:  # urllib would ask the resolver for it as a part of the name.
            raise KeySetUnusable("a user name or password in the URL is not supported")
        with _opener(time.monotonic() + seconds).open(request, timeout=seconds) as response:
            body = response.read(LARGEST_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise KeySetUnusable(_reason(error, seconds)) from None
    if len(body) > LARGEST_BYTES:
        raise KeySetUnusable(f"the answer has more than {LARGEST_BYTES} bytes")
    return parse_key_set(body)


def parse_key_set(body: bytes) -> KeySet:
    """Return the keys of a key set that may sign; of several keys with one ``kid``, the first.

    Keys of other algorithms than :data:`ALGORITHMS` are included, so that tokens that name them are refused at once.

    :raises KeySetUnusable: ``body`` is no key set, or has no key of these algorithms.
    """
    try:
        keys = jwt.PyJWKSet.from_dict(json.loads(body)).keys
    except jwt.PyJWTError:
        keys = []
    except (ValueError, RecursionError):
        raise KeySetUnusable("the answer is not JSON") from None
    except (AttributeError, TypeError):
        raise KeySetUnusable("the answer is not a JSON Web Key Set") from None
    found: KeySet = {}
    for key in keys:
        if key.public_key_use in ("sig", None) and key.key_id and isinstance(key.key_id, str):
            found.setdefault(key.key_id, key)
    if not any(key.algorithm_name in ALGORITHMS for key in found.values()):
        raise KeySetUnusable(f"the answer holds no signing key with a kid for {', '.join(ALGORITHMS)}")
    return found


class _Stream(io.RawIOBase):
    """The bytes of an answer; each read may wait only for the time that remains until ``deadline``."""

    def __init__(self, stream: io.RawIOBase, connected: socket.socket, deadline: float) -> None:
        self._stream, self._connected, self._deadline = stream, connected, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connected.settimeout(remaining)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, deadline: float, connected: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(connected, *args, **options)
        self.fp = io.BufferedReader(_Stream(self.fp.detach(), connected, deadline))


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens connections whose answers have a deadline; a socket's own timeout begins again with each byte."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(self._connection, http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(self._connection, http.client.HTTPSConnection), request)

    def _connection(self, kind: type[http.client.HTTPConnection], host: str, **options: Any) -> Any:
        connection = kind(host, **options)
        connection.response_class = partial(_Response, self._deadline)  # type: ignore[assignment]  # It is called.
        return connection


def _opener(deadline: float) -> urllib.request.OpenerDirector:
    """Return an opener that knows HTTP, HTTPS and the environment's proxies only."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Handler(deadline),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _reason(error: BaseException, seconds: float) -> str:
    cause = error.reason if isinstance(error, URLError) and isinstance(error.reason, BaseException) else error
    match cause:
        case HTTPError():
            words = f"HTTP status {cause.code}" + (", a redirect: give the final URL" if cause.code < 400 else "")
        case TimeoutError():
            words = f"no complete answer within {seconds:g} s"
        case ssl.SSLError():
            words = f"TLS: {getattr(cause, 'verify_message', None) or cause.reason or 'the handshake failed'}"
        case socket.gaierror():
            words = "the host's name cannot be resolved"
        case http.client.InvalidURL() | ValueError():
            words = "the URL is not valid"
        case _:
            words = f"the connection failed: {getattr(cause, 'strerror', None) or type(cause).__name__}"
    return words
