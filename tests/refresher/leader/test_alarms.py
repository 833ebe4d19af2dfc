"""Alarms of a running system: the leader raises them, and every place an operator looks at shows them."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from models.embedded import direct_url
from models.engine import make_engine
from models.settings import load_settings
from refresher.leader.alarms import EXACTNESS, UNCAPTURED, clear_alarms, count_alarms, raise_alarm
from tests.fix_app import System, free_port
from tests.neutral.reads import ORACLE
from tests.oracle.comparisons import Tally
from tests.waiting import until
from web.cli import main
from web.endpoints.health import check_database

pytestmark = pytest.mark.proof  # each test starts processes

EMPTY = "SELECT count(*) FROM frontview.stale_key"


@pytest.fixture
def watched(system: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """A refresher that looks every second, audits all the time and tells its metrics."""
    port = free_port()
    system.environment |= {
        "FRONTVIEW_COVERAGE_SECONDS": "1",
        "FRONTVIEW_AUDIT_DUTY": "0.5",
        "FRONTVIEW_REFRESHER_METRICS_PORT": str(port),
        "FRONTVIEW_LOG_FORMAT": "json",
    }
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", system.url)
    system.start_refresher()
    system.wait_for_views()
    return system


def metrics(system: System) -> dict[str, float]:
    """Return the samples of the refresher's metrics; nothing before it answers."""
    port = system.environment["FRONTVIEW_REFRESHER_METRICS_PORT"]
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.TransportError:
        return {}
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def status() -> dict:
    result = CliRunner().invoke(main, ["status", "--json"])
    assert result.exit_code == 0, result.output
    found: dict = json.loads(result.stdout)
    return found


def alarm_kinds() -> set[tuple[str, str]]:
    return {(alarm["kind"], alarm["subject"]) for alarm in status()["alarms"]}


def test_a_gap_in_the_capture_shows_everywhere_and_ends(watched: System) -> None:
    watched.start_web(workers=1)
    watched.sql.execute("ALTER TABLE loan DISABLE TRIGGER frontview_capture_loans_1_update")
    watched.sql.execute("UPDATE loan SET fee_cents = fee_cents + 1000 WHERE member_id = 1")

    wanted = (UNCAPTURED, "public.loan")
    until(lambda: wanted in alarm_kinds(), "alarm in status")
    with watched.client(1) as client:
        until(lambda: client.get("/readyz").json()["alarms"], "alarm in /readyz")
        ready = client.get("/readyz")
        data = client.get("/api/v1/view/loans?from=2026-01-01", headers={"Cache-Control": "no-cache"}).json()["data"]
    shown = {(alarm["kind"], alarm["subject"]): alarm["since"] for alarm in ready.json()["alarms"]}
    assert ready.status_code == 200
    assert datetime.now(UTC) - datetime.fromisoformat(shown[wanted]) < timedelta(minutes=1)
    fees = watched.value("SELECT sum(fee_cents) FROM loan WHERE member_id = 1")
    assert data["totals"]["fees"] == fees
    until(lambda: metrics(watched).get('frontview_alarms{kind="uncaptured"}') == 1, "alarm in the metrics")

    watched.sql.execute("ALTER TABLE loan ENABLE ALWAYS TRIGGER frontview_capture_loans_1_update")
    until(lambda: wanted not in alarm_kinds(), "end of the alarm")
    assert ("capture_changed", "public.loan") in alarm_kinds()
    assert "alarm_cleared" in watched.log("refresher")


def test_what_happened_while_nobody_led_is_seen_when_a_term_begins(watched: System) -> None:
    watched.end("refresher")
    with watched.sql.transaction():
        watched.sql.execute("ALTER TABLE loan DISABLE TRIGGER frontview_capture_loans_1_update")
        watched.sql.execute("UPDATE loan SET fee_cents = fee_cents + 1000 WHERE member_id = 1")
        watched.sql.execute("ALTER TABLE loan ENABLE ALWAYS TRIGGER frontview_capture_loans_1_update")
    assert alarm_kinds() == set()

    watched.environment |= {"FRONTVIEW_COVERAGE_SECONDS": "3600", "FRONTVIEW_AUDIT_DUTY": "0"}
    watched.start_refresher()

    until(lambda: alarm_kinds() == {("capture_changed", "public.loan")}, "alarm")
    tally = Tally()
    until(lambda: watched.value(EMPTY) == 0, "refreshed views")
    ORACLE.compare_view(watched.sql, "loans_1", 1, tally)
    assert (tally.comparisons, tally.differences) == (1, [])


def test_the_audit_runs_by_itself_and_tells_what_it_found(watched: System) -> None:
    checks = 'frontview_exactness_checks_total{view="loans_1"}'
    until(lambda: metrics(watched).get(checks, 0) >= 5, "checks", seconds=30)
    until(lambda: metrics(watched)["frontview_leader"] == 1, "leader")
    assert metrics(watched)['frontview_exactness_violations_total{view="loans_1"}'] == 0
    until(lambda: watched.value(EMPTY) == 0, "views without stale keys")

    with watched.sql.transaction():  # past the capture, and so that its fingerprint stays what it was
        watched.sql.execute("UPDATE loan SET fee_cents = fee_cents + 1000 WHERE member_id = 2")
        watched.sql.execute("DELETE FROM frontview.change_log WHERE xid = pg_current_xact_id()")

    until(lambda: ("exactness", "loans_1") in alarm_kinds(), "alarm", seconds=30)
    total = next(row for row in status()["audit"] if row["view"] == "loans_1")
    assert total["violations"] >= 1
    assert total["checks"] >= 5
    counted = 'frontview_exactness_violations_total{view="loans_1"}'
    until(lambda: metrics(watched)[counted] >= 1, "violation in the metrics")


def test_a_standby_tells_that_it_does_not_lead(watched: System) -> None:
    until(lambda: metrics(watched).get("frontview_leader") == 1, "leader")
    port = free_port()
    leader_port = watched.environment["FRONTVIEW_REFRESHER_METRICS_PORT"]
    watched.environment["FRONTVIEW_REFRESHER_METRICS_PORT"] = str(port)
    watched.start_refresher("standby")
    until(lambda: metrics(watched).get("frontview_leader") == 0, "standby's metrics")
    assert not any(name.startswith("frontview_alarms{") for name in metrics(watched))

    watched.environment["FRONTVIEW_REFRESHER_METRICS_PORT"] = leader_port
    watched.start_refresher("third")
    assert watched.processes["third"].wait(20) == 1, "the port is taken"
    assert "FRONTVIEW_REFRESHER_METRICS_PORT" in watched.log("third")


def test_a_role_that_may_not_read_alarms_is_ready_all_the_same(
    connection: psycopg.Connection, database_url: str
) -> None:
    raise_alarm(connection, EXACTNESS, "loans_1", "wrong")
    role = f"blind_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {role} LOGIN")
    connection.execute(f"GRANT USAGE ON SCHEMA frontview TO {role}")
    try:
        for url, seen in ((database_url, 1), (make_url(database_url).set(username=role), None)):
            engine = make_engine(str(direct_url(load_settings(database_url=str(url)))), "frontview-test")
            found = check_database(engine)
            engine.dispose()
            assert found.schema is not None
            assert found.schema.migrated
            assert (None if found.alarms is None else len(found.alarms)) == seen
    finally:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


def test_an_alarm_seen_again_keeps_its_beginning(connection: psycopg.Connection) -> None:
    raise_alarm(connection, UNCAPTURED, "a", "one")
    first = connection.execute("SELECT raised_at FROM frontview.alarm").fetchone()
    raise_alarm(connection, UNCAPTURED, "a", "two")

    row = connection.execute(
        "SELECT raised_at, detail, times, last_seen_at > raised_at FROM frontview.alarm"
    ).fetchone()
    assert first is not None
    assert row == (first[0], "two", 2, True)
    assert count_alarms(connection)[UNCAPTURED] == 1

    clear_alarms(connection, UNCAPTURED, ["a", "never raised"])
    assert set(count_alarms(connection).values()) == {0}
