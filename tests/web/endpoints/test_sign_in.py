"""Signing in by a code: its refusals, and what it answers for a token that does or does not verify; no database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from structlog.testing import capture_logs

import web.endpoints.sign_in
from models.errors import DatabaseUnavailable
from tests.web.web_fakes import SECRET, FakeWorker, make_app
from web.auth.sign_in_codes import SealBroken
from web.auth.tokens import issue_token
from web.endpoints.sign_in import BURST, PATH

CODE = "C" * 43


class Kept:
    """The database's part: what is kept for a code, whichever; counts who asks."""

    def __init__(self) -> None:
        self.outcome: str | Exception | None = None
        self.asked: list[str] = []

    def redeem(self, _connection: object, code: str) -> str | None:
        self.asked.append(code)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    found = Kept()

    @contextmanager
    def connection(_engine: object) -> Iterator[None]:
        yield None

    monkeypatch.setattr(web.endpoints.sign_in, "operator_connection", connection)
    monkeypatch.setattr(web.endpoints.sign_in, "redeem_sign_in_code", found.redeem)
    return found


@pytest.fixture
def client() -> Any:
    return make_app(FakeWorker()).test_client()


def problem_of(response: Any) -> str:
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    return str(response.json["type"]).removeprefix("urn:frontview:problem:")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"code": ""}, {"code": "C" * 42}, {"code": "C" * 44}, {"code": CODE + "\n"}, {"code": "C" * 42 + "="},
        {"code": 7}, {"code": None}, {"code": [CODE]}, {"code": CODE, "more": 1}, [CODE], "x",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_code_is_422_and_asks_no_database(client: Any, kept: Kept, body: Any) -> None:
    response = client.post(PATH, json=body)
    assert (response.status_code, problem_of(response)) == (422, "invalid-parameters")
    assert CODE not in response.text
    assert kept.asked == []


def test_a_code_in_the_address_is_refused(client: Any, kept: Kept) -> None:
    assert client.post(f"{PATH}?code={CODE}", json={"code": CODE}).status_code == 422
    assert kept.asked == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_signs_in(client: Any, method: str) -> None:
    response = client.open(PATH, method=method)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


def test_a_form_is_refused_so_that_no_other_site_can_send_one(client: Any, kept: Kept) -> None:
    response = client.post(PATH, data=json.dumps({"code": CODE}), content_type="text/plain")
    assert (response.status_code, problem_of(response)) == (415, "not-json")
    assert kept.asked == []


def test_a_large_body_is_refused(client: Any) -> None:
    assert client.post(PATH, json={"code": "C" * 70_000}).status_code == 413


@pytest.mark.parametrize("admin", [False, True])
def test_the_answer_holds_the_token_and_what_it_says(client: Any, kept: Kept, admin: bool) -> None:
    kept.outcome = token = issue_token(SECRET, 7, admin)
    response = client.post(PATH, json={"code": CODE})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json.keys() == {"token", "expires_at", "user_id", "admin"}
    assert (response.json["token"], response.json["user_id"], response.json["admin"]) == (token, 7, admin)
    assert response.json["expires_at"].endswith("Z")
    assert len(response.json["expires_at"]) == len("2026-05-04T10:11:12Z")


def test_a_token_without_a_nameable_end_is_answered(client: Any, kept: Kept) -> None:
    kept.outcome = jwt.encode({"sub": "7", "exp": 10**17}, SECRET, algorithm="HS256")
    assert client.post(PATH, json={"code": CODE}).json["expires_at"] == "9999-12-31T23:59:59Z"


FOREIGN = {
    "another secret": issue_token("another-secret-of-more-than-32-bytes", 7, admin=True),
    "expired": issue_token(SECRET, 7, ttl_seconds=-60),
    "unsigned": jwt.encode({"sub": "7", "exp": 2**40, "scope": "admin"}, None, algorithm="none"),
    "no token": "anything",
    "a header's end": "a\r\nb: c",
    "nothing": "",
}


@pytest.mark.parametrize("kept_token", FOREIGN.values(), ids=FOREIGN)
def test_a_token_that_does_not_verify_is_refused_like_an_unknown_code(client: Any, kept: Kept, kept_token: str) -> None:
    kept.outcome = kept_token
    with capture_logs() as logs:
        response = client.post(PATH, json={"code": CODE})
    kept.outcome = None
    unknown = client.post(PATH, json={"code": CODE})
    assert (response.status_code, problem_of(response)) == (404, "code-not-valid")
    assert response.json["detail"] == unknown.json["detail"]
    assert [line["event"] for line in logs] == ["sign_in_refused", "request"]
    assert not kept_token or kept_token not in str(logs)


def test_a_broken_seal_is_refused_like_an_unknown_code(client: Any, kept: Kept) -> None:
    kept.outcome = SealBroken("this code does not open what is kept for it")
    with capture_logs() as logs:
        response = client.post(PATH, json={"code": CODE})
    assert (response.status_code, problem_of(response)) == (404, "code-not-valid")
    assert [line["event"] for line in logs] == ["sign_in_refused", "request"]


def test_neither_code_nor_token_is_logged(client: Any, kept: Kept) -> None:
    kept.outcome = issue_token(SECRET, 7)
    with capture_logs() as logs:
        assert client.post(PATH, json={"code": CODE}).status_code == 200
    assert [line["event"] for line in logs] == ["request"]
    assert CODE not in str(logs)
    assert kept.outcome not in str(logs)


def test_too_many_sign_ins_wait_before_their_codes_are_used(client: Any, kept: Kept) -> None:
    answers = [client.post(PATH, json={"code": CODE}) for _ in range(BURST + 20)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {problem_of(answer) for answer in refused} == {"too-many-requests"}
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert len(kept.asked) == len(answers) - len(refused)


def test_ill_formed_requests_use_up_nobodys_turn(client: Any, kept: Kept) -> None:
    assert {client.post(PATH, json={"code": "x"}).status_code for _ in range(3 * BURST)} == {422}
    assert client.post(PATH, json={"code": CODE}).status_code == 404


def test_without_a_database_it_is_503(client: Any, kept: Kept) -> None:
    kept.outcome = DatabaseUnavailable("gone")
    response = client.post(PATH, json={"code": CODE})
    assert (response.status_code, problem_of(response)) == (503, "database-unavailable")
    assert response.headers["Retry-After"]
