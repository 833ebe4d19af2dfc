"""What a read looks like over HTTP: body, headers, conditions, and what reaches the read path."""

import json
from dataclasses import replace
from datetime import date

import pytest
from flask.testing import FlaskClient

from tests.neutral.catalog import CATALOG
from tests.web.web_fakes import HIT, MISS, FakeWorker, bearer, make_app
from web.reads.read_path import ReadPolicy

COUNTER = "/api/v1/dashboard/counter"
PATHS = ("dashboard/counter", "list/renewed", "view/loans", "view/account")


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def client(worker: FakeWorker) -> FlaskClient:
    return make_app(worker).test_client()


def test_the_body_is_the_data_as_it_came_and_how_it_came_to_be(client):
    response = client.get(COUNTER, headers=bearer())
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.data.startswith(b'{"data":' + HIT.data + b',"meta":{')
    assert response.json["meta"] == {
        "source": "cache",
        "calculated_at": "2026-09-21T14:13:20.250Z",
        "expires_at": "2026-09-21T14:23:20.250Z",
        "age_seconds": 16.988,
        "patched_days": 1,
        "watermark": "3-1842",
        "parameters": {"granularity": "day"},
    }


def test_integers_beyond_2_to_the_53_stay_integers(client):
    assert b":9007199254740993}" in client.get(COUNTER, headers=bearer()).data


def test_a_hit_says_so_in_its_headers(client):
    headers = client.get(COUNTER, headers=bearer()).headers
    assert headers["ETag"] == HIT.etag
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["Vary"] == "Authorization"
    assert headers["Cache-Status"] == "frontview; hit; ttl=583"
    assert headers["Age"] == "16"
    assert headers["Server-Timing"].startswith("cache, total;dur=")


@pytest.mark.parametrize(
    ("reading", "status"),
    [
        (MISS, 'frontview; fwd=miss; stored, postgresql; hit; detail="materialized_view; patched=1"'),
        (
            replace(MISS, stored=False, miss_reason="request", patched_days=0),
            'frontview; fwd=request, postgresql; hit; detail="materialized_view; patched=0"',
        ),
        (
            replace(MISS, source="database", miss_reason="stale"),
            'frontview; fwd=stale; stored, postgresql; fwd=miss; detail="database"',
        ),
    ],
)
def test_a_miss_says_why_and_what_postgresql_did(client, worker, reading, status):
    worker.read_path.outcome = reading
    headers = client.get(COUNTER, headers=bearer()).headers
    assert headers["Cache-Status"] == status
    assert headers["Server-Timing"].startswith("db;dur=0.31, total;dur=")
    assert headers["Age"] == "0"


@pytest.mark.parametrize("given", [HIT.etag, f"W/{HIT.etag}", f'"x", {HIT.etag}', f'W/"x",W/{HIT.etag}', "*", " * "])
def test_304_with_the_same_headers_when_the_client_has_the_data(client, given):
    full = client.get(COUNTER, headers=bearer())
    response = client.get(COUNTER, headers=bearer() | {"If-None-Match": given})
    assert response.status_code == 304
    assert response.data == b""
    for name in ("ETag", "Cache-Control", "Vary", "Cache-Status", "Age"):
        assert response.headers[name] == full.headers[name]
    assert "Server-Timing" in response.headers


@pytest.mark.parametrize("given", ['"other"', HIT.etag.strip('"'), "", '"*"', "W/*", 'x"'])
def test_200_when_the_client_has_other_data(client, given):
    assert client.get(COUNTER, headers=bearer() | {"If-None-Match": given}).status_code == 200


def test_an_answer_past_its_trust_says_so_and_is_never_a_304(client, worker):
    worker.read_path.outcome = replace(HIT, stale=True)
    response = client.get(COUNTER, headers=bearer() | {"If-None-Match": HIT.etag})
    assert response.status_code == 200
    assert response.json["meta"]["stale"] is True


def test_head_is_get_without_a_body(client):
    got, head = (client.open(COUNTER, method=method, headers=bearer()) for method in ("GET", "HEAD"))
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(got.data))
    assert head.headers["ETag"] == got.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "question", "arguments"),
    [
        ("list/renewed", "list.renewed", {"limit": 5}),
        (
            "dashboard/counter?from=2024-02-29&to=2024-03-31&granularity=week&desk=12&order=-desk&limit=3",
            "counter",
            {
                "from": date(2024, 2, 29), "to": date(2024, 3, 31), "granularity": "week", "desk": (12,),
                "order": "-desk", "limit": 3,
            },
        ),
        ("dashboard/counter", "counter", {"granularity": "day"}),
        ("view/renewals?to=2024-03-31", "view.renewals", {"to": date(2024, 3, 31), "granularity": "day"}),
        ("view/account", "view.account", {}),
    ],
)  # fmt: skip
def test_each_read_asks_its_question_with_parsed_parameters(client, worker, path, question, arguments):
    assert client.get(f"/api/v1/{path}", headers=bearer()).status_code == 200
    [(asked, user, given, policy)] = worker.read_path.asked
    assert (asked, user, policy) == (question, 7, ReadPolicy())
    assert given == arguments
    assert set(given) <= set(CATALOG.dashboard(question).arguments)


@pytest.mark.parametrize(
    ("headers", "policy"),
    [
        ({}, ReadPolicy()),
        ({"Cache-Control": "no-cache"}, ReadPolicy(exact=True)),
        ({"Cache-Control": "No-Cache, stale-if-error=30"}, ReadPolicy(exact=True, stale_if_error_seconds=30)),
        ({"Cache-Control": "max-age=5"}, ReadPolicy(max_age_seconds=5.0)),
        ({"Cache-Control": 'max-age="5"'}, ReadPolicy(max_age_seconds=5.0)),
        ({"Cache-Control": "max-age=0"}, ReadPolicy(exact=True, max_age_seconds=0.0)),
        ({"Cache-Control": "max-age=9, max-age=5"}, ReadPolicy(max_age_seconds=5.0)),
        ({"Cache-Control": "max-age=31535999"}, ReadPolicy(max_age_seconds=31535999.0)),
        ({"Cache-Control": "max-age=99999999999999999999999"}, ReadPolicy()),
        ({"Cache-Control": "max-age"}, ReadPolicy()),
        ({"Cache-Control": "max-age=-1"}, ReadPolicy()),
        ({"Cache-Control": "max-age=1.5"}, ReadPolicy()),
        ({"Cache-Control": "max-age=٣"}, ReadPolicy()),
        ({"Cache-Control": "max-age = 5"}, ReadPolicy()),
        ({"Cache-Control": "x no-cache"}, ReadPolicy()),
        ({"Cache-Control": '"no-cache'}, ReadPolicy()),
        ({"Cache-Control": 'x="a, no-cache, b"'}, ReadPolicy()),
        ({"Cache-Control": "max-age=, stale-if-error=7,, no-cach"}, ReadPolicy(stale_if_error_seconds=7)),
        ({"Cache-Control": "no-cache," + "x" * 2000}, ReadPolicy()),
        ({"Pragma": "no-cache"}, ReadPolicy(exact=True)),
        ({"Pragma": "no-cache", "Cache-Control": "max-age=5"}, ReadPolicy(max_age_seconds=5.0)),
    ],
)
def test_what_the_client_asks_of_caches_reaches_the_read_path(client, worker, headers, policy):
    encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    assert client.get(COUNTER, headers=bearer() | encoded).status_code == 200
    assert worker.read_path.asked[0][3] == policy


def test_an_admin_may_ask_about_anybody(client, worker):
    for path in PATHS:
        assert client.get(f"/api/v1/{path}?user_id=8", headers=bearer(admin=True)).status_code == 200
    assert {asked[1] for asked in worker.read_path.asked} == {8}


def test_everybody_may_name_themselves(client, worker):
    assert client.get(f"{COUNTER}?user_id=7", headers=bearer()).status_code == 200
    assert worker.read_path.asked[0][1] == 7


def test_asking_about_another_user_is_refused_before_any_look_up(client, worker):
    answers = []
    for other in (8, 9_999_999):
        for path in PATHS:
            response = client.get(f"/api/v1/{path}?user_id={other}", headers=bearer())
            assert response.status_code == 403
            assert "insufficient_scope" in response.headers["WWW-Authenticate"]
            body = json.loads(response.data)
            del body["request_id"]
            headers = {
                name: value for name, value in response.headers if name not in {"X-Request-Id", "Content-Length"}
            }
            answers.append((other, path, body, headers))
    assert worker.read_path.asked == []
    half = len(answers) // 2
    assert [answer[1:] for answer in answers[:half]] == [answer[1:] for answer in answers[half:]]


def test_the_worker_starts_with_the_first_read_only(client, worker):
    client.get("/healthz")
    client.get("/docs")
    client.get("/nowhere")
    assert worker.starts == 0
    client.get(COUNTER, headers=bearer())
    assert worker.starts == 1
