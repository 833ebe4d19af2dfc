"""Fetching a published key set: which answers are used, why others are not, and that no fetch lasts forever."""

import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from itertools import cycle

import pytest

from tests.web.auth.key_server import KEYS, SHARED, STRANGER, KeyServer, key_set, published_key
from web.auth.key_set import LARGEST_BYTES, KeySetUnusable, fetch_key_set, parse_key_set

SHORT_SECONDS = 0.3


def reason(url: str, seconds: float = 5.0) -> str:
    with pytest.raises(KeySetUnusable) as refused:
        fetch_key_set(url, seconds)
    return str(refused.value)


def drip(of: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer that never ends, and of which a byte comes long before any of them would be too late."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.settimeout(SHORT_SECONDS / 10)
        head, _, body = of.partition(b"|")
        handler.wfile.write(head)
        for byte in cycle(body):
            try:
                handler.wfile.write(bytes([byte]))
                if not handler.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    return answer


@pytest.mark.parametrize(
    "of",
    [b"|HTTP/1.0 200 " + b"x" * 9, b"HTTP/1.0 200 OK\r\n|X: y\r\n", b"HTTP/1.0 200 OK\r\n\r\n|      "],
    ids=["status", "headers", "body"],
)
def test_an_answer_that_drips_is_cut(server: KeyServer, of: bytes) -> None:
    server.answer = drip(of)
    assert reason(server.url, SHORT_SECONDS) == "no complete answer within 0.3 s"


def test_a_server_that_hangs_is_left(server: KeyServer) -> None:
    server.gate.clear()
    assert reason(server.url, SHORT_SECONDS) == "no complete answer within 0.3 s"


def test_a_tls_handshake_that_hangs_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert reason(f"https://127.0.0.1:{port}/keys", SHORT_SECONDS) == "no complete answer within 0.3 s"


def test_a_fetch_names_its_sender_because_firewalls_refuse_unknown_libraries(server: KeyServer) -> None:
    agents = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        agents.append(handler.headers["User-Agent"])
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(server.body)

    server.answer = answer
    assert set(KEYS) <= set(fetch_key_set(server.url))
    assert agents == ["Frontview"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"", "HTTP status 403"),
        (500, b"", "HTTP status 500"),
        (302, b"", "HTTP status 302, a redirect: give the final URL"),
        (200, b"<html>", "the answer is not JSON"),
        (200, b"\xff\xfe", "the answer is not JSON"),
        (200, b"[" * 100_000, "the answer is not JSON"),
        (200, b"[]", "the answer is not a JSON Web Key Set"),
        (200, b'{"keys": [{"kty": "RSA", "alg": [1]}]}', "the answer is not a JSON Web Key Set"),
        (200, b" " * (LARGEST_BYTES + 1), "the answer has more than 1048576 bytes"),
    ],
)
def test_the_reason_of_a_failure_says_what_is_wrong(server: KeyServer, status: int, body: bytes, words: str) -> None:
    server.status, server.body = status, body
    assert reason(server.url) == words


def test_the_reason_of_a_failed_connection_says_what_is_wrong(server: KeyServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert reason(f"http://127.0.0.1:{port}/keys") == "the connection failed: Connection refused"
    assert reason(server.url.replace("http:", "https:")).startswith("TLS: ")


def test_no_reason_shows_what_is_secret_in_the_url(server: KeyServer) -> None:
    server.status = 403
    address = server.url.removeprefix("http://")
    assert reason(f"http://{address}?key=secret") == "HTTP status 403"
    assert reason(f"http://user:secret@{address}") == "a user name or password in the URL is not supported"
    assert reason("http://[secret/keys") == "the URL is not valid"


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [SHARED],
        [published_key("RS256", use="enc")],
        [published_key("RS256", kid="")],
        [published_key("RS256", alg="RS512")],
        [{"kty": "RSA", "kid": "RS256", "n": "!", "e": "AQAB"}],
    ],
    ids=["empty", "secret", "encryption", "no kid", "other algorithm", "broken"],
)
def test_a_set_without_a_usable_key_is_refused(keys: list[dict[str, str]]) -> None:
    with pytest.raises(KeySetUnusable, match="holds no signing key with a kid for RS256, ES256, EdDSA"):
        parse_key_set(key_set(*keys))


def test_unusable_keys_beside_a_usable_one_are_passed_over() -> None:
    odd: list[dict[str, str]] = [
        published_key("ES256", use="enc", kid="enc"),
        {"kty": "?"},
        {},
        published_key("ES256", kid=""),
    ]
    assert list(parse_key_set(key_set(*odd, published_key("RS256")))) == ["RS256"]
    assert list(parse_key_set(json.dumps({"keys": [7, published_key("RS256")]}).encode())) == ["RS256"]


def test_of_keys_with_one_name_the_first_counts() -> None:
    first, second = published_key("RS256"), published_key("RS256", STRANGER)
    for one, other in ((first, second), (second, first)):
        key = parse_key_set(key_set(one, other))["RS256"]
        assert key.Algorithm.to_jwk(key.key, as_dict=True)["n"] == one["n"] != other["n"]
