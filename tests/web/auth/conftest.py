"""A key server, and the keys of a web process that fetches from it."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from models.settings import load_settings
from tests.web.auth.key_server import Clock, KeyServer, running_key_server
from tests.web.web_fakes import FakeWorker
from web.app import create_app
from web.auth.signing_keys import PublishedKeys
from web.auth.verifier import TokenVerifier


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with running_key_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server: KeyServer, clock: Clock) -> Iterator[PublishedKeys]:
    keys = PublishedKeys(server.url, clock)
    yield keys
    server.gate.set()
    keys.stop()


@pytest.fixture
def client(server: KeyServer, keys: PublishedKeys) -> FlaskClient:
    settings = load_settings(jwks_url=server.url, log_level="error")
    return create_app(FakeWorker(), settings, verifier=TokenVerifier(keys)).test_client()
