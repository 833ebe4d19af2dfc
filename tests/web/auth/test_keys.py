"""Where the keys that verify tokens come from, and what happens when they cannot be had."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from models import ConfigurationError
from models.settings import load_settings
from tests.web.web_fakes import SECRET, FakeWorker
from web.app import create_app
from web.auth.signing_keys import KEYS_PAUSE_SECONDS, KeysUnavailable, _PausingClient, signing_keys, token_secret

CLAIMS = {"sub": "7", "exp": int(time.time()) + 7200}
KEYS = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published() -> bytes:
    """Return the key set, each key named after its algorithm; and one that is a secret, as none should be."""
    keys = [
        jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig"}
        for name, key in KEYS.items()
    ]
    shared = {"kty": "oct", "kid": "shared", "k": "YS1zZWNyZXQtb2YtbW9yZS10aGFuLXRoaXJ0eS10d28tYnl0ZXM"}
    return json.dumps({"keys": [*keys, shared]}).encode()


class KeyServer(HTTPServer):
    body = b""
    status = 200
    fetches = 0


class Handler(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        self.server.fetches += 1
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[KeyServer]:
    server = KeyServer(("127.0.0.1", 0), Handler)
    server.body = published()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: KeyServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/keys"


def ask(server: KeyServer, *tokens: str) -> list[int]:
    """Return the status each token is answered with by one application."""
    client = create_app(FakeWorker(), load_settings(jwks_url=url(server), log_level="error")).test_client()
    return [client.get("/api/v1/agents", headers={"Authorization": f"Bearer {token}"}).status_code for token in tokens]


def token(algorithm: str, kid: str | None = None, key: object = None, claims: dict | None = None) -> str:
    headers = {"kid": kid or algorithm} if kid != "" else {}
    return jwt.encode(claims or CLAIMS, key or KEYS[algorithm], algorithm=algorithm, headers=headers)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_signed_with_a_published_key_is_believed(server, algorithm):
    assert ask(server, token(algorithm)) == [200]


def test_a_token_of_another_key_is_a_401(server):
    secret = {"key": "a-secret-of-more-than-thirty-two-bytes"}
    assert (
        ask(
            server,
            token("RS256", key=STRANGER),
            token("RS256", kid="unknown", key=STRANGER),
            token("RS256", kid=""),
            token("RS256", kid="ES256"),
            token("HS256", kid="RS256", **secret),
            token("HS256", kid="shared", **secret),
        )
        == [401] * 6
    )


def test_the_key_set_is_fetched_once_for_many_tokens(server):
    assert ask(server, *(token("RS256", claims=CLAIMS | {"jti": str(n)}) for n in range(5))) == [200] * 5
    assert server.fetches == 1


def test_unknown_key_names_do_not_make_us_hammer_the_issuer(server):
    assert ask(server, *(token("RS256", kid=f"k{n}", key=STRANGER) for n in range(10))) == [401] * 10
    assert server.fetches <= 2


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}')])
def test_an_issuer_that_is_down_is_a_503_and_not_a_401(server, status, body):
    server.status, server.body = status, body
    client = create_app(FakeWorker(), load_settings(jwks_url=url(server), log_level="error")).test_client()
    response = client.get("/api/v1/agents", headers={"Authorization": f"Bearer {token('RS256')}"})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(KEYS_PAUSE_SECONDS)
    assert response.json["type"] == "urn:frontview:problem:keys-unavailable"
    assert "127.0.0.1" not in response.text


def test_after_a_failed_fetch_there_is_a_pause(server):
    now = [0.0]
    client = _PausingClient(url(server), clock=lambda: now[0])
    server.status = 500
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            client.get_signing_key("RS256")
    assert server.fetches == 1
    server.status, now[0] = 200, KEYS_PAUSE_SECONDS + 0.1
    assert client.get_signing_key("RS256").key_id == "RS256"


def test_an_issuer_that_is_down_does_not_take_away_keys_already_had(server):
    first, second = token("RS256"), token("RS256", claims=CLAIMS | {"jti": "2"})
    client = create_app(FakeWorker(), load_settings(jwks_url=url(server), log_level="error")).test_client()
    assert client.get("/api/v1/agents", headers={"Authorization": f"Bearer {first}"}).status_code == 200
    server.status = 500
    assert client.get("/api/v1/agents", headers={"Authorization": f"Bearer {second}"}).status_code == 200


def test_the_configured_secret_comes_first(tmp_path):
    settings = load_settings(jwt_secret=SECRET, jwks_url="https://issuer.example/keys", data_dir=tmp_path)
    assert token_secret(settings) == SECRET
    assert signing_keys(settings).algorithms == ("HS256",)


def test_a_published_key_set_leaves_no_secret():
    settings = load_settings(jwks_url="https://issuer.example/keys")
    assert token_secret(settings) is None
    assert "HS256" not in signing_keys(settings).algorithms


def test_the_embedded_database_brings_a_secret_of_its_own(tmp_path, monkeypatch):
    monkeypatch.delenv("FRONTVIEW_DATABASE_URL", raising=False)
    secret = token_secret(load_settings(data_dir=tmp_path))
    assert secret
    assert len(secret) >= 32
    assert token_secret(load_settings(data_dir=tmp_path)) == secret


def test_without_any_key_the_application_refuses_to_be_made():
    settings = load_settings(database_url="postgresql://db.example/app")
    with pytest.raises(ConfigurationError, match="FRONTVIEW_JWT_SECRET, FRONTVIEW_JWKS_URL"):
        create_app(FakeWorker(), settings)
