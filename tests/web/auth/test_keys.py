"""Where the keys that verify tokens come from, and what happens when they cannot be had."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from models import ConfigurationError
from models.settings import load_settings
from tests.web.auth.key_server import CLAIMS, KEYS, STRANGER, KeyServer, key_set, published_key, token
from tests.web.web_fakes import SECRET, FakeWorker
from web.app import create_app
from web.auth import key_fetcher
from web.auth.key_fetcher import (
    LONGEST_USE_SECONDS,
    MOST_WAITING,
    REFRESH_SECONDS,
    REQUESTED_FETCH_PAUSE_SECONDS,
    KeysUnavailable,
)
from web.auth.signing_keys import PublishedKeys, UnknownKey, signing_keys, token_secret
from web.auth.verifier import RETRY_KEYS_SECONDS

BOGUS = token("RS256", kid="bogus", key=STRANGER)


def ask(client: FlaskClient, *tokens: str) -> list[int]:
    """Return the status that each token is answered with."""
    return [
        client.get("/api/v1/view/renewals", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in tokens
    ]


def another(number: int = 2) -> str:
    """Return a good token that was not verified yet."""
    return token("RS256", claims=CLAIMS | {"jti": str(number)})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for keys as long as a test may take."""
    monkeypatch.setattr(key_fetcher, "WAIT_SECONDS", 60.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests hardly wait for keys."""
    monkeypatch.setattr(key_fetcher, "WAIT_SECONDS", 0.05)


@pytest.fixture
def unpaused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that a request causes follows the one before at once."""
    monkeypatch.setattr(key_fetcher, "REQUESTED_FETCH_PAUSE_SECONDS", 0.0)


class Asking:
    """Asks for the key of tokens in threads, and keeps the outcomes in the order in which they come."""

    def __init__(self, keys: PublishedKeys) -> None:
        self._keys = keys
        self.outcomes: queue.Queue[str] = queue.Queue()
        self._threads: list[threading.Thread] = []

    def ask(self, *tokens: str) -> None:
        for one in tokens:
            self._threads.append(threading.Thread(target=self._ask, args=(one,)))
            self._threads[-1].start()

    def next(self) -> str:
        return self.outcomes.get(timeout=15)

    def _ask(self, asked: str) -> None:
        try:
            self._keys.key_for(asked)
            self.outcomes.put("found")
        except (UnknownKey, KeysUnavailable) as error:
            self.outcomes.put(type(error).__name__)

    def end(self) -> None:
        for thread in self._threads:
            thread.join()


@pytest.fixture
def asking(keys: PublishedKeys, server: KeyServer) -> Iterator[Asking]:
    asking = Asking(keys)
    yield asking
    server.gate.set()
    asking.end()


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_signed_with_a_published_key_is_believed(client, algorithm):
    assert ask(client, token(algorithm)) == [200]


def test_a_token_of_another_key_is_a_401(client, unpaused):
    secret = {"key": "a-secret-of-more-than-thirty-two-bytes"}
    assert (
        ask(
            client,
            token("RS256", key=STRANGER),
            token("RS256", kid="unknown", key=STRANGER),
            token("RS256", kid=""),
            token("RS256", kid="ES256"),
            token("HS256", kid="RS256", **secret),
            token("HS256", kid="shared", **secret),
        )
        == [401] * 6
    )


def test_the_key_set_is_fetched_once_for_many_tokens(client, server):
    assert ask(client, *(another(n) for n in range(5))) == [200] * 5
    assert server.fetches == 1


def test_unknown_key_names_do_not_make_us_hammer_the_issuer(server, keys, asking, unpaused, patient):
    server.gate.clear()
    asking.ask(*(token("RS256", kid=f"k{n}", key=STRANGER) for n in range(10)))
    refused = 10 - MOST_WAITING
    assert [asking.next() for _ in range(refused)] == ["KeysUnavailable"] * refused, "turned away without waiting"
    server.gate.set()
    assert [asking.next() for _ in range(MOST_WAITING)] == ["UnknownKey"] * MOST_WAITING
    assert server.fetches <= 2
    assert (keys.statistics().unknown, keys.statistics().unavailable) == (MOST_WAITING, refused)


def test_unknown_key_names_cause_one_fetch_a_second(monkeypatch, server, hasty):
    now = [0.0]
    keys = PublishedKeys(server.url, lambda: now[0])
    for _ in range(2):
        with pytest.raises((UnknownKey, KeysUnavailable)):
            keys.key_for(BOGUS)
    assert server.fetches == 1
    now[0] = REQUESTED_FETCH_PAUSE_SECONDS + 0.1
    monkeypatch.setattr(key_fetcher, "WAIT_SECONDS", 15.0)
    with pytest.raises(UnknownKey):
        keys.key_for(BOGUS)
    assert server.fetches == 2
    keys.stop()


@pytest.mark.parametrize(("status", "pause"), [(200, "REFRESH_SECONDS"), (500, "RETRY_SECONDS")])
def test_the_set_is_fetched_again_without_any_request(monkeypatch, server, status, pause):
    monkeypatch.setattr(key_fetcher, pause, 0.01)
    server.status = status
    keys = PublishedKeys(server.url)
    keys.start()
    assert all(server.arrived.acquire(timeout=15) for _ in range(3))
    keys.stop()


@pytest.mark.parametrize(("status", "body"), [(500, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys": []}')])
def test_an_issuer_that_is_down_is_a_503_and_not_a_401(client, server, status, body):
    server.status, server.body = status, body
    response = client.get("/api/v1/view/renewals", headers={"Authorization": f"Bearer {token('RS256')}"})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == str(RETRY_KEYS_SECONDS)
    assert response.json["type"] == "urn:frontview:problem:keys-unavailable"
    assert "127.0.0.1" not in response.text


def test_after_a_failed_fetch_there_is_a_pause(monkeypatch, server, hasty):
    now = [0.0]
    keys = PublishedKeys(server.url, lambda: now[0])
    server.status = 500
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            keys.key_for(token("RS256"))
    assert server.fetches == 1
    server.status, now[0] = 200, REQUESTED_FETCH_PAUSE_SECONDS + 0.1
    monkeypatch.setattr(key_fetcher, "WAIT_SECONDS", 15.0)
    assert keys.key_for(token("RS256")).key_id == "RS256"
    keys.stop()


def test_while_the_issuer_is_down_known_keys_are_used_for_a_day(client, server, clock, unpaused):
    assert ask(client, token("RS256")) == [200]
    server.status = 500
    for number, seconds in enumerate((REFRESH_SECONDS + 1, LONGEST_USE_SECONDS - REFRESH_SECONDS - 60)):
        clock.ahead += seconds
        assert ask(client, BOGUS, another(number)) == [503, 200]
    clock.ahead += 60
    assert ask(client, another(3)) == [503]
    server.status = 200
    assert ask(client, another(3)) == [200]


def test_nobody_waits_whose_key_is_known(client, server, asking, unpaused, patient):
    assert ask(client, token("RS256")) == [200]
    assert server.arrived.acquire(timeout=15)
    server.gate.clear()
    asking.ask(BOGUS)
    assert server.arrived.acquire(timeout=15), "the bogus name made the issuer be asked, which hangs now"
    assert ask(client, another()) == [200]
    assert asking.outcomes.empty(), "the bogus name still waits"
    server.gate.set()
    assert asking.next() == "UnknownKey"


def test_a_rotation_is_seen_at_the_first_token_of_the_new_key(client, server, clock):
    assert ask(client, token("RS256")) == [200]
    new = ec.generate_private_key(ec.SECP256R1())
    server.body = key_set(published_key("ES256", new, kid="new"))
    clock.ahead += REQUESTED_FETCH_PAUSE_SECONDS
    assert ask(client, token("ES256", kid="new", key=new)) == [200]
    assert server.fetches == 2
    clock.ahead += REQUESTED_FETCH_PAUSE_SECONDS
    assert ask(client, another()) == [401], "a key that is no longer published is dropped at once"


def test_a_new_key_is_found_by_a_fetch_that_began_after_its_token_came(server, asking, unpaused, patient):
    server.gate.clear()
    asking.ask(BOGUS)
    assert server.arrived.acquire(timeout=15)
    new = ec.generate_private_key(ec.SECP256R1())
    server.body = key_set(published_key("ES256", new, kid="new"))  # The fetch that hangs will not bring it.
    asking.ask(token("ES256", kid="new", key=new))
    server.gate.set()
    assert sorted((asking.next(), asking.next())) == ["UnknownKey", "found"]
    assert server.fetches == 2


def test_a_request_waits_only_so_long_and_the_fetch_goes_on(monkeypatch, server, keys, hasty):
    server.gate.clear()
    with pytest.raises(KeysUnavailable):
        keys.key_for(token("RS256"))
    server.gate.set()
    monkeypatch.setattr(key_fetcher, "WAIT_SECONDS", 15.0)
    assert keys.key_for(token("RS256")).key_id == "RS256"
    assert server.fetches == 1


def test_a_set_without_a_usable_key_does_not_replace_a_good_one(client, server, unpaused):
    assert ask(client, token("RS256")) == [200]
    server.body = key_set()
    assert ask(client, BOGUS, another()) == [503, 200]


def test_the_reason_of_a_failure_is_logged_once_and_so_is_its_end(client, server, clock, unpaused):
    with capture_logs() as logs:
        ask(client, token("RS256"))
        server.status = 403
        ask(client, BOGUS, BOGUS, BOGUS)
        server.status, server.body = 200, b"<html>"
        ask(client, BOGUS)
        clock.ahead += LONGEST_USE_SECONDS
        ask(client, BOGUS)
        server.body = key_set(published_key("RS256"))
        ask(client, token("RS256"), BOGUS)
    told = [line for line in logs if line["event"].startswith("keys_")]
    assert [(line["event"], line["log_level"], line.get("reason"), line.get("keys")) for line in told] == [
        ("keys_fetched", "info", None, 4),
        ("keys_not_fetched", "warning", "HTTP status 403", None),
        ("keys_not_fetched", "warning", "the answer is not JSON", None),
        ("keys_not_fetched", "error", "the answer is not JSON", None),
        ("keys_fetched", "info", None, 1),
    ]
    assert told[1]["usable_seconds"] == LONGEST_USE_SECONDS
    assert told[3]["usable_seconds"] == 0


def test_fetches_and_the_age_of_the_keys_are_counted(keys, server, clock, unpaused):
    assert keys.statistics().age_seconds is None, "nothing was asked yet"
    keys.key_for(token("RS256"))
    server.status = 500
    clock.ahead += 1000
    with pytest.raises(KeysUnavailable):
        keys.key_for(BOGUS)
    counted = keys.statistics()
    assert (counted.fetched, counted.fetch_failed, counted.unknown, counted.unavailable) == (1, 1, 0, 1)
    assert 1000 <= counted.age_seconds < LONGEST_USE_SECONDS


def test_a_forked_child_has_the_keys_and_fetches_for_itself(keys, server, unpaused):
    keys.key_for(token("RS256"))
    child = os.fork()
    if child == 0:
        try:
            keys.key_for(token("RS256"))
            keys.key_for(BOGUS)
        except UnknownKey:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.fetches == 2


@pytest.mark.proof  # it starts a web process
def test_a_server_whose_keys_cannot_be_fetched_starts_and_says_why(server):
    server.status = 403
    code = """if True:
    from tests.waiting import until
    from web.context import context_of
    from web.wsgi import started_app
    app = started_app()
    response = app.test_client().get("/api/v1/view/renewals", headers={"Authorization": "Bearer " + input()})
    until(lambda: context_of(app).verifier.key_statistics().fetch_failed > 0, "a failed fetch of keys")
    print(response.status_code)
    """
    environment = os.environ | {
        "FRONTVIEW_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "FRONTVIEW_JWKS_URL": server.url,
        "FRONTVIEW_LOG_FORMAT": "json",
    }
    environment.pop("FRONTVIEW_JWT_SECRET", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, input=BOGUS, capture_output=True, text=True, check=True
    )
    *lines, last = done.stdout.splitlines()
    assert last == "503"
    told = [json.loads(line) for line in [*lines, *done.stderr.splitlines()] if "keys_not_fetched" in line]
    assert [line["reason"] for line in told] == ["HTTP status 403"]


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
