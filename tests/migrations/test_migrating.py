"""Migrating as an operator does: the ``alembic`` command, two at once, a server that is too old."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from models import engine
from models.engine import require_supported_server
from models.errors import ServerTooOld
from models.schema_version import compare, revision_graph
from tests.fix_postgres import ROOT, alembic_config, migrate
from tests.schema_snapshot import schema_snapshot
from tests.waiting import until

HEADS = set(ScriptDirectory.from_config(alembic_config()).get_heads())
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = " + (
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


def start_alembic(url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=os.environ | {"FRONTVIEW_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def at_heads(url: str) -> bool:
    """Whether no revision is missing; one that an applied one depends on has no row of its own."""
    found = applied(url)
    return bool(found) and compare(revision_graph(), found).migrated


def applied(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('frontview_alembic_version')").fetchone() == (None,):
            return set()
        return {row[0] for row in connection.execute("SELECT version_num FROM frontview_alembic_version")}


@pytest.fixture
def outcomes() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes a test has started; none of them outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("target", ["head", "heads"])
def test_upgrade_brings_both_branches_to_their_heads(empty_url: str, target: str) -> None:
    process = start_alembic(empty_url, "upgrade", target)

    output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    assert at_heads(empty_url)
    with psycopg.connect(empty_url) as connection:
        made = connection.execute("SELECT to_regclass('frontview.drain'), to_regclass('frontview.calls_1_live')")
        assert None not in made.fetchone()  # type: ignore[operator]


def test_upgrade_again_changes_nothing(database_url: str) -> None:
    before = schema_snapshot(database_url)

    process = start_alembic(database_url, "upgrade", "head")

    assert process.wait(60) == 0
    process.communicate()
    assert schema_snapshot(database_url) == before


def test_the_core_branch_can_be_upgraded_alone(empty_url: str) -> None:
    process = start_alembic(empty_url, "upgrade", "core@head")

    output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    assert applied(empty_url) == {head for head in HEADS if head.startswith("core_")}


def test_two_migrators_take_turns(empty_url: str, outcomes: list[subprocess.Popen[str]]) -> None:
    with psycopg.connect(empty_url, autocommit=True) as watcher:
        watcher.execute("SELECT pg_advisory_lock(%s)", (0x66726F6E,))
        outcomes += [start_alembic(empty_url, "upgrade", "head") for _ in range(2)]
        until(lambda: watcher.execute(WAITING).fetchone() == (2,), "wait of both for the lock", seconds=30)
        assert applied(empty_url) == set()
        watcher.execute("SELECT pg_advisory_unlock(%s)", (0x66726F6E,))

        results = [process.communicate(timeout=60)[0] for process in outcomes]

    assert [process.returncode for process in outcomes] == [0, 0], results
    assert at_heads(empty_url)


def test_a_migration_gives_up_soon_on_a_table_in_use(empty_url: str) -> None:
    """One that waited long for a table's lock would hold up every reader behind it."""
    own = create_engine(make_url(empty_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with own.begin() as connection:
        command.upgrade(alembic_config(connection), "core@head")
        limits = connection.exec_driver_sql(
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
        ).one()
    own.dispose()

    assert tuple(limits) == ("10s", "15min")


def test_offline_mode_is_refused_in_one_sentence(empty_url: str) -> None:
    process = start_alembic(empty_url, "upgrade", "head", "--sql")

    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "run them without --sql" in output
    assert "Traceback" not in output


def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "OLDEST_SERVER", 99)
    before = schema_snapshot(empty_url)

    with pytest.raises(ServerTooOld, match=r"needs PostgreSQL 99 or newer; this server is \d+"):
        migrate(empty_url)

    assert schema_snapshot(empty_url) == before


@pytest.mark.parametrize("number", [150000, 180001])
def test_supported_servers_pass(number: int) -> None:
    require_supported_server(number, "whatever")


def test_an_old_server_is_named_with_what_is_needed() -> None:
    with pytest.raises(ServerTooOld) as caught:
        require_supported_server(140012, "14.12 (Debian)")

    assert str(caught.value) == (
        "Frontview needs PostgreSQL 15 or newer; this server is 14.12 (Debian). "
        "Upgrade the server or point FRONTVIEW_DATABASE_URL at a newer one."
    )
    assert (caught.value.found, caught.value.needed) == ("14.12 (Debian)", 15)
