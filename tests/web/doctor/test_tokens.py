"""``frontview doctor`` fetches the key set that verifies tokens, and says what is wrong with it."""

from collections.abc import Iterator

import pytest

from models.settings import load_settings
from tests.web.auth.key_server import KeyServer, running_key_server
from web.doctor.tokens import verification


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with running_key_server() as server:
        yield server


def test_a_key_set_that_can_be_used_passes(server: KeyServer) -> None:
    found = verification(load_settings(jwks_url=server.url))
    assert (found.subject, found.outcome) == ("tokens", "pass")
    assert found.detail == "verified with 3 published keys (ES256, EdDSA, RS256)"
    assert server.fetches == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"", "HTTP status 403"),
        (200, b"<html>", "the answer is not JSON"),
        (200, b'{"keys": []}', "no signing key"),
    ],
)
def test_a_key_set_that_cannot_be_used_fails(server: KeyServer, status: int, body: bytes, words: str) -> None:
    server.status, server.body = status, body
    found = verification(load_settings(jwks_url=server.url))
    assert found.outcome == "fail"
    assert words in found.detail
    assert "FRONTVIEW_JWKS_URL" in found.remedy
