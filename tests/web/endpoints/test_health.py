"""What the process reports about itself."""

import pytest

from models.engine import make_engine
from models.errors import DatabaseUnavailable, StatementFailed
from models.schema_version import SchemaState
from models.settings import load_settings
from tests.web.web_fakes import SECRET, FakeFollower, FakeWorker, make_app
from web.app import create_app
from web.endpoints.health import KEPT_SECONDS, DatabaseState, ReadinessCheck, check_database


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
    assert response.json == {"status": "ready", "database": True, "migrations": True, "trust": True, "alarms": []}
    assert response.headers["Cache-Control"] == "no-store"


def test_lapsed_trust_is_reported_but_is_no_failure():
    response = ready(follower=FakeFollower(trusted=False))
    assert response.status_code == 200
    assert response.json["status"] == "degraded"
    assert response.json["trust"] is False


def test_a_newer_schema_is_noted():
    assert ready(lambda _: SchemaState(True, "the schema is newer")).json["note"] == "the schema is newer"


def ready_with(alarms):
    check = ReadinessCheck(lambda _: DatabaseState(SchemaState(True), alarms))
    return create_app(FakeWorker(), load_settings(jwt_secret=SECRET), readiness=check).test_client().get("/readyz")


def test_an_alarm_is_listed_and_is_no_reason_to_send_reads_elsewhere():
    alarm = {"kind": "uncaptured", "subject": "public.loan", "since": "2026-05-04T10:11:12+00:00"}
    response = ready_with((alarm,))
    assert response.status_code == 200
    assert (response.json["status"], response.json["alarms"]) == ("ready", [alarm])


def test_alarms_that_may_not_be_read_are_left_out():
    assert "alarms" not in ready_with(None).json


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
    check = ReadinessCheck(lambda _: looks.append(1) or DatabaseState(SchemaState(True)), clock=lambda: now[0])
    for _ in range(5):
        check.readiness(None)
    assert len(looks) == 1
    now[0] = KEPT_SECONDS
    check.readiness(None)
    assert len(looks) == 2


@pytest.fixture
def engine(database_url):
    engine = make_engine(database_url, "frontview-test", pool_size=1)
    yield engine
    engine.dispose()


def test_while_slow_reads_use_every_connection_the_last_result_counts_if_the_database_answers(engine):
    now, check = [0.0], ReadinessCheck(clock=lambda: now[0])
    before = check.readiness(engine)
    assert before.database.schema == SchemaState(True, "", before.database.schema.applied)
    now[0] = KEPT_SECONDS
    with engine.connect():
        assert check.readiness(engine, database_answers=True) is before
    after = check.readiness(engine, database_answers=True)
    assert after.checked_at == KEPT_SECONDS


def test_a_database_that_refuses_the_question_is_not_reported_as_gone(engine, connection):
    connection.execute("CREATE ROLE of_the_test_of_health")
    try:
        with engine.connect() as pooled:
            pooled.exec_driver_sql("SET SESSION AUTHORIZATION of_the_test_of_health")
            pooled.commit()
        with pytest.raises(StatementFailed) as caught:
            check_database(engine)
        assert caught.value.sqlstate == "42501"
    finally:
        engine.dispose()
        connection.execute("DROP ROLE of_the_test_of_health")
