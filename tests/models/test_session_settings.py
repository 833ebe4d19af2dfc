"""Sessions have the settings that Frontview pins, whatever role, database, environment and URL say."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import psycopg
import pytest
from alembic import command
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from models.engine import connect, make_engine
from models.session_settings import PINNED, PINNED_WHERE_KNOWN
from refresher.leader.connections import connect_drain, connect_inspection, connect_maintenance
from tests.fix_postgres import Server, alembic_config

NAME = "frontview-test"
HOSTILE = {
    "search_path": "elsewhere, public",
    "timezone": "Asia/Tokyo",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "timezone_abbreviations": "Australia",
    "bytea_output": "escape",
    "extra_float_digits": "-5",
    "array_nulls": "off",
    "backslash_quote": "off",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "row_security": "on",
    "statement_timeout": "50s",
    "lock_timeout": "50s",
    "idle_session_timeout": "50s",
    "idle_in_transaction_session_timeout": "50s",
    "exit_on_error": "on",
    "check_function_bodies": "off",
    "default_table_access_method": "other",
    "plpgsql.extra_errors": "all",
    "jit": "on",
    "plan_cache_mode": "force_custom_plan",
    "from_collapse_limit": "1",
    "join_collapse_limit": "1",
    "geqo_threshold": "2",
    "recursive_worktable_factor": "1000",
    "transaction_timeout": "50s",
    "restrict_nonsystem_relation_kind": "view",
}
SHOWN = "SELECT name, current_setting(name, true) FROM unnest(%s::text[]) AS name"
Settings = Mapping[str, str]


class Stage:
    """A database and a login of its own, each with some of the hostile settings."""

    def __init__(self, server: Server) -> None:
        self.server, self.role, self.database = server, f"hostile_{uuid.uuid4().hex[:8]}", server.create(None)
        self.url = make_url(self.database).set(username=self.role).render_as_string(hide_password=False)
        with psycopg.connect(self.database, autocommit=True) as admin:
            admin.execute("CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler")
            admin.execute("LOAD 'plpgsql'")
            admin.execute(f"CREATE ROLE {self.role} LOGIN".encode())
            known = {row[0].lower() for row in admin.execute("SELECT name FROM pg_settings")}
            self.pinned = {name: value for name, value in (PINNED | PINNED_WHERE_KNOWN).items() if name in known}
            for turn, (name, value) in enumerate(self._hostile().items()):
                whose = sql.SQL("DATABASE {}").format(sql.Identifier(admin.info.dbname))
                if turn % 2:
                    whose = sql.SQL("ROLE {}").format(sql.Identifier(self.role))
                words = [sql.Literal(part.strip()) for part in value.split(",")]
                admin.execute(sql.SQL("ALTER {} SET {} TO {}").format(whose, sql.SQL(name), sql.SQL(", ").join(words)))

    def _hostile(self) -> Settings:
        methods = {name: "off" for name in self.pinned if name.startswith("enable_")}
        return {name: value for name, value in (HOSTILE | methods).items() if name in self.pinned}

    def close(self) -> None:
        self.server.drop(self.database)
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {self.role}".encode())


@pytest.fixture(scope="module")
def stage(any_server: Server) -> Iterator[Stage]:
    stage = Stage(any_server)
    yield stage
    stage.close()


@pytest.fixture
def hostile_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGTZ": "America/New_York",
        "PGDATESTYLE": "German",
        "PGGEQO": "on",
        "PGCLIENTENCODING": "SQL_ASCII",
        "PGAPPNAME": "somebody",
        "PGOPTIONS": "-c statement_timeout=40s -c work_mem=7MB",
    }.items():
        monkeypatch.setenv(name, value)


def shown(connection: psycopg.Connection, names: Settings) -> dict[str, str]:
    return dict(connection.execute(SHOWN, (list(names),)).fetchall())


def through_engine(url: str, names: Settings, **options: bool) -> dict[str, str]:
    engine = make_engine(url, NAME, **options)
    try:
        with engine.connect() as connection:
            return dict(tuple(row) for row in connection.exec_driver_sql(SHOWN, (list(names),)))
    finally:
        engine.dispose()


def direct(url: str, names: Settings) -> dict[str, str]:
    with closing(connect(url, NAME)) as connection:
        return shown(connection, names)


def through_a_pooler(url: str, names: Settings) -> dict[str, str]:
    """Its settings hold in a transaction, whose isolation and mode are then those that count."""
    found = through_engine(
        url, {**names, "transaction_isolation": "", "transaction_read_only": ""}, through_pooler=True
    )
    assert (found.pop("transaction_isolation"), found.pop("transaction_read_only")) == ("read committed", "off")
    return found


KINDS: dict[str, Callable[[str, Settings], dict[str, str]]] = {
    "direct": direct,
    "pooled": through_engine,
    "through a pooler": through_a_pooler,
}


def test_the_stage_is_hostile_to_every_pinned_setting(stage: Stage) -> None:
    with psycopg.connect(stage.url, autocommit=True) as plain:
        found = shown(plain, stage.pinned)
    assert {name for name, value in found.items() if value == stage.pinned[name]} == set()


@pytest.mark.usefixtures("hostile_environment")
@pytest.mark.parametrize("kind", KINDS)
def test_every_pinned_setting_holds(stage: Stage, kind: str) -> None:
    assert KINDS[kind](stage.url, stage.pinned) == stage.pinned


@pytest.mark.usefixtures("hostile_environment")
@pytest.mark.parametrize("opened", [connect_drain, connect_maintenance, connect_inspection])
def test_what_a_session_asks_for_wins_and_the_rest_is_pinned(
    stage: Stage, opened: Callable[[str], psycopg.Connection]
) -> None:
    with closing(opened(stage.url)) as connection:
        found = shown(connection, stage.pinned)
    differ = {name for name, value in found.items() if value != stage.pinned[name]}
    assert differ
    assert all(name.endswith("_timeout") or name == "synchronous_commit" for name in differ)
    assert not any("50" in found[name] for name in differ)


def test_a_migration_pins_them_on_a_connection_that_it_is_given(stage: Stage) -> None:
    engine = create_engine(make_url(stage.database).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    own = {"row_security": "on", "lock_timeout": "10s", "statement_timeout": "15min"}
    hostile = {name: value for name, value in HOSTILE.items() if name in stage.pinned} | {"row_security": "off"}
    with engine.connect() as connection:
        for name, value in hostile.items():
            if not name.startswith(("transaction_", "default_transaction_")):
                connection.exec_driver_sql("SELECT set_config(%s, %s, true)", (name, value))
        command.upgrade(alembic_config(connection), "core@head")
        found = dict(tuple(row) for row in connection.exec_driver_sql(SHOWN, (list(stage.pinned),)))
        connection.rollback()
    assert found == stage.pinned | own
