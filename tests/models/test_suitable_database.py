"""Databases that would hide rows or text from Frontview are refused by name before anything starts; others are not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from models.errors import UnsuitableDatabase
from models.preconditions import require_usable_database
from models.settings import load_settings
from models.suitable_database import HIDDEN_ROWS, hidden_rows
from refresher.watch.coverage import check_coverage
from tests.fix_postgres import Server, at_database
from tests.neutral.application import install_from
from tests.views_sql.roles_stage import Cast, cast
from tests.web.doctor.test_doctor import SECRET, by_subject
from web.cli import main
from web.cli.migrate import upgrade

ENABLED = "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
FORCED = f"{ENABLED}; ALTER TABLE {{table}} FORCE ROW LEVEL SECURITY"
UNDONE = "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
ALARMS = "SELECT subject, detail FROM frontview.alarm WHERE kind = 'rows_hidden'"


def run_as(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


@contextmanager
def secured(url: str, how: str, table: str = "public.loan") -> Iterator[None]:
    run_as(url, how.format(table=table))
    try:
        yield
    finally:
        run_as(url, UNDONE.format(table=table))


@contextmanager
def altered(stage: Cast, role: str, attribute: str) -> Iterator[None]:
    run_as(stage.admin, f"ALTER ROLE {role} {attribute}")
    try:
        yield
    finally:
        run_as(stage.admin, f"ALTER ROLE {role} NO{attribute}")


def login(url: str) -> str:
    return str(make_url(url).username)


def hidden_from(url: str) -> list[tuple[str, str]]:
    """Return table and role for all rows that are hidden, as the login of ``url`` finds them."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [(found.table, found.role) for found in hidden_rows(connection.execute(HIDDEN_ROWS).fetchall())]


def run_command(monkeypatch: pytest.MonkeyPatch, url: str, *command: str) -> Result:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", url)
    monkeypatch.setenv("FRONTVIEW_JWT_SECRET", SECRET)
    return CliRunner().invoke(main, command)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project whose revisions ``stage`` has."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def stage(any_server: Server, project: Path) -> Iterator[Cast]:
    """A database that an ordinary owner has migrated from a project, with a login of each role."""
    with cast(any_server, install=lambda url: install_from(url, project)) as found:
        yield found


def test_forced_policies_are_refused_by_every_start_and_by_doctor(
    stage: Cast, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    fault = f"Row-level security of public.loan hides rows from {login(stage.owner)}."
    remedy = f"Run ALTER TABLE public.loan NO FORCE ROW LEVEL SECURITY, or ALTER ROLE {login(stage.owner)} BYPASSRLS."
    with secured(stage.owner, FORCED):
        migrated = run_command(monkeypatch, stage.owner, "migrate")
        assert migrated.exit_code == 1
        assert f"{fault} {remedy}" in migrated.output
        for who in ("owner", "refresher", "web", "admin"):
            with pytest.raises(UnsuitableDatabase) as caught:
                require_usable_database(stage.of(who), stage.of(who), "frontview-check")
            assert f"{fault} {remedy}" in caught.value.faults
        found = by_subject(load_settings(database_url=stage.web, jwt_secret=SECRET), stage.web)["row-level security"]
        assert (found.outcome, found.detail, found.remedy) == ("fail", fault, remedy)


def test_while_it_runs_an_alarm_lasts_as_long_as_rows_are_hidden(stage: Cast) -> None:
    with stage.session("refresher") as leader:
        with secured(stage.owner, FORCED):
            check_coverage(leader)
            alarms = leader.execute(ALARMS).fetchall()
            assert [subject for subject, _ in alarms] == ["public.loan"]
            assert (
                f"BYPASSRLS. Row-level security of public.loan hides rows from {login(stage.refresher)}" in alarms[0][1]
            )
        check_coverage(leader)
        assert leader.execute(ALARMS).fetchall() == []


def test_policies_that_are_not_forced_concern_only_logins_that_may_lead(stage: Cast) -> None:
    """The audit looks for users in the tables with the rights of its login; functions and views have the owner's."""
    with secured(stage.owner, ENABLED):
        assert {who: hidden_from(stage.of(who)) for who in ("owner", "web", "admin")} == {
            "owner": [],
            "web": [],
            "admin": [],
        }
        assert hidden_from(stage.refresher) == [("public.loan", login(stage.refresher))]
        with altered(stage, login(stage.refresher), "BYPASSRLS"):
            assert hidden_from(stage.refresher) == []


def test_a_role_that_may_bypass_policies_sees_every_row(stage: Cast) -> None:
    with secured(stage.owner, FORCED):
        for attribute in ("BYPASSRLS", "SUPERUSER"):
            with altered(stage, login(stage.owner), attribute):
                assert hidden_from(stage.owner) == []
        assert hidden_from(stage.owner) == [("public.loan", login(stage.owner))]


def test_policies_of_a_partition_do_not_count(stage: Cast) -> None:
    run_as(
        stage.owner,
        "CREATE TABLE visit (user_id bigint, day date) PARTITION BY RANGE (day);"
        "CREATE TABLE visit_all PARTITION OF visit DEFAULT;"
        "CREATE TRIGGER frontview_capture_visit_insert AFTER INSERT ON visit "
        "EXECUTE FUNCTION frontview.named_capture_loans_1();"
        "CREATE TRIGGER frontview_capture_visit_insert AFTER INSERT ON visit_all "
        "EXECUTE FUNCTION frontview.named_capture_loans_1()",
    )
    try:
        with secured(stage.owner, FORCED, "visit_all"):
            assert hidden_from(stage.owner) == []
        with secured(stage.owner, FORCED, "visit"):
            assert hidden_from(stage.owner) == [("public.visit", login(stage.owner))]
    finally:
        run_as(stage.owner, "DROP TABLE visit")


@pytest.mark.parametrize("table", ["frontview.stale_key", "public.frontview_alembic_version"])
def test_bookkeeping_counts_as_well(stage: Cast, table: str) -> None:
    with secured(stage.owner, ENABLED, table):
        assert hidden_from(stage.owner) == []
        assert hidden_from(stage.web) == [(table, login(stage.web))]
        with pytest.raises(UnsuitableDatabase, match=f"security of {table} hides rows from {login(stage.web)}"):
            require_usable_database(stage.web, stage.web, "frontview-check")


@pytest.mark.parametrize(("option", "finds"), [("false", True), ("true", False)])
def test_a_view_reads_with_its_owners_rights_unless_it_says_otherwise(stage: Cast, option: str, finds: bool) -> None:
    stranger = login(stage.stranger)
    run_as(
        stage.owner,
        f"CREATE TABLE host (user_id bigint); GRANT SELECT ON host TO {stranger};"
        f"CREATE VIEW host_view WITH (security_invoker = {option}) AS SELECT * FROM host;"
        "CREATE VIEW frontview.host_live AS SELECT * FROM host_view",
    )
    run_as(stage.admin, f"ALTER VIEW host_view OWNER TO {stranger}")
    try:
        with secured(stage.owner, ENABLED, "host"):
            assert hidden_from(stage.owner) == ([("public.host", stranger)] if finds else [])
    finally:
        run_as(stage.admin, "DROP VIEW frontview.host_live, host_view; DROP TABLE host")


@contextmanager
def encoded(server: Server, encoding: str) -> Iterator[str]:
    name = f"test_{encoding.lower()}"
    run_as(server.url, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        yield at_database(server.url, name)
    finally:
        run_as(server.url, f"DROP DATABASE {name} WITH (FORCE)")


def test_a_database_of_bytes_without_an_encoding_is_refused_by_name(
    any_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with encoded(any_server, "SQL_ASCII") as url:
        for command in ("serve", "doctor"):
            result = run_command(monkeypatch, url, command)
            assert result.exit_code == 1
            assert "SQL_ASCII" in result.output
            assert "ENCODING 'UTF8'" in result.output
        with pytest.raises(UnsuitableDatabase, match="SQL_ASCII"):
            upgrade()
        with pytest.raises(UnsuitableDatabase, match="SQL_ASCII"):
            require_usable_database(url, url, "frontview-refresher-check")
        assert schema_of(url) == []


def schema_of(url: str) -> list[str]:
    with psycopg.connect(url, client_encoding="UTF8") as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        return [name for (name,) in connection.execute(query).fetchall()]
