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
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from models.errors import CatalogError
from refresher.leader.leadership import try_to_lead
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import ROOT, Server
from tests.schema_snapshot import schema_snapshot
from tests.voice_stage import VOICE
from views_sql import loader
from views_sql.declaration.maintained_view import MaintainedView, Source
from views_sql.generation import capture, merged_reads, sql_objects
from views_sql.operations.registration import OPERATIONS

KEY = ("user_id", "day")
CALL_DAYS = "SELECT user_id, local_day AS day, count(*) AS calls FROM public.calls GROUP BY user_id, local_day"
CALL_DAYS_2 = CALL_DAYS.replace("count(*) AS calls", "count(*) AS calls, sum(cost_cents) AS cost_cents")
FILES = {
    "call_days_v01": f"-- call_days, version 1\n{CALL_DAYS};\n",
    "call_days_v02": f"-- call_days, version 2\n{CALL_DAYS_2}\n",
    "call_list_v01": "SELECT user_id, local_day AS day, 1 AS calls FROM public.calls",
    "answering_v01": "CREATE FUNCTION frontview.answering() RETURNS int LANGUAGE sql RETURN 41",
    "answering_v02": "CREATE FUNCTION frontview.answering(p int) RETURNS text LANGUAGE sql RETURN '42% of ' || p",
    "answered_v01": "-- answered, version 1\nCREATE TYPE frontview.answered AS (answer text)",
}
VIEW_1 = {"name": "call_days", "version": 1, "sources": ("calls",), "unique_key": KEY, "measures": ("calls",)}
VIEW_2 = VIEW_1 | {"version": 2, "measures": ("calls", "cost_cents")}
DAYLESS = {"name": "call_list", "version": 1, "sources": ("users",), "unique_key": ("user_id",), "day_column": None}
CALLS = {"name": "calls", "table": "calls", "day_column": "local_day"}
Invoke = Callable[..., None]


@pytest.fixture
def own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lay :data:`FILES` beside the package's, and a second version of each template that differs in a comment alone."""
    templates = {
        f"{name}_v02": loader.read_sql(name, 1).replace("AS $$\n", "AS $$\n-- second version\n")
        for name in ("capture", "merged_daily", "merged_by_day", "merged_whole")
    }
    for name, text in (FILES | templates).items():
        (tmp_path / f"{name}.sql").write_text(text)
        monkeypatch.setitem(loader.sql_files(), name, tmp_path / f"{name}.sql")


@pytest.fixture
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template_of(VOICE))
    yield made
    any_server.drop(made)


@pytest.fixture
def invoke(url: str, own_files: None) -> Iterator[Invoke]:
    """Invoke one operation, named as in a revision, in a transaction of its own."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)

    def run(operation: str, *arguments: Any, **named: Any) -> None:
        with engine.begin() as connection:
            getattr(Operations(MigrationContext.configure(connection)), operation)(*arguments, **named)

    yield run
    engine.dispose()


def columns(url: str, relation: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (relation,)
        )
        return [row[0] for row in rows]


# Each operation of a revision, what its downgrade names to undo it, and what must be there before.
UNDONE: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]], list[tuple[str, dict[str, Any]]]]] = {}


def undone(operation: str, arguments: dict[str, Any], undo: str, undo_arguments: dict[str, Any], *first: str) -> None:
    UNDONE[operation] = ((operation, arguments), (undo, undo_arguments), [UNDONE[name][0] for name in first])


V1, V2 = {"version": 1}, {"version": 2}
T1, T2 = {"template_version": 1}, {"template_version": 2}
MONEY = {"name": "money", "table": "users", "user_column": "id", "events": ("UPDATE",)}
RIGHT = {"role": "frontview_web", "objects": ("stale_key",), "privileges": ("DELETE",)}
ANSWERING = {"name": "answering"}
undone("create_sql_object", ANSWERING | V1, "drop_sql_object", ANSWERING | V1)
undone("drop_sql_object", ANSWERING | V1, "create_sql_object", ANSWERING | V1, "create_sql_object")
undone("replace_sql_object", ANSWERING | V2, "replace_sql_object", ANSWERING | V1, "create_sql_object")
undone("capture_changes", MONEY | T1, "stop_capture", {"name": "money"})
undone("stop_capture", {"name": "money"}, "capture_changes", MONEY | T1, "capture_changes")
undone("replace_capture", MONEY | T2, "replace_capture", MONEY | T1, "capture_changes")
undone("create_maintained_view", VIEW_1 | T1, "drop_maintained_view", {"name": "call_days"})
undone("drop_maintained_view", {"name": "call_days"}, "create_maintained_view", VIEW_1 | T1, "create_maintained_view")
undone("replace_maintained_view", VIEW_2 | T1, "replace_maintained_view", VIEW_1 | T1, "create_maintained_view")
undone("replace_merged_reads", VIEW_1 | T2, "replace_merged_reads", VIEW_1 | T1, "create_maintained_view")
undone("allow", RIGHT, "disallow", RIGHT)
undone("disallow", RIGHT, "allow", RIGHT, "allow")
OF_THE_BASELINE = {"create_user_key", "drop_user_key"}  # the revisions' own test goes up, down and up again


def test_of_every_operation_it_is_tested_how_it_is_undone() -> None:
    assert {*UNDONE, *OF_THE_BASELINE} == {operation.__name__ for operation in OPERATIONS}


@pytest.mark.parametrize("operation", UNDONE)
def test_what_a_downgrade_names_leaves_everything_as_it_was(url: str, invoke: Invoke, operation: str) -> None:
    (_, arguments), (undo, undo_arguments), first = UNDONE[operation]
    for name, needed in first:
        invoke(name, **needed)
    before = schema_snapshot(url)

    invoke(operation, **arguments)
    changed = schema_snapshot(url)
    invoke(undo, **undo_arguments)

    assert changed != before
    assert schema_snapshot(url) == before


def test_a_type_is_created_and_dropped_as_what_its_file_creates(url: str, invoke: Invoke) -> None:
    before = schema_snapshot(url)

    invoke("create_sql_object", "answered", version=1)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT (ROW ('yes')::frontview.answered).answer").fetchone() == ("yes",)
    invoke("drop_sql_object", "answered", version=1)

    assert schema_snapshot(url) == before


@pytest.mark.parametrize("first", ["views_sql.operations.registration", "views_sql.operations", "alembic"])
def test_the_operations_are_there_whatever_is_imported_first(first: str) -> None:
    code = f"import {first}\nimport views_sql.operations.registration\nfrom alembic import op\nop.create_sql_object"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


def test_a_view_without_days_has_merged_reads_of_the_version_that_is_named(own_files: None) -> None:
    view = MaintainedView(**DAYLESS)

    first, second = (merged_reads.replace_merged_reads(view, version) for version in (1, 2))

    assert first != second
    assert [text.replace("-- second version\n", "") for text in second] == first


def test_replacing_a_view_changes_every_tier(url: str, invoke: Invoke) -> None:
    invoke("create_maintained_view", **VIEW_1, template_version=1)

    invoke("replace_maintained_view", **VIEW_2, template_version=1)

    rows = ["user_id", "day", "calls", "cost_cents"]
    for relation in ("call_days_live", "call_days_recent"):
        assert columns(url, f"frontview.{relation}") == [*rows, "always_null"]
    assert columns(url, "frontview.call_days_archive") == rows
    assert columns(url, "frontview.call_days_total") == ["user_id", "calls", "cost_cents", "archive_rows"]


def test_a_replaced_view_is_read_from_the_base_tables_until_it_is_populated(url: str, invoke: Invoke) -> None:
    invoke("create_maintained_view", **VIEW_1, template_version=1)
    view = MaintainedView(**VIEW_1)
    with psycopg.connect(url, autocommit=True) as connection:
        assert try_to_lead(connection)
        assert refresh(connection, view, view.tiers, 1).outcome == "populated"
        assert _readable(connection) == (True, True)

        invoke("replace_maintained_view", **VIEW_2, template_version=1)

        assert _readable(connection) == (False, False)
        assert refresh(connection, view, view.tiers, 1).outcome == "populated"
        assert _readable(connection) == (True, True)


def test_tiers_are_refreshed_without_a_search_for_duplicates(url: str, invoke: Invoke) -> None:
    view = MaintainedView(**VIEW_1)
    invoke("create_maintained_view", **VIEW_1, template_version=1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")
        connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'x')")
        connection.execute("INSERT INTO calls (user_id, agent_id, status) VALUES (1, 1, 'busy')")
        assert try_to_lead(connection)
        assert refresh(connection, view, view.tiers, 1).outcome == "populated"
        connection.execute("INSERT INTO calls (user_id, agent_id, status) VALUES (1, 1, 'busy')")
        assert refresh(connection, view, ("recent",), 1).outcome == "refreshed"
        for tier in ("recent", "by_day"):
            # what REFRESH … CONCURRENTLY compares with each other are the rows without any NULL
            row = connection.execute(
                f"SELECT count(*) FILTER (WHERE t.* IS NOT NULL), sum(t.calls) FROM frontview.call_days_{tier} t"
            ).fetchone()
            assert row == (0, 2)


@pytest.mark.parametrize(
    ("name", "key"), [("call_list", KEY), ("call_days", ("user_id",)), ("call_days", ("user_id", "calls"))]
)
def test_a_key_that_nothing_proves_is_refused(url: str, invoke: Invoke, name: str, key: tuple[str, ...]) -> None:
    before = schema_snapshot(url)
    with pytest.raises(ProgrammingError, match="nothing proves"):
        invoke("create_maintained_view", **VIEW_1 | {"name": name, "unique_key": key}, template_version=1)
    assert schema_snapshot(url) == before


def _readable(connection: psycopg.Connection) -> tuple[bool, bool]:
    row = connection.execute(
        "SELECT (v).archive_readable OR (v).total_readable, (v).recent_readable FROM ("
        "SELECT (frontview.begin_read(1, '{call_days}', '-infinity', 'infinity', FALSE)).views[1] AS v) s"
    ).fetchone()
    assert row is not None
    return row[0] or row[1], row[1]


def test_replacing_an_object_may_change_its_signature(url: str, invoke: Invoke) -> None:
    invoke("create_sql_object", "answering", version=1)

    invoke("replace_sql_object", "answering", version=2)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT frontview.answering(7)").fetchone() == ("42% of 7",)


def test_the_comment_of_an_installed_object_tells_its_file(url: str, invoke: Invoke) -> None:
    invoke("create_sql_object", "answering", version=1)

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT obj_description('frontview.answering()'::regprocedure, 'pg_proc')").fetchone()

    mark = sql_objects.fingerprint(FILES["answering_v01"])
    assert row == (f"frontview answering version 1 {mark}",)


def test_a_view_that_something_else_uses_is_not_dropped(url: str, invoke: Invoke) -> None:
    invoke("create_maintained_view", **VIEW_1, template_version=1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE VIEW public.mine AS SELECT * FROM frontview.call_days_recent")

    with pytest.raises(Exception, match="other objects depend on it"):
        invoke("drop_maintained_view", "call_days")


@pytest.mark.parametrize("name", ["calls; DROP TABLE users", "Calls", 'a"b', "", "a" * 60, "1a", "a.b.c"])
def test_a_name_that_is_not_plain_never_reaches_a_statement(name: str) -> None:
    with pytest.raises(CatalogError):
        capture.capture_changes(Source(name, "calls"), 1)


@pytest.mark.parametrize("table", ["calls; DROP TABLE users", "x.y.z", "Sales.orders", "sales."])
def test_a_table_name_that_is_not_plain_never_reaches_a_statement(table: str) -> None:
    with pytest.raises(CatalogError):
        capture.capture_changes(Source("orders", table), 1)


INSERT_CALL = "INSERT INTO calls (user_id, agent_id, started_at, status) SELECT 1, 1, '2026-03-01 12:00+00', 'busy'"
LOGGED = "SELECT source, user_id, day::text FROM frontview.change_log WHERE source = 'calls'"


@pytest.fixture
def watched(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A user with an agent; the capture has been looked at once, the log is empty."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")
        connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'x')")
        connection.execute("SELECT frontview.check_capture()")
        connection.execute("DELETE FROM frontview.change_log")
        yield connection


def test_a_replaced_capture_is_no_change_to_the_watch(watched: psycopg.Connection[Any], invoke: Invoke) -> None:
    invoke("replace_capture", **CALLS, template_version=2)

    assert watched.execute("SELECT * FROM frontview.check_capture()").fetchall() == []
    watched.execute(INSERT_CALL)
    assert watched.execute(LOGGED).fetchall() == [("calls", 1, "2026-03-01")]


def test_what_altered_the_capture_before_it_was_replaced_is_still_found(
    watched: psycopg.Connection[Any], invoke: Invoke
) -> None:
    watched.execute("ALTER TABLE calls DISABLE TRIGGER frontview_capture_calls_insert")
    watched.execute(INSERT_CALL)
    watched.execute("ALTER TABLE calls ENABLE ALWAYS TRIGGER frontview_capture_calls_insert")

    invoke("replace_capture", **CALLS, template_version=2)

    found = watched.execute("SELECT kind, subject FROM frontview.check_capture()").fetchall()
    assert found == [("capture_changed", "public.calls")]
    assert watched.execute(LOGGED).fetchall() == [("calls", None, "-infinity")]


def test_capture_is_replaced_beside_an_open_writer_which_logs_on(
    watched: psycopg.Connection[Any], url: str, invoke: Invoke
) -> None:
    with psycopg.connect(url) as writer:
        writer.execute(INSERT_CALL)
        invoke("replace_capture", **CALLS, template_version=2)
        writer.execute(INSERT_CALL)
        writer.commit()

    assert watched.execute(LOGGED).fetchall() == [("calls", 1, "2026-03-01")] * 2


def test_while_capture_is_being_replaced_writers_go_on_and_nobody_alters_triggers(
    watched: psycopg.Connection[Any], url: str, own_files: None
) -> None:
    watched.execute("SET lock_timeout = '300ms'")
    with psycopg.connect(url) as migrating:
        for statement in capture.replace_capture(Source(**CALLS), 2):
            migrating.execute(statement.encode())
        watched.execute(INSERT_CALL)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            watched.execute("ALTER TABLE calls DISABLE TRIGGER frontview_capture_calls_insert")
        migrating.commit()

    assert watched.execute(LOGGED).fetchall() == [("calls", 1, "2026-03-01")]
