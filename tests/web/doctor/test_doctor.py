"""``frontview doctor`` finds and names each precondition that a test breaks."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy.engine import make_url

from models.engine import connect
from models.settings import Settings, load_settings
from tests.fix_postgres import Server
from web.cli import main
from web.doctor import Finding, examine
from web.doctor.server import session

pytestmark = pytest.mark.proof  # each test examines a whole database

SECRET = "x" * 40
Findings = dict[str, Finding]


@pytest.fixture
def settings(database_url: str) -> Settings:
    return load_settings(database_url=database_url, jwt_secret=SECRET)


@pytest.fixture
def findings(settings: Settings, database_url: str) -> Callable[[], Findings]:
    return lambda: by_subject(settings, database_url)


def by_subject(settings: Settings, url: str) -> Findings:
    found = list(examine(settings, lambda: connect(url, "frontview-doctor")))
    assert len({finding.subject for finding in found}) == len(found), "one line a precondition"
    return {finding.subject: finding for finding in found}


def drain(connection: psycopg.Connection) -> None:
    connection.execute("SELECT frontview.drain_changes(1, 1)")


def populate(connection: psycopg.Connection) -> None:
    views = "SELECT relation FROM frontview.view_state WHERE tier NOT IN ('archive', 'total')"
    for (relation,) in connection.execute(views).fetchall():
        connection.execute(f"REFRESH MATERIALIZED VIEW {relation}")
    connection.execute("UPDATE frontview.view_state SET through = 1")


def test_all_is_well_when_a_leader_drains_and_views_are_populated(
    connection: psycopg.Connection, findings: Callable[[], Findings]
) -> None:
    drain(connection)
    populate(connection)
    found = findings()
    assert {subject: f.detail for subject, f in found.items() if f.outcome != "pass"} == {}
    assert len(found) == 31


def test_without_a_leader_and_views_it_says_what_to_start(findings: Callable[[], Findings]) -> None:
    found = findings()
    assert {subject for subject, f in found.items() if f.outcome == "fail"} == {"leader", "views populated"}
    assert "frontview refresher" in found["leader"].remedy


def test_a_leader_that_stopped_draining(connection: psycopg.Connection, findings: Callable[[], Findings]) -> None:
    drain(connection)
    connection.execute("UPDATE frontview.drain SET drained_at = now() - interval '3 seconds'")
    assert findings()["leader"].outcome == "fail"


@pytest.mark.parametrize(
    ("damage", "subject", "words"),
    [
        (
            "DROP TRIGGER frontview_capture_loans_1_update ON loan",
            "capture triggers",
            "missing: loans_1: update on loan",
        ),
        (
            "ALTER TABLE renewal ENABLE TRIGGER frontview_capture_renewals_1_truncate",
            "capture triggers",
            "not ENABLE ALWAYS: renewals_1: truncate on renewal",
        ),
        ("ALTER TABLE member DISABLE TRIGGER USER", "capture triggers", "not ENABLE ALWAYS: account_1"),
        ("CREATE TABLE child () INHERITS (loan)", "capture triggers", "on child"),
        (
            "DROP MATERIALIZED VIEW frontview.renewals_1_recent CASCADE",
            "materialized views",
            "frontview.renewals_1_recent",
        ),
        ("DELETE FROM frontview.source WHERE source = 'renewals_1'", "sources", "not captured: renewals_1"),
        (
            "INSERT INTO frontview.source VALUES ('x', 'loan', 'member_id', 'day', '{}')",
            "sources",
            "not declared: x",
        ),
        ("UPDATE frontview.drain SET system_identifier = 5", "cluster", "another cluster"),
        (
            "INSERT INTO frontview.alarm (kind, subject, detail) VALUES ('exactness', 'loans_1', 'wrong')",
            "alarms",
            "exactness (loans_1)",
        ),
        ("DELETE FROM frontview_alembic_version", "migrations", "not applied"),
        ("DROP FUNCTION frontview.account_1_read", "may read", "frontview.account_1_read"),
    ],
)
def test_damage_is_found_and_named(
    connection: psycopg.Connection,
    findings: Callable[[], Findings],
    damage: str,
    subject: str,
    words: str,
) -> None:
    drain(connection)
    populate(connection)
    connection.execute(damage)
    found = findings()[subject]
    assert found.outcome == "fail"
    assert words in found.detail
    assert found.remedy


def test_an_alarm_about_the_past_is_a_warning(connection: psycopg.Connection, findings: Callable[[], Findings]) -> None:
    connection.execute("INSERT INTO frontview.alarm (kind, subject, detail) VALUES ('capture_changed', 'x', 'altered')")
    assert findings()["alarms"].outcome == "warn"


def test_a_partition_without_triggers(connection: psycopg.Connection, findings: Callable[[], Findings]) -> None:
    connection.execute("CREATE TABLE p (user_id bigint, day date) PARTITION BY RANGE (day)")
    connection.execute("INSERT INTO frontview.source VALUES ('p', 'p', 'user_id', 'day', '{INSERT}')")
    connection.execute("CREATE TABLE p_leaf PARTITION OF p DEFAULT")
    assert "p: insert on p_leaf" in findings()["capture triggers"].detail


def test_a_view_without_unique_index(connection: psycopg.Connection, findings: Callable[[], Findings]) -> None:
    names = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique "
        "AND indrelid = 'frontview.loans_1_recent'::regclass"
    ).fetchall()
    for (name,) in names:
        connection.execute(f"DROP INDEX {name}")
    assert "frontview.loans_1_recent" in findings()["materialized views"].detail


def test_a_subscription_into_a_captured_table(
    connection: psycopg.Connection, findings: Callable[[], Findings], empty_url: str
) -> None:
    assert findings()["logical replication"].outcome == "pass"
    with psycopg.connect(empty_url, autocommit=True) as publisher:
        publisher.execute("CREATE TABLE loan (LIKE pg_class)")
        publisher.execute("CREATE PUBLICATION everything FOR TABLE loan")
    options = "create_slot = false, enabled = false, copy_data = false, slot_name = NONE"
    there = psycopg.conninfo.make_conninfo(empty_url)
    connection.execute(
        f"CREATE SUBSCRIPTION copied CONNECTION '{there}' PUBLICATION everything WITH ({options})".encode()
    )
    try:
        assert "copied into loan" in findings()["logical replication"].detail
    finally:
        connection.execute("DROP SUBSCRIPTION copied")


@pytest.fixture
def reader(connection: psycopg.Connection) -> Iterator[str]:
    """A role without any rights."""
    name = f"reader_{connection.info.dbname}"
    connection.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    connection.execute(f"DROP OWNED BY {name}")
    connection.execute(f"DROP ROLE {name}")


def test_a_role_that_may_only_read_is_warned_about_refreshing(
    connection: psycopg.Connection, settings: Settings, database_url: str, reader: str
) -> None:
    url = make_url(database_url).set(username=reader).render_as_string(hide_password=False)
    assert "permission denied for schema frontview" in by_subject(settings, url)["migrations"].detail
    connection.execute(f"GRANT USAGE ON SCHEMA frontview TO {reader}")
    known = "frontview.role_right, frontview.view_state, frontview.declaration, frontview.source"
    connection.execute(f"GRANT SELECT ON {known} TO {reader}")
    assert "frontview.loans_1_read" in by_subject(settings, url)["may read"].detail
    connection.execute(f"GRANT frontview_web TO {reader}")
    found = by_subject(settings, url)
    assert found["may read"].outcome == "pass"
    assert found["may refresh"].outcome == "warn"

    connection.execute(f"GRANT SELECT ON public.loan, frontview.loans_1_recent TO {reader}")
    found = by_subject(settings, url)
    assert found["may read"].outcome == "warn"
    assert "more than the web needs: frontview.loans_1_recent, loan" in found["may read"].detail


def test_a_role_that_lacks_a_right_and_a_function_open_to_all(
    connection: psycopg.Connection, findings: Callable[[], Findings]
) -> None:
    connection.execute("REVOKE SELECT ON frontview.feed FROM frontview_web")
    assert findings()["roles"].detail == "rights are missing: frontview_web"
    connection.execute("SELECT frontview.grant_rights()")
    assert findings()["roles"].outcome == "pass"

    connection.execute("GRANT EXECUTE ON FUNCTION frontview.forget_feed TO PUBLIC")
    assert findings()["roles"].outcome == "fail"


def test_no_server_is_one_finding(settings: Settings) -> None:
    found = by_subject(settings, "postgresql://127.0.0.1:1/none")
    assert found["server"].outcome == "fail"
    assert set(found) == {"tokens", "server"}


def test_a_database_without_schema(settings: Settings, empty_url: str) -> None:
    found = by_subject(settings, empty_url)
    assert found["migrations"].outcome == "fail"
    assert "frontview migrate" in found["migrations"].remedy
    assert "leader" not in found


def test_no_way_to_verify_tokens(database_url: str) -> None:
    found = by_subject(load_settings(database_url=database_url), database_url)
    assert found["tokens"].outcome == "fail"


def test_an_old_transaction_is_a_warning(
    connection: psycopg.Connection, findings: Callable[[], Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.doctor.server.OLD_TRANSACTION_MINUTES", 0)
    with connection.transaction():
        connection.execute("SELECT 1")
        found = findings()["long transactions"]
    assert found.outcome == "warn"


class Pooled:
    """Two clients on one session, as a transaction pooler gives them."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        """Leave the session to others."""


def test_a_transaction_pooler_is_found(connection: psycopg.Connection) -> None:
    found = session(lambda: Pooled(connection))  # type: ignore[arg-type]
    assert found.outcome == "fail"
    assert "FRONTVIEW_DIRECT_URL" in found.remedy


def test_every_server_version_passes_the_same_checks(any_server: Server) -> None:
    url = any_server.create(any_server.template)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            drain(connection)
            populate(connection)
        found = by_subject(load_settings(database_url=url, jwt_secret=SECRET), url)
        assert {subject: f.detail for subject, f in found.items() if f.outcome != "pass"} == {}
    finally:
        any_server.drop(url)


class TestCommand:
    @pytest.fixture(autouse=True)
    def _configured(self, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)
        monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)

    def test_one_line_each_and_exit_code_1_when_one_fails(self) -> None:
        result = CliRunner().invoke(main, ["doctor"])
        assert result.exit_code == 1
        lines = result.stdout.splitlines()
        assert len(lines) == 32
        assert all(line.startswith(("pass  ", "warn  ", "fail  ")) for line in lines)

    def test_exit_code_0_when_all_is_well(self, connection: psycopg.Connection) -> None:
        drain(connection)
        populate(connection)
        result = CliRunner().invoke(main, ["doctor", "--json"])
        assert result.exit_code == 0
        assert {finding["outcome"] for finding in json.loads(result.stdout)} == {"pass"}


def test_what_limits_sessions_and_options_that_are_not_followed_are_named(
    connection: psycopg.Connection, database_url: str
) -> None:
    connection.execute(f"ALTER DATABASE {connection.info.dbname} SET temp_file_limit = '64MB'".encode())
    url = f"{database_url}&options=-c%20search_path%3Dapp%20-c%20work_mem%3D8MB"
    found = by_subject(load_settings(database_url=url, jwt_secret=SECRET), url)["session limits"]
    assert found.outcome == "warn"
    assert "temp_file_limit is 64MB" in found.detail
    assert "options set search_path" in found.detail
    assert "work_mem" not in found.detail


def test_a_region_of_the_settings_that_nothing_declares_is_named(database_url: str) -> None:
    typo = load_settings(database_url=database_url, jwt_secret=SECRET, regions={"dashbord": {"max_entries": 5}})

    found = by_subject(typo, database_url)["regions"]

    assert found.outcome == "warn"
    assert found.detail.startswith("FRONTVIEW_REGIONS: no region 'dashbord'; there are ")
