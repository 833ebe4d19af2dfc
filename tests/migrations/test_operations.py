"""Our operations and those that undo them, with versioned files of the test's own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from models.errors import CatalogError
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import ROOT, Server
from tests.leading import lead
from tests.neutral.application import fill
from tests.neutral.catalog import LOANS
from tests.schema_snapshot import schema_snapshot
from views_sql import loader
from views_sql.declaration.fault import DeclarationError
from views_sql.generation import sql_objects
from views_sql.generation.names import identifier, with_schema
from views_sql.generation.tiers import drop_maintained_view

FILES = {
    "answering_v01": "CREATE FUNCTION frontview.answering() RETURNS int LANGUAGE sql RETURN 41",
    "answering_v02": "CREATE FUNCTION frontview.answering(p int) RETURNS text LANGUAGE sql RETURN '42% of ' || p",
    "answered_v01": "-- answered, version 1\nCREATE TYPE frontview.answered AS (answer text)",
}
Invoke = Callable[..., None]


@pytest.fixture
def own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lay :data:`FILES` beside the package's."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.sql").write_text(text)
        monkeypatch.setitem(loader.sql_files(), name, tmp_path / f"{name}.sql")


@pytest.fixture
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template)
    yield made
    any_server.drop(made)


@pytest.fixture
def invoke(url: str, own_files: None) -> Iterator[Invoke]:
    """Invoke one operation, named as in a revision, in a transaction of its own."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)

    def run(operation: str, *arguments: Any, **named: Any) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("SELECT 1")  # As in a migration, the transaction has begun.
            getattr(Operations(MigrationContext.configure(connection)), operation)(*arguments, **named)

    yield run
    engine.dispose()


@pytest.mark.parametrize("name", ["answering", "answered"])
def test_an_object_is_created_and_dropped_as_what_its_file_creates(url: str, invoke: Invoke, name: str) -> None:
    before = schema_snapshot(url)

    invoke("create_sql_object", name, version=1)
    assert schema_snapshot(url) != before
    invoke("drop_sql_object", name, version=1)

    assert schema_snapshot(url) == before


def test_another_version_may_have_another_signature(url: str, invoke: Invoke) -> None:
    invoke("create_sql_object", "answering", version=1)

    invoke("drop_sql_object", "answering", version=1)
    invoke("create_sql_object", "answering", version=2)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT frontview.answering(7)").fetchone() == ("42% of 7",)


def test_the_comment_of_an_installed_object_tells_its_file(url: str, invoke: Invoke) -> None:
    invoke("create_sql_object", "answering", version=1)

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT obj_description('frontview.answering()'::regprocedure, 'pg_proc')").fetchone()

    mark = sql_objects.fingerprint(FILES["answering_v01"])
    assert row == (f"frontview answering version 1 {mark}",)


@pytest.mark.parametrize("first", ["views_sql.operations.registration", "views_sql.operations", "alembic"])
def test_the_operations_are_there_whatever_is_imported_first(first: str) -> None:
    code = f"import {first}\nimport views_sql.operations.registration\nfrom alembic import op\nop.create_sql_object"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


def test_what_is_installed_is_removed_whatever_became_of_its_tables(url: str, invoke: Invoke) -> None:
    """A declaration that does not fit the tables any more is refused in words."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE renewal DROP COLUMN desk CASCADE")

        invoke("remove_declaration")

        left = connection.execute("SELECT (SELECT count(*) FROM frontview.source), count(*) FROM frontview.view_state")
        assert left.fetchone() == (0, 0)
        assert connection.execute("SELECT count(*) FROM frontview.declaration").fetchone() == (0,)
        with pytest.raises(DeclarationError, match="there is no column desk in"):
            invoke("install_declaration", "tests/neutral")
        connection.execute("ALTER TABLE renewal ADD COLUMN desk integer NOT NULL DEFAULT 1")
        invoke("install_declaration", "tests/neutral")
        assert connection.execute("SELECT count(*) FROM frontview.declaration WHERE active").fetchone() == (1,)
    invoke("remove_declaration")
    invoke("remove_declaration")  # There is nothing, and it stays so.


def test_tiers_are_refreshed_without_a_search_for_duplicates(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fill(connection, members=1)
        assert refresh(connection, LOANS, LOANS.tiers, lead(connection).epoch).outcome == "populated"
        for tier in ("recent", "by_day"):
            # what REFRESH … CONCURRENTLY compares with each other are the rows without any NULL
            row = connection.execute(
                f"SELECT count(*) > 0, count(*) FILTER (WHERE t.* IS NOT NULL) FROM frontview.loans_1_{tier} t"
            ).fetchone()
            assert row == (True, 0)


def test_a_view_that_something_else_uses_is_not_dropped(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE VIEW public.mine AS SELECT * FROM frontview.loans_1_recent")
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            connection.execute(";".join(drop_maintained_view("loans_1")).encode())


@pytest.mark.parametrize(
    "select", ["SELECT g AS a FROM generate_series(1, 2) g", "SELECT member_id AS a FROM public.loan"]
)
def test_a_key_that_nothing_proves_is_refused(url: str, select: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE VIEW frontview.odd AS {select}".encode())
        with pytest.raises(psycopg.Error, match="nothing proves"):
            connection.execute("SELECT frontview.prove_key('frontview.odd', '{a}')")
        connection.execute("CREATE VIEW frontview.even AS SELECT a, count(*) AS b FROM frontview.odd GROUP BY a")
        connection.execute("SELECT frontview.prove_key('frontview.even', '{a}')")


@pytest.mark.parametrize("name", ["calls; DROP TABLE users", "Calls", 'a"b', "", "a" * 64, "1a", "a.b.c"])
def test_a_name_that_is_not_plain_never_reaches_a_statement(name: str) -> None:
    with pytest.raises(CatalogError):
        identifier(name)
    with pytest.raises(CatalogError):
        with_schema(f"x.{name}")
