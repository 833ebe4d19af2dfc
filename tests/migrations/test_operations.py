"""Our operations and their reverses, with versioned files of the test's own."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from models.errors import CatalogError
from refresher.leader.leadership import try_to_lead
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.schema_snapshot import schema_snapshot
from views_sql import installation, loader
from views_sql.maintained_view import Source
from views_sql.operations import (
    CaptureChanges,
    CreateMaintainedView,
    CreateSqlObject,
    CreateUserKey,
    DropMaintainedView,
    ReplaceCapture,
    ReplaceMaintainedView,
    ReplaceSqlObject,
    StopCapture,
)

KEY = ("user_id", "day")
CALL_DAYS = "SELECT user_id, local_day AS day, count(*) AS calls FROM public.calls GROUP BY user_id, local_day"
CALL_DAYS_2 = CALL_DAYS.replace("count(*) AS calls", "count(*) AS calls, sum(cost_cents) AS cost_cents")
FILES = {
    ("materialized_views", "call_days", 1): f"-- call_days, version 1\n{CALL_DAYS};\n",
    ("materialized_views", "call_days", 2): f"-- call_days, version 2\n{CALL_DAYS_2}\n",
    ("materialized_views", "call_list", 1): "SELECT user_id, local_day AS day, 1 AS calls FROM public.calls",
    ("functions", "answering", 1): "CREATE FUNCTION frontview.answering() RETURNS int LANGUAGE sql RETURN 41",
    ("functions", "answering", 2): (
        "CREATE FUNCTION frontview.answering(p int) RETURNS text LANGUAGE sql RETURN '42% of ' || p"
    ),
}
VIEW_1 = ("call_days", 1, ("calls",), KEY, ("calls",))
VIEW_2 = ("call_days", 2, ("calls",), KEY, ("calls", "cost_cents"))


@pytest.fixture
def own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay :data:`FILES` beside the package's."""

    def read_sql(kind: str, name: str, version: int) -> str:
        return FILES.get((kind, name, version)) or original(kind, name, version)

    original = loader.read_sql
    for module in (loader, installation):
        monkeypatch.setattr(module, "read_sql", read_sql)


@pytest.fixture
def url(any_server: Server) -> Iterator[str]:
    made = any_server.create(any_server.template)
    yield made
    any_server.drop(made)


@pytest.fixture
def invoke(url: str, own_files: None) -> Iterator[Callable[[MigrateOperation], None]]:
    """Invoke one operation in a transaction of its own."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)

    def run(operation: MigrateOperation) -> None:
        with engine.begin() as connection:
            Operations(MigrationContext.configure(connection)).invoke(operation)

    yield run
    engine.dispose()


def columns(url: str, relation: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (relation,)
        )
        return [row[0] for row in rows]


Invoke = Callable[[MigrateOperation], None]


def test_replacing_a_view_changes_every_tier_and_its_reverse_goes_back(url: str, invoke: Invoke) -> None:
    invoke(CreateMaintainedView(*VIEW_1))
    version_1 = schema_snapshot(url)
    replacement = ReplaceMaintainedView(*VIEW_2, replaces=1)

    invoke(replacement)
    for relation in ("call_days_live", "call_days_history", "call_days_recent"):
        assert columns(url, f"frontview.{relation}") == ["user_id", "day", "calls", "cost_cents"]
    assert columns(url, "frontview.call_days_total") == ["user_id", "calls", "cost_cents"]
    back = replacement.reverse()
    invoke(ReplaceMaintainedView(*VIEW_1, replaces=2))

    assert (back.version, back.replaces) == (1, 2)
    assert schema_snapshot(url) == version_1


def test_a_replaced_view_is_read_from_the_base_tables_until_it_is_populated(url: str, invoke: Invoke) -> None:
    invoke(CreateMaintainedView(*VIEW_1))
    operation = CreateMaintainedView(*VIEW_1)
    with psycopg.connect(url, autocommit=True) as connection:
        assert try_to_lead(connection)
        assert refresh(connection, operation.declared, operation.declared.tiers, 1).outcome == "populated"
        assert _readable(connection) == (True, True)

        invoke(ReplaceMaintainedView(*VIEW_2, replaces=1))

        assert _readable(connection) == (False, False)
        assert refresh(connection, operation.declared, operation.declared.tiers, 1).outcome == "populated"
        assert _readable(connection) == (True, True)


def test_proving_a_key_changes_every_tier_and_its_reverse_goes_back(url: str, invoke: Invoke) -> None:
    invoke(CreateMaintainedView(*VIEW_1))
    unproven = schema_snapshot(url)
    replacement = ReplaceMaintainedView(*VIEW_1, proven_key=True, replaces=1)

    invoke(replacement)
    for tier in ("live", "history", "total", "recent", "by_day"):
        assert columns(url, f"frontview.call_days_{tier}")[-2:] == ["calls", "always_null"]
    invoke(replacement.reverse())

    assert schema_snapshot(url) == unproven


def test_the_tiers_of_a_proven_view_are_refreshed_without_a_look_for_duplicates(url: str, invoke: Invoke) -> None:
    operation = CreateMaintainedView(*VIEW_1, proven_key=True)
    invoke(operation)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO users (email, name) VALUES ('a', 'A')")
        connection.execute("INSERT INTO agents (user_id, name) VALUES (1, 'x')")
        connection.execute("INSERT INTO calls (user_id, agent_id, status) VALUES (1, 1, 'busy')")
        assert try_to_lead(connection)
        assert refresh(connection, operation.declared, operation.declared.tiers, 1).outcome == "populated"
        connection.execute("INSERT INTO calls (user_id, agent_id, status) VALUES (1, 1, 'busy')")
        assert refresh(connection, operation.declared, ("recent",), 1).outcome == "refreshed"
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
        invoke(CreateMaintainedView(name, 1, ("calls",), key, ("calls",), proven_key=True))
    assert schema_snapshot(url) == before


def _readable(connection: psycopg.Connection) -> tuple[bool, bool]:
    row = connection.execute(
        "SELECT (v).history_readable OR (v).total_readable, (v).recent_readable FROM ("
        "SELECT (frontview.begin_read(1, '{call_days}', '-infinity', 'infinity', FALSE)).views[1] AS v) s"
    ).fetchone()
    assert row is not None
    return row[0] or row[1], row[1]


def test_replacing_an_object_may_change_its_signature_and_its_reverse_goes_back(url: str, invoke: Invoke) -> None:
    invoke(CreateSqlObject("functions", "answering", 1))
    version_1 = schema_snapshot(url)
    replacement = ReplaceSqlObject("functions", "answering", 2, replaces=1)

    invoke(replacement)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT frontview.answering(7)").fetchone() == ("42% of 7",)
    invoke(replacement.reverse())

    assert schema_snapshot(url) == version_1


def test_the_comment_of_an_installed_object_tells_its_file(url: str, invoke: Invoke) -> None:
    invoke(CreateSqlObject("functions", "answering", 1))

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT obj_description('frontview.answering()'::regprocedure, 'pg_proc')").fetchone()

    mark = installation.fingerprint(FILES["functions", "answering", 1])
    assert row == (f"frontview answering version 1 {mark}",)


@pytest.mark.parametrize(
    "operation",
    [
        CreateMaintainedView(*VIEW_1),
        CreateSqlObject("functions", "answering", 2),
        CaptureChanges("money", "users", "id", None, ("UPDATE",)),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_the_reverse_of_a_creation_leaves_nothing(url: str, invoke: Invoke, operation: CreateMaintainedView) -> None:
    before = schema_snapshot(url)

    invoke(operation)
    created = schema_snapshot(url)
    invoke(operation.reverse())

    assert created != before
    assert schema_snapshot(url) == before
    assert operation.reverse().reverse() == operation


def test_each_drop_reverses_into_what_it_drops() -> None:
    assert DropMaintainedView(*VIEW_2).reverse() == CreateMaintainedView(*VIEW_2)
    assert StopCapture("calls", "calls", day_column="local_day").reverse() == CaptureChanges(
        "calls", "calls", day_column="local_day"
    )
    assert CreateUserKey().reverse().reverse() == CreateUserKey()


def test_a_view_that_something_else_uses_is_not_dropped(url: str, invoke: Invoke) -> None:
    invoke(CreateMaintainedView(*VIEW_1))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE VIEW public.mine AS SELECT * FROM frontview.call_days_recent")

    with pytest.raises(Exception, match="other objects depend on it"):
        invoke(DropMaintainedView(*VIEW_1))


@pytest.mark.parametrize("name", ["calls; DROP TABLE users", "Calls", 'a"b', "", "a" * 60, "1a", "a.b.c"])
def test_a_name_that_is_not_plain_never_reaches_a_statement(name: str) -> None:
    with pytest.raises(CatalogError):
        installation.capture_changes(Source(name, "calls"), 1)


@pytest.mark.parametrize("table", ["calls; DROP TABLE users", "x.y.z", "Sales.orders", "sales."])
def test_a_table_name_that_is_not_plain_never_reaches_a_statement(table: str) -> None:
    with pytest.raises(CatalogError):
        installation.capture_changes(Source("orders", table), 1)


CALLS = {"source": "calls", "table": "calls", "day_column": "local_day"}
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


@pytest.mark.parametrize(("version", "replaces"), [(1, 2), (2, 1)])
def test_a_replaced_capture_is_no_change_to_the_watch(
    watched: psycopg.Connection[Any], invoke: Invoke, version: int, replaces: int
) -> None:
    invoke(ReplaceCapture(**CALLS, version=version, replaces=replaces))

    assert watched.execute("SELECT * FROM frontview.check_capture()").fetchall() == []
    watched.execute(INSERT_CALL)
    assert watched.execute(LOGGED).fetchall() == [("calls", 1, "2026-03-01")]


def test_what_altered_the_capture_before_it_was_replaced_is_still_found(
    watched: psycopg.Connection[Any], invoke: Invoke
) -> None:
    watched.execute("ALTER TABLE calls DISABLE TRIGGER frontview_capture_calls_insert")
    watched.execute(INSERT_CALL)
    watched.execute("ALTER TABLE calls ENABLE ALWAYS TRIGGER frontview_capture_calls_insert")

    invoke(ReplaceCapture(**CALLS, version=1, replaces=2))

    found = watched.execute("SELECT kind, subject FROM frontview.check_capture()").fetchall()
    assert found == [("capture_changed", "public.calls")]
    assert watched.execute(LOGGED).fetchall() == [("calls", None, "-infinity")]


def test_capture_is_replaced_beside_an_open_writer_which_logs_on(
    watched: psycopg.Connection[Any], url: str, invoke: Invoke
) -> None:
    with psycopg.connect(url) as writer:
        writer.execute(INSERT_CALL)
        invoke(ReplaceCapture(**CALLS, version=1, replaces=2))
        writer.execute(INSERT_CALL)
        writer.commit()

    assert watched.execute(LOGGED).fetchall() == [("calls", 1, "2026-03-01")] * 2


def test_while_capture_is_being_replaced_writers_go_on_and_nobody_alters_triggers(
    watched: psycopg.Connection[Any], url: str
) -> None:
    watched.execute("SET lock_timeout = '300ms'")
    with psycopg.connect(url) as migrating:
        for statement in ReplaceCapture(**CALLS, version=1, replaces=2).statements():
            migrating.execute(statement.encode())
        watched.execute(INSERT_CALL)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            watched.execute("ALTER TABLE calls DISABLE TRIGGER frontview_capture_calls_insert")
        migrating.commit()

    assert watched.execute(LOGGED).fetchall() == [("calls", 1, "2026-03-01")]
