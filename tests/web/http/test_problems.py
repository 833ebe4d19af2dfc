"""Errors over HTTP: always problem+json, never a word of what happened inside."""

import json

import pytest
from werkzeug.exceptions import BadRequest, ImATeapot, RequestTimeout, UnsupportedMediaType

from models.errors import DatabaseUnavailable, InvalidParameters, NotFound, NotMigrated
from tests.web.web_fakes import FakeWorker, bearer, make_app

LOANS = "/api/v1/view/loans"
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


def answer(outcome: Exception):
    """Return the response to a read that ends in ``outcome``."""
    worker = FakeWorker()
    worker.read_path.outcome = outcome
    return make_app(worker, log_level="error").test_client().get(LOANS, headers=bearer())


def assert_problem(response, status: int) -> dict:
    """Return the problem's body, after checking what every problem must have."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    body = json.loads(response.data)
    assert body.keys() >= MEMBERS
    assert body["status"] == status
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    return body


def test_no_such_data_is_a_404_with_its_reason():
    assert assert_problem(answer(NotFound("no such member")), 404)["detail"] == "no such member"


def test_parameters_that_only_the_database_can_refuse_are_a_422():
    body = assert_problem(answer(InvalidParameters("at most 400 days", "to")), 422)
    assert body["errors"] == [{"in": "query", "field": "to", "detail": "at most 400 days"}]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DatabaseUnavailable("connection to 10.0.0.7 as boss failed: SELECT secret"), "database-unavailable"),
        (NotMigrated("relation frontview.x is missing."), "not-migrated"),
    ],
)
def test_a_database_that_cannot_be_read_is_a_503_that_says_when_to_come_back(error, kind):
    response = answer(error)
    body = assert_problem(response, 503)
    assert body["type"] == f"urn:frontview:problem:{kind}"
    assert int(response.headers["Retry-After"]) > 0
    assert not any(word in response.text for word in ("10.0.0.7", "boss", "SELECT", "frontview.x"))


def test_a_worker_that_cannot_start_is_a_503():
    app = make_app(FakeWorker(failure=DatabaseUnavailable("no server")), log_level="error")
    assert_problem(app.test_client().get(LOANS, headers=bearer()), 503)
    assert app.test_client().get("/healthz").status_code == 200


def test_a_defect_is_a_500_without_a_traceback():
    response = answer(ZeroDivisionError("SELECT * FROM member WHERE name = 'ann@example.org'"))
    assert_problem(response, 500)
    assert not any(word in response.text for word in ("Traceback", "ZeroDivision", "SELECT", "ann@", ".py"))


@pytest.mark.parametrize("testing", [True, False])
@pytest.mark.parametrize("debug", [True, False])
def test_a_defect_is_a_500_however_flask_is_set(testing, debug):
    worker = FakeWorker()
    worker.read_path.outcome = KeyError("x")
    app = make_app(worker, log_level="error")
    app.testing, app.debug = testing, debug
    assert_problem(app.test_client().get(LOANS, headers=bearer()), 500)


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/v1/", "/api/v1/view/renewals/", "/api/v1/view/renewals/1", "/healthz//", "/é"]
)
def test_no_such_address_is_a_404(path):
    body = assert_problem(make_app(FakeWorker()).test_client().get(path), 404)
    assert body["type"] == "about:blank"
    assert body["instance"].isascii()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", [LOANS, "/api/v1/view/renewals", "/healthz", "/docs"])
def test_another_method_is_a_405_that_lists_those_allowed(path, method):
    response = make_app(FakeWorker()).test_client().open(path, method=method)
    assert_problem(response, 405)
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_large_body_is_a_413():
    response = make_app(FakeWorker()).test_client().get("/healthz", data=b"x" * 65_537)
    assert_problem(response, 413)


@pytest.mark.parametrize(
    ("error", "status"),
    [(BadRequest("<b>"), 400), (UnsupportedMediaType(), 415), (RequestTimeout(), 408), (ImATeapot(), 418)],
)
def test_whatever_werkzeug_raises_is_a_problem(error, status):
    response = answer(error)
    assert_problem(response, status)
    assert "<b>" not in response.text


def test_the_instance_is_the_path_without_its_query():
    response = make_app(FakeWorker()).test_client().get("/api/v1/view/renewals?from=secret", headers=bearer())
    assert response.json["instance"] == "/api/v1/view/renewals"
    assert "secret" not in response.text


def test_a_sane_request_id_is_kept_and_any_other_replaced():
    client = make_app(FakeWorker()).test_client()
    assert client.get("/healthz", headers={"X-Request-Id": "abc-123.DEF"}).headers["X-Request-Id"] == "abc-123.DEF"
    for bad in ("", "a b", "x" * 65, "<script>", "a\tb", "-x", 'a"'):
        made = client.get("/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made != bad
        assert len(made) == 32
    first, second = (client.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first != second
