"""A sign-in link works once over HTTP and gives a normal token; nothing of it stays in a log."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.test_admin import frontview
from tests.fix_app import SECRET, System, filled_system
from tests.fix_postgres import Server
from tests.voice_stage import VOICE
from web.auth.sign_in_codes import digest_of, seal
from web.auth.tokens import issue_token

PATH = "/api/v1/sign-in"
OVERVIEW = "/api/v1/dashboard/overview"


@pytest.fixture(scope="module")
def two_workers(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with filled_system(embedded_server, tmp_path_factory.mktemp("two-workers"), application=VOICE) as system:
        system.start_web(workers=2)
        yield system


@pytest.fixture
def served(two_workers: System) -> System:
    """Two workers, and no code that would sign anybody in."""
    two_workers.sql.execute("DELETE FROM frontview.sign_in_code")
    return two_workers


def link(system: System, *options: str) -> str:
    done: subprocess.CompletedProcess[str] = frontview(system, "token", "--link", *options)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"It signs in once, until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.\n", done.stderr)
    return done.stdout.strip()


def sign_in(system: System, code: str) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{system.port}{PATH}", json={"code": code}, timeout=20)


def read(system: System, token: str, user: int) -> httpx.Response:
    address = f"http://127.0.0.1:{system.port}{OVERVIEW}"
    return httpx.get(address, params={"user_id": user}, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 404, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body = dict(answer.json())
    assert body["type"] == "urn:frontview:problem:code-not-valid"
    return {name: body[name] for name in body if name != "request_id"}


def test_a_link_signs_in_once_and_its_token_reads(served: System) -> None:
    page, _, code = link(served, "--user", "2", "--base-url", "https://dash.example/").partition("#code=")
    assert page == "https://dash.example/"

    answer = sign_in(served, code)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.json()["user_id"], answer.json()["admin"]) == (2, False)
    token = answer.json()["token"]
    assert read(served, token, 2).json()["meta"]["user"]["id"] == 2
    assert read(served, token, 1).status_code == 403
    used = [refused(sign_in(served, code)) for _ in range(4)]  # of either worker
    assert {str(body) for body in used} == {str(refused(sign_in(served, "U" * 43)))}
    log = (served.folder / "web.log").read_text()
    assert PATH in log, "the requests were logged"
    assert not [secret for secret in (code, token, token.split(".")[1]) if secret in log]


def test_an_operators_link_leads_to_the_operators_page_with_admin_rights(served: System) -> None:
    page, _, code = link(served, "--user", "2", "--admin").partition("#code=")
    assert page == "http://127.0.0.1:8000/ops"
    answer = sign_in(served, code).json()
    assert (answer["user_id"], answer["admin"]) == (2, True)
    assert read(served, answer["token"], 1).json()["meta"]["user"]["id"] == 1


def test_a_link_ends_with_its_token_at_the_latest_and_says_so(served: System) -> None:
    code = link(served, "--user", "2", "--ttl", "60").partition("#code=")[2]
    assert served.value("SELECT expires_at <= now() + interval '60 s' FROM frontview.sign_in_code")
    served.sql.execute("UPDATE frontview.sign_in_code SET expires_at = now()")
    assert refused(sign_in(served, code)) == refused(sign_in(served, "U" * 43))


@pytest.mark.parametrize("secret", ["another secret that is as long as that", SECRET], ids=["forged", "expired"])
def test_a_row_that_somebody_wrote_signs_in_with_good_tokens_only(served: System, secret: str) -> None:
    code = "F" * 43
    token = issue_token(secret, 1, admin=True, ttl_seconds=-60 if secret == SECRET else 600)
    served.sql.execute(
        "INSERT INTO frontview.sign_in_code VALUES (%s, %s, now() + interval '1 hour')",
        (digest_of(code), seal(token, code)),
    )
    told_before = (served.folder / "web.log").read_text().count("sign_in_refused")
    assert refused(sign_in(served, code)) == refused(sign_in(served, "U" * 43))
    log = (served.folder / "web.log").read_text()
    assert log.count("sign_in_refused") > told_before
    assert token not in log


OUTAGE = """
CREATE FUNCTION frontview.redeem_sign_in_code(bytea) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN RAISE 'no room' USING ERRCODE = 'insufficient_resources'; END $$
"""


def test_an_outage_is_503_and_says_when_to_come_back_and_a_defect_is_500(served: System) -> None:
    code = link(served, "--user", "2").partition("#code=")[2]
    served.sql.execute("ALTER FUNCTION frontview.redeem_sign_in_code RENAME TO gone")
    assert sign_in(served, code).status_code == 500
    served.sql.execute(OUTAGE)
    unavailable = sign_in(served, code)
    assert (unavailable.status_code, "Retry-After" in unavailable.headers) == (503, True)
    served.sql.execute("DROP FUNCTION frontview.redeem_sign_in_code(bytea)")
    served.sql.execute("ALTER FUNCTION frontview.gone RENAME TO redeem_sign_in_code")
    assert sign_in(served, code).status_code == 200, "a failure of the database does not use it up"
