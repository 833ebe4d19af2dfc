"""A key server on a local port, which can refuse, hang, drip and rotate its keys; and tokens that they sign."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CLAIMS = {"sub": "7", "exp": int(time.time()) + 7200}
KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHARED = {"kty": "oct", "kid": "shared", "k": "YS1zZWNyZXQtb2YtbW9yZS10aGFuLXRoaXJ0eS10d28tYnl0ZXM"}


def published_key(algorithm: str, key: Any = None, **more: str) -> dict[str, str]:
    """Return the public half of a key, named after its algorithm."""
    public = (key or KEYS[algorithm]).public_key()
    described: dict[str, str] = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return described | {"kid": algorithm, "use": "sig"} | more


def key_set(*keys: dict[str, str]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def published() -> bytes:
    """Return a key set with a key of each algorithm; and one that is a secret, as none should be."""
    return key_set(*map(published_key, KEYS), SHARED)


def token(algorithm: str, kid: str | None = None, key: Any = None, claims: dict[str, Any] | None = None) -> str:
    headers = {"kid": kid or algorithm} if kid != "" else {}
    return jwt.encode(claims or CLAIMS, key or KEYS[algorithm], algorithm=algorithm, headers=headers)


class KeyServer(ThreadingHTTPServer):
    """Answers with ``status`` and ``body`` as long as ``gate`` is open; ``answer`` replaces that.

    :ivar arrived: released once for each request, before it is answered.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, published()
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.fetches = 0
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys"


class _Handler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        server = self.server
        status, body = server.status, server.body
        server.fetches += 1
        server.arrived.release()
        server.gate.wait()
        if server.answer is not None:
            server.answer(self)
            return
        self.send_response(status)
        if status == 302:
            self.send_header("Location", server.url)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    """Monotonic time that a test can move forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead
