"""Every revision goes up, down and up again on every server, and leaves nothing behind."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

import models.bookkeeping
import models.leader_note
import models.operation
import models.sign_in_code
import models.voice  # noqa: F401  what these declare joins the metadata
from models.base import metadata
from models.engine import connect
from refresher.leader.leadership import try_to_lead
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import ROOT, Server, alembic_config, migrate
from tests.schema_snapshot import schema_snapshot
from views_sql.loader import read_sql
from views_sql.operations.catalog import load_application

REVISIONS: list[Script] = list(ScriptDirectory.from_config(alembic_config()).walk_revisions())[::-1]
REVISION_FILES = sorted((ROOT / "alembic").glob("*/*.py"))


@pytest.fixture
def bare_url(any_server: Server) -> Iterator[str]:
    """A database without anything in it, on each server in turn."""
    url = any_server.create(None)
    yield url
    any_server.drop(url)


def one_step_down(revision: Script) -> str:
    """Return the target of a downgrade that undoes ``revision`` alone."""
    if revision.down_revision is None:
        return f"{next(iter(revision.branch_labels))}@base"
    assert isinstance(revision.down_revision, str)
    return revision.down_revision


def test_each_revision_goes_up_down_and_up_again(bare_url: str) -> None:
    for revision in REVISIONS:
        before = schema_snapshot(bare_url)
        migrate(bare_url, revision.revision)
        after = schema_snapshot(bare_url)
        assert after != before, revision.revision

        migrate(bare_url, one_step_down(revision), down=True)
        assert schema_snapshot(bare_url) == before, revision.revision

        migrate(bare_url, revision.revision)
        assert schema_snapshot(bare_url) == after, revision.revision


def test_downgrade_to_base_leaves_nothing_behind_of_a_database_in_use(bare_url: str) -> None:
    empty = schema_snapshot(bare_url)
    migrate(bare_url)
    migrated = schema_snapshot(bare_url)
    with connect(bare_url, "frontview-test") as connection:
        connection.execute("INSERT INTO users (email, name) VALUES ('a@example.org', 'A')")
        connection.execute("INSERT INTO agents (user_id, name) SELECT id, 'B' FROM users")
        connection.execute("INSERT INTO calls (user_id, agent_id, status) SELECT user_id, id, 'busy' FROM agents")
        assert try_to_lead(connection)
        for view in load_application(connection).views:
            assert refresh(connection, view, view.tiers, 1).outcome == "populated"

    migrate(bare_url, "base", down=True)
    assert schema_snapshot(bare_url) == empty

    migrate(bare_url)
    assert schema_snapshot(bare_url) == migrated


def test_the_core_stands_without_the_application(bare_url: str) -> None:
    migrate(bare_url, "core@head")

    with connect(bare_url, "frontview-test") as connection:
        term = try_to_lead(connection)
        tables = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'frontview_alembic_version'"
        ).fetchone()
    assert term is not None
    assert tables == (0,)


def test_autogenerate_finds_no_difference(bare_url: str) -> None:
    migrate(bare_url)

    engine = create_engine(make_url(bare_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        command.check(alembic_config(connection))
    engine.dispose()


def test_the_migrated_tables_are_those_that_the_models_declare(bare_url: str, any_server: Server) -> None:
    """Autogenerate compares no check constraints, primary key names, comments or column order; this does."""
    migrate(bare_url)
    declared_url = any_server.create(None)
    engine = create_engine(make_url(declared_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA frontview")
        connection.exec_driver_sql("CREATE DOMAIN frontview.user_key AS bigint")
        connection.exec_driver_sql(read_sql("staleness", 1))
        metadata.create_all(connection)
    engine.dispose()

    migrated, declared = _tables(bare_url), _tables(declared_url)

    any_server.drop(declared_url)
    assert migrated == declared, sorted(set(migrated) ^ set(declared))


def _tables(url: str) -> list[str]:
    """Return what the snapshot says about tables, without what only migrations make: triggers, views, settings."""
    names = {f"{table.schema}.{table.name}" if table.schema else table.name for table in metadata.tables.values()}
    kinds = ("column", "constraint", "index", "comment")
    found = []
    for line in schema_snapshot(url):
        kind, _, fact = line.partition(": ")
        subject = fact.split(" | ")[0]
        if kind == "index":
            subject = fact.split(" ON ")[1].split(" USING ")[0].removeprefix("public.")
        if kind == "comment":
            subject = subject.rpartition(" of table ")[2]
        if kind in kinds and subject in names:
            found.append(line)
    assert {line.partition(":")[0] for line in found} == set(kinds)
    return found


@pytest.mark.parametrize("path", REVISION_FILES, ids=lambda path: path.stem)
def test_a_revision_imports_only_alembic_sqlalchemy_and_the_standard_library(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"alembic", "sqlalchemy"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert str(node.module).split(".")[0] in allowed


@pytest.mark.parametrize("path", REVISION_FILES, ids=lambda path: path.stem)
def test_a_revision_never_cascades(path: Path) -> None:
    text = path.read_text()
    assert "cascade" not in text.lower().replace("on delete cascade", "").replace('ondelete="cascade"', "")


def test_a_populated_view_never_makes_a_migration_slow(database_url: str) -> None:
    """Every tier is created WITH NO DATA; populating is the refresher's."""
    with psycopg.connect(database_url) as connection:
        tiers = connection.execute("SELECT relname, relispopulated FROM pg_class WHERE relkind = 'm'").fetchall()
    assert tiers
    assert not any(populated for _, populated in tiers)
