"""The admin endpoints' refusals: who may not ask, what cannot be asked, and how often; none of them asks a database."""

import json

import pytest
from structlog.testing import capture_logs

from tests.web.web_fakes import FakeWorker, bearer, make_app

CLIENT = make_app(FakeWorker(), admin_posts_per_minute=10_000).test_client()
POSTS = ["/api/v1/admin/cache/warm", "/api/v1/admin/cache/invalidate", "/api/v1/admin/refresh"]
GETS = ["/api/v1/admin/stats", "/api/v1/admin/tasks/1"]
WARM, INVALIDATE, REFRESH = POSTS
METHODS = [("POST", path) for path in POSTS] + [("GET", path) for path in GETS]
ADMIN = bearer(admin=True)


def post(path, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CLIENT.post(path, data=data, headers=ADMIN | {"Content-Type": "application/json"} | headers)


def faults(response):
    """Return (in, field) of each fault."""
    assert response.status_code == 422, response.text
    assert response.content_type == "application/problem+json"
    assert response.json["type"] == "urn:frontview:problem:invalid-parameters"
    assert all(fault["detail"] for fault in response.json["errors"])
    return {(fault["in"], fault["field"]) for fault in response.json["errors"]}


@pytest.mark.parametrize(("method", "path"), METHODS)
@pytest.mark.parametrize("body", [b"{", b""])
def test_without_a_token_it_is_401_whatever_the_body(method, path, body):
    response = CLIENT.open(path, method=method, data=body)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="frontview"'


@pytest.mark.parametrize(("method", "path"), [*METHODS, ("GET", "/api/v1/admin/tasks/x"), ("GET", GETS[0] + "?x=1")])
@pytest.mark.parametrize("body", [b"{", b"", b'{"view": 1}'])
def test_without_the_scope_it_is_403_whatever_is_asked(method, path, body):
    response = CLIENT.open(path, method=method, data=body, headers=bearer())
    assert response.status_code == 403
    assert response.json["type"] == "urn:frontview:problem:not-admin"
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="frontview", error="insufficient_scope", scope="admin"'
    )


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_a_body_that_is_not_declared_as_json_is_415(path, kind):
    headers = ADMIN | ({} if kind is None else {"Content-Type": kind})
    response = CLIENT.post(path, data=b'{"view": "x"}', headers=headers)
    assert response.status_code == 415
    assert response.headers["Accept-Post"] == "application/json"


NO_OBJECTS = [
    b"", b"{", b"null", b"[]", b'"x"', b"1", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b'{"view": NaN}', b'{"view": Infinity}',
    b'{"view": -Infinity}', b"[" * 20_000, b'{"a":' * 10_000, b"{'view': 'x'}", b'{"view": "x"} {}', b"1" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("body", NO_OBJECTS, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_no_json_object_is_refused(path, body):
    assert faults(post(path, body)) == {("body", "body")}


BAD_INVALIDATIONS = [
    ({}, {"body"}),
    ({"pattern": "*", "user_id": 7}, {"body"}),
    ({"everything": True, "region": "dashboard"}, {"body"}),
    ({"pattern": ""}, {"pattern"}),
    ({"pattern": "x" * 3201}, {"pattern"}),
    ({"pattern": "a\x00b"}, {"pattern"}),
    ({"pattern": "\ud800"}, {"pattern"}),
    ({"pattern": "a\nb"}, {"pattern"}),
    ({"pattern": ["*"]}, {"pattern"}),
    ({"pattern": 1}, {"pattern"}),
    ({"pattern": None}, {"pattern", "body"}),
    ({"pattern": None, "user_id": 7}, {"pattern"}),
    ({"user_id": "7"}, {"user_id"}),
    ({"user_id": 7.5}, {"user_id"}),
    ({"user_id": True}, {"user_id"}),
    ({"user_id": -(2**63) - 1}, {"user_id"}),
    ({"user_id": 2**63}, {"user_id"}),
    ({"user_id": [7]}, {"user_id"}),
    ({"user_id": {"$ne": 7}}, {"user_id"}),
    ({"region": ""}, {"region"}),
    ({"region": "x" * 64}, {"region"}),
    ({"region": 7}, {"region"}),
    ({"everything": False}, {"everything"}),
    ({"everything": 1}, {"everything"}),
    ({"everything": "true"}, {"everything"}),
    ({"Pattern": "*"}, {"Pattern"}),
    ({"pattern": 1, "user_id": "x", "region": 2, "everything": 3, "more": 4},
     {"pattern", "user_id", "region", "everything", "more"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "fields"), BAD_INVALIDATIONS)
def test_every_fault_of_an_invalidation_is_named(body, fields):
    assert faults(post(INVALIDATE, body)) == {("body", field) for field in fields}


BAD_WARMINGS = [
    ({}, {"body"}),
    ({"user_ids": []}, {"user_ids"}),
    ({"user_ids": list(range(1, 1002))}, {"user_ids"}),
    ({"user_ids": 7}, {"user_ids"}),
    ({"user_ids": "7"}, {"user_ids"}),
    ({"user_ids": {"7": 7}}, {"user_ids"}),
    ({"user_ids": [7, "8", 2**63, None, 9.5, [1]]},
     {"user_ids.1", "user_ids.2", "user_ids.3", "user_ids.4", "user_ids.5"}),
    ({"most_active": 0}, {"most_active"}),
    ({"most_active": 10_001}, {"most_active"}),
    ({"most_active": 2.5}, {"most_active"}),
    ({"most_active": "9"}, {"most_active"}),
    ({"most_active": True}, {"most_active"}),
    ({"most_active": 10**400}, {"most_active"}),
    ({"user_ids": [7], "most_active": 3}, {"body"}),
    ({"user_ids": [7], "region": "x"}, {"region"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fields"), BAD_WARMINGS, ids=lambda value: repr(sorted(value) if isinstance(value, set) else value)[:40]
)
def test_every_fault_of_a_warming_is_named(body, fields):
    assert faults(post(WARM, body)) == {("body", field) for field in fields}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"view"}),
        ({"view": ""}, {"view"}),
        ({"view": 7}, {"view"}),
        ({"view": None}, {"view"}),
        ({"view": "x" * 64}, {"view"}),
        ({"view": "x", "tier": "recent"}, {"tier"}),
    ],
)
def test_every_fault_of_a_refresh_is_named(body, fields):
    assert faults(post(REFRESH, body)) == {("body", field) for field in fields}


def test_a_member_given_twice_is_refused():
    assert faults(post(REFRESH, b'{"view": "x", "view": "y"}')) == {("body", "view")}


def test_a_huge_list_of_faults_is_cut():
    response = post(WARM, {"user_ids": ["x"] * 1000})
    assert len(response.json["errors"]) == 100


def test_a_body_beyond_the_limit_is_413():
    assert post(REFRESH, b" " * 65_537).status_code == 413


@pytest.mark.parametrize("path", POSTS)
def test_parameters_in_the_address_are_refused(path):
    assert faults(post(path + "?everything=true&user_id=7", {"user_id": 7})) == {
        ("query", "everything"),
        ("query", "user_id"),
    }


@pytest.mark.parametrize("task", ["0", "-1", "x", "01", "9" * 30, "1.5"])
def test_an_ill_formed_task_is_422(task):
    response = CLIENT.get(f"/api/v1/admin/tasks/{task}", headers=ADMIN)
    assert faults(response) == {("path", "task_id")}


def test_an_unknown_region_is_404_and_names_those_there_are():
    response = post(INVALIDATE, {"region": "nowhere"})
    assert response.status_code == 404
    assert "dashboard" in response.json["detail"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_is_405(path, method):
    response = CLIENT.open(path, method=method, headers=ADMIN)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_too_many_posts_of_one_admin_are_429_and_of_another_are_not():
    client = make_app(FakeWorker(), admin_posts_per_minute=3).test_client()

    def ask(headers):
        return client.post(REFRESH, data=b"", headers=headers)

    statuses = [ask(bearer(1, admin=True)).status_code for _ in range(5)]
    assert statuses == [415, 415, 415, 429, 429], "it is decided before the body is looked at"
    refused = ask(bearer(1, admin=True))
    assert refused.json["type"] == "urn:frontview:problem:too-many-requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert ask(bearer(2, admin=True)).status_code == 415
    assert client.get(GETS[1], headers=bearer(1, admin=True)).status_code != 429


def test_who_may_not_ask_takes_nothing_from_those_who_may():
    client = make_app(FakeWorker(), admin_posts_per_minute=1).test_client()
    for _ in range(5):
        assert client.post(REFRESH, data=b"", headers=bearer(1)).status_code == 403
    assert client.post(REFRESH, data=b"", headers=bearer(1, admin=True)).status_code == 415


def test_each_use_is_logged_with_who_it_was_and_how_it_ended():
    with capture_logs() as lines:
        CLIENT.post(REFRESH, data=b"", headers=bearer(5) | {"X-Request-Id": "one"})
        post(INVALIDATE, {"user_id": "x"}, **{"X-Request-Id": "two"})
        CLIENT.post(WARM, data=b"", headers={"X-Request-Id": "three"})
    used = [line for line in lines if line["event"] == "admin_action"]
    facts = [(line["action"], line["asked_by"], line["request_id"], line["outcome"]) for line in used]
    assert facts == [("refresh", "5", "one", "not_admin"), ("invalidate", "7", "two", "refused")]


def test_an_answer_carries_the_security_headers():
    headers = post(REFRESH, {}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


class TestDocumentation:
    @pytest.fixture
    def document(self):
        return CLIENT.get("/openapi.json", headers=bearer()).json

    @pytest.mark.parametrize("path", POSTS)
    def test_an_action_is_documented_completely(self, document, path):
        action = document["paths"][path]["post"]
        assert action["security"] == [{"bearer": []}]
        assert set(action["responses"]) == {
            "202", "401", "403", "404", "405", "413", "415", "422", "429", "500", "503",
        }  # fmt: skip
        assert action["requestBody"]["required"] is True
        assert set(action["requestBody"]["content"]) == {"application/json"}
        assert action["parameters"] == []
        assert "Retry-After" in action["responses"]["429"]["headers"]

    @pytest.mark.parametrize("path", ["/api/v1/admin/stats", "/api/v1/admin/tasks/{task_id}"])
    def test_a_look_is_documented_completely(self, document, path):
        look = document["paths"][path]["get"]
        assert set(look["responses"]) == {"200", "401", "403", "404", "405", "422", "500", "503"}

    def test_no_member_may_be_null(self, document):
        for name in ("WarmBody", "InvalidateBody", "RefreshBody"):
            schema = document["components"]["schemas"][name]
            assert "null" not in json.dumps(schema)
            assert schema["additionalProperties"] is False
        assert document["components"]["schemas"]["InvalidateBody"]["maxProperties"] == 1

    def test_the_page_shows_what_to_send(self):
        page = CLIENT.get("/docs", headers=bearer()).text
        assert "<code>POST /api/v1/admin/cache/invalidate</code>" in page
        assert "dashboard:*" in page
