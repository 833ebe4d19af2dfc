"""The layer before Flask answers repetitions only, and exactly as Flask would."""

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refresher.front_cache.body import compressed
from tests.web.web_fakes import HELD, HIT, NOW, SECRET, FakeWorker, make_app, make_held
from web.auth.tokens import issue_token
from web.auth.verifier import LONGEST_CACHED_SECONDS
from web.front import Generations
from web.reads.read_path import cached_reading

LOANS = "/api/v1/view/loans"
VARYING = {"X-Request-Id", "Server-Timing"}


def bearer(user: int = 7) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(SECRET, user, False, 60)}"}


@pytest.fixture
def worker() -> FakeWorker:
    """Its front cache holds an answer that says it was calculated by nobody in Flask."""
    worker = FakeWorker()
    worker.read_path.held = HELD
    return worker


@pytest.fixture
def client(worker):
    return make_app(worker, access_log=False).test_client()


def test_a_repetition_does_not_reach_flask_and_is_answered_alike(client, worker):
    headers = bearer()
    by_flask = client.get(LOANS, headers=headers)
    by_front = client.get(LOANS, headers=headers)

    assert len(worker.read_path.asked) == 1
    assert (by_front.status, by_front.data) == (by_flask.status, by_flask.data)
    assert set(by_front.headers.keys()) == set(by_flask.headers.keys())
    for name, value in by_flask.headers.items():
        assert name in VARYING or by_front.headers[name] == value


def test_not_modified_is_answered_alike(client, worker):
    headers = bearer() | {"If-None-Match": HIT.etag}
    by_flask = client.get(LOANS, headers=headers)
    by_front = client.get(LOANS, headers=headers)

    assert len(worker.read_path.asked) == 1
    assert (by_front.status, by_front.data) == (by_flask.status, by_flask.data) == ("304 NOT MODIFIED", b"")
    assert set(by_front.headers.keys()) == set(by_flask.headers.keys())


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"Cache-Control": "no-cache"}},
        {"headers": {"Cache-Control": "max-age=5"}},
        {"headers": {"Pragma": "no-cache"}},
        {"method": "HEAD"},
        {"query_string": "user_id=7"},
        {"data": b"x"},
    ],
)
def test_what_is_not_a_plain_repetition_reaches_flask(client, worker, change):
    headers = bearer()
    client.get(LOANS, headers=headers)

    client.open(LOANS, headers=headers | change.pop("headers", {}), **change)

    assert len(worker.read_path.asked) == 2


@pytest.mark.parametrize("pragma", [{}, {"Pragma": "no-cache"}])
def test_a_page_that_keeps_answers_itself_asks_for_any_age_and_is_answered_here(client, worker, pragma):
    headers = bearer() | {"Cache-Control": "max-age=31536000"} | pragma
    client.get(LOANS, headers=headers)
    client.get(LOANS, headers=headers)
    [(_, _, _, policy)] = worker.read_path.asked
    assert (policy.exact, policy.max_age_seconds) == (False, None)


def test_another_user_never_gets_the_first_ones_entry(client, worker):
    client.get(LOANS, headers=bearer(7))
    client.get(LOANS, headers=bearer(8))

    assert [user for _, user, *_ in worker.read_path.asked] == [7, 8]


def test_a_token_is_verified_anew_when_its_claims_may_no_longer_be_used(client, worker, monkeypatch):
    headers = bearer()
    assert client.get(LOANS, headers=headers).status_code == 200
    monkeypatch.setattr("web.front.TokenVerifier.verified", refuse)
    assert client.get(LOANS, headers=headers).status_code == 200

    monkeypatch.setattr(worker.read_path, "monotonic", lambda: time.monotonic() + LONGEST_CACHED_SECONDS)
    assert client.get(LOANS, headers=headers).status_code == 401


def test_an_expired_token_gets_no_hit(client, worker, monkeypatch):
    headers = bearer()
    assert client.get(LOANS, headers=headers).status_code == 200
    monkeypatch.setattr("web.front.TokenVerifier.verified", refuse)
    monkeypatch.setattr("web.front.time", lambda: time.time() + 60)
    assert client.get(LOANS, headers=headers).status_code == 401


def test_a_new_entry_is_answered_with_what_it_says(client, worker):
    headers = bearer()
    first = [client.get(LOANS, headers=headers).get_json() for _ in range(2)][1]
    worker.read_path.held = make_held(b'{"user_id":7,"fees":1}', drain_id=1843)
    second = client.get(LOANS, headers=headers).get_json()
    assert (first["data"]["fees"], second["data"]["fees"]) == (9007199254740993, 1)
    assert (first["meta"]["watermark"], second["meta"]["watermark"]) == ("3-1842", "3-1843")
    assert len(worker.read_path.asked) == 1


def refuse(_verifier, _authorization, _claim=None):
    from web.auth.verifier import _invalid  # noqa: PLC0415

    raise _invalid("The token has expired.")


def test_what_was_learnt_under_another_declaration_is_learnt_anew(client, worker, monkeypatch):
    path, active = worker.read_path, ["one"]
    plain_key = path.key
    monkeypatch.setattr(path, "key", lambda *asked: plain_key(*asked)._replace(declaration=active[0]))
    monkeypatch.setattr(path, "hit", lambda key, _arrived: HELD if key.declaration == active[0] else None)
    headers = bearer()
    for asked, declaration in enumerate(["one", "two", "one"], 1):
        active[0] = declaration
        for _ in range(3):
            assert client.get(LOANS, headers=headers).status_code == 200
        assert len(path.asked) == asked


def test_without_an_entry_flask_computes(client, worker):
    headers = bearer()
    client.get(LOANS, headers=headers)
    worker.read_path.held = None
    client.get(LOANS, headers=headers)

    assert len(worker.read_path.asked) == 2


def test_an_error_is_never_remembered(client, worker):
    headers = bearer()
    assert client.get(LOANS, query_string="x=1", headers=headers).status_code == 422
    assert client.get(LOANS, query_string="x=1", headers=headers).status_code == 422


def test_a_stale_answer_is_no_not_modified(client, worker):
    worker.read_path.outcome = replace(HIT, stale=True)
    worker.read_path.held = None
    headers = bearer() | {"If-None-Match": HIT.etag}
    assert client.get(LOANS, headers=headers).status_code == 200


ENCODINGS = st.sampled_from(["gzip", "br", "gzip;q=0", "identity", "*", ""])
TAGS = st.sampled_from([HIT.etag, f"W/{HIT.etag}", '"another"', f'"another", {HIT.etag}', "*", HIT.etag.strip('"'), ""])
DIRECTIVES = st.sampled_from(
    ["no-cache", "max-age=0", "max-age=60", "max-age=31536000", "no-store", "", "x", "max-age=x"]
)
IDS = st.text(st.sampled_from("abc-._ <"), max_size=70)


@settings(deadline=None)
@given(
    headers=st.fixed_dictionaries(
        {},
        optional={
            "Accept-Encoding": ENCODINGS,
            "If-None-Match": TAGS,
            "Cache-Control": DIRECTIVES,
            "Pragma": st.sampled_from(["no-cache", ""]),
            "X-Request-Id": IDS,
        },
    ),
    large=st.booleans(),
    query=st.sampled_from(["", "user_id=7", "user_id=8", "nonsense=1", "user_id=7&user_id=7"]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_with_and_without_the_layer_every_answer_is_alike(headers, large, query, method):
    data = b'{"user_id":7,"x":"' + b"y" * 5000 + b'"}'
    held = make_held(compressed(data) if large else data)
    given_headers = bearer() | headers
    answers = []
    for front_layer in (True, False):
        worker = FakeWorker()
        worker.read_path.held, worker.read_path.outcome = held, cached_reading(held, NOW)
        client = make_app(worker, access_log=False, front_layer=front_layer).test_client()
        client.get(LOANS, query_string=query, headers=given_headers)
        answer = client.open(LOANS, method=method, query_string=query, headers=given_headers)
        told = {name: value for name, value in answer.headers.items() if name != "Server-Timing"}
        if not headers.get("X-Request-Id") or told["X-Request-Id"] != headers["X-Request-Id"]:
            assert len(told.pop("X-Request-Id")) == 32
        body = answer.get_json(silent=True) if answer.status_code >= 400 else answer.data
        if isinstance(body, dict):
            assert body.pop("request_id") == answer.headers["X-Request-Id"]
        answers.append((answer.status, told, body))
    by_front, by_flask = answers
    assert by_front == by_flask


# --- what it remembers of requests


def test_what_is_used_once_a_generation_stays_and_the_rest_is_forgotten() -> None:
    memory: Generations[int, str] = Generations(10)
    memory.put(-1, "used")
    memory.put(-2, "not used")
    for number in range(100):
        memory.put(number, "passing")
        if number % 5 == 0:
            assert memory.get(-1) == "used"
    assert memory.get(-2) is None


def test_there_are_never_more_than_two_generations() -> None:
    memory: Generations[int, int] = Generations(10)
    for number in range(1000):
        memory.put(number, number)
        memory.get(number - 15)
        assert len(memory) <= 20


def test_what_is_put_again_is_replaced_wherever_it_was() -> None:
    memory: Generations[str, int] = Generations(2)
    for key, value in (("a", 1), ("b", 1), ("c", 1), ("a", 2)):
        memory.put(key, value)
    assert memory.get("a") == 2
