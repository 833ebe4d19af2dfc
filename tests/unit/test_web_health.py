"""What the process says of itself."""

import pytest

from models.errors import DatabaseUnavailable
from models.schema_version import SchemaState
from tests.unit.web_fakes import FakeFollower, FakeWorker, make_app
from web.health import ANSWER_SECONDS, ReadinessCheck


def ready(look=None, **worker):
    return make_app(FakeWorker(**worker), look, log_level="error").test_client().get("/readyz")


def test_the_process_is_alive_whatever_the_database_does():
    def fail(_engine):
        raise AssertionError("asked the database")

    worker = FakeWorker(failure=DatabaseUnavailable("gone"))
    response = make_app(worker, fail).test_client().get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "alive"})
    assert worker.starts == 0


def test_ready():
    response = ready()
    assert response.status_code == 200
    assert response.json == {"status": "ready", "database": True, "migrations": True, "trust": True}
    assert response.headers["Cache-Control"] == "no-store"


def test_lapsed_trust_is_reported_but_is_no_failure():
    response = ready(follower=FakeFollower(trusted=False))
    assert response.status_code == 200
    assert response.json["status"] == "degraded"
    assert response.json["trust"] is False


def test_a_newer_schema_is_noted():
    assert ready(lambda _: SchemaState(True, "the schema is newer")).json["note"] == "the schema is newer"


@pytest.mark.parametrize(
    ("look", "worker", "kind", "found"),
    [
        (lambda _: None, {}, "database-unavailable", (False, False)),
        (None, {"failure": DatabaseUnavailable("gone")}, "database-unavailable", (False, False)),
        (lambda _: SchemaState(False, "revision x not applied."), {}, "not-migrated", (True, False)),
    ],
)
def test_not_ready_without_database_or_schema(look, worker, kind, found):
    response = ready(look, **worker)
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert "Retry-After" in response.headers
    assert response.json["type"] == f"urn:frontview:problem:{kind}"
    assert (response.json["database"], response.json["migrations"]) == found


def test_the_database_is_asked_at_most_once_a_second():
    now, looks = [0.0], []
    check = ReadinessCheck(lambda _: looks.append(1) or SchemaState(True), clock=lambda: now[0])
    for _ in range(5):
        check.readiness(None)
    assert len(looks) == 1
    now[0] = ANSWER_SECONDS
    check.readiness(None)
    assert len(looks) == 2
