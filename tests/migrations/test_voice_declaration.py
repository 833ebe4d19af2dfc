"""The bundled declaration is an ordinary project: checked, planned and migrated over tables without columns for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

import models.voice
from models.base import metadata
from tests.fix_postgres import ROOT, Server
from tests.migrations.project_stage import Project, project

FOLDER = ROOT / "views_sql" / "voice"
TABLES = [table for table in vars(models.voice).values() if isinstance(table, Table)]


@pytest.fixture
def voice(any_server: Server, tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "voice"
    folder.mkdir()
    with project(any_server, tmp_path / "elsewhere") as made, pytest.MonkeyPatch.context() as patch:
        made.c.execute('DROP SCHEMA "Shop" CASCADE')
        engine = create_engine(make_url(made.url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
        metadata.create_all(engine, tables=TABLES)
        shutil.copy(FOLDER / "frontview.toml", folder)
        patch.setenv("FRONTVIEW_PROJECT", str(folder))
        yield Project(folder, made.url, made.c)


def test_the_bundled_declaration_is_checked_and_migrated(voice: Project) -> None:
    voice.c.execute("INSERT INTO users (email, name) VALUES ('a@x', 'Ann')")
    voice.c.execute("INSERT INTO agents (user_id, name) VALUES (1, 'One')")
    voice.c.execute("INSERT INTO calls (user_id, agent_id, status, cost_cents) VALUES (1, 1, 'busy', 2)")
    said = voice.run("check")
    assert "CREATE INDEX" not in said
    voice.run("plan", "--write")
    voice.run("migrate")
    ((body,),) = voice.rows("SELECT r.body FROM frontview.overview_1_dashboard(1, NULL, NULL, NULL, TRUE) r")
    assert '"cost_cents":2' in body
    voice.run("migrate", "--back")
    assert voice.rows("SELECT count(*) FROM pg_class WHERE relname LIKE 'calls_1%'") == [(0,)]
