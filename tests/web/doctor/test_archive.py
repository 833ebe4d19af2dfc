"""``frontview doctor`` finds what lets an archive grow, and the remedies that it names work."""

import psycopg
import pytest
from psycopg import sql

from models.engine import connect
from tests.fix_postgres import Server
from views_sql.generation.archive import STORAGE_OPTIONS
from web.doctor import archive
from web.doctor.archive import vacuumed

TABLE = "frontview.loans_1_total"


def reloptions(connection: psycopg.Connection) -> list[str]:
    row = connection.execute("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", (TABLE,)).fetchone()
    assert row is not None
    return sorted(row[0])


def test_tables_as_a_migration_makes_them_pass(connection: psycopg.Connection) -> None:
    assert vacuumed(connection).outcome == "pass"
    assert reloptions(connection) == sorted(f"{name}={value}" for name, value in STORAGE_OPTIONS.items())


@pytest.mark.parametrize(
    "change",
    [
        "RESET (autovacuum_vacuum_scale_factor)",
        "SET (fillfactor = 100, autovacuum_analyze_scale_factor = 0.5)",
        "SET (autovacuum_enabled = off)",
        "SET (autovacuum_enabled = FALSE, fillfactor = 50)",
    ],
)
def test_changed_storage_options_are_named_and_the_remedy_restores_them(
    connection: psycopg.Connection, change: str
) -> None:
    before = reloptions(connection)
    connection.execute(f"ALTER TABLE {TABLE} {change}".encode())
    finding = vacuumed(connection)
    assert finding.outcome == "warn"
    assert TABLE in finding.detail
    connection.execute(finding.remedy.removesuffix(".").encode())
    assert vacuumed(connection).outcome == "pass"
    assert reloptions(connection) == before


def test_options_of_an_operators_own_are_left_alone(connection: psycopg.Connection) -> None:
    connection.execute(f"ALTER TABLE {TABLE} SET (autovacuum_vacuum_cost_delay = 0)".encode())
    assert vacuumed(connection).outcome == "pass"


def test_a_database_without_the_statistics_that_autovacuum_needs(
    connection: psycopg.Connection, database_url: str
) -> None:
    name = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("ALTER DATABASE {} SET track_counts = off").format(name))
    with psycopg.connect(database_url) as later:
        finding = vacuumed(later)
    assert (finding.outcome, finding.detail) == ("warn", "off: track_counts")


def leave_dead_rows(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave 30 dead rows, more than the bound then allows, which no autovacuum removes."""
    monkeypatch.setattr(archive, "DEAD_ROWS", 20)
    monkeypatch.setattr(archive, "_to_restore", lambda _: "")  # which would name the option that this sets
    connection.execute(f"ALTER TABLE {TABLE} SET (autovacuum_enabled = off)".encode())
    connection.execute(
        f"INSERT INTO {TABLE} (user_key, archive_rows) SELECT g, 1 FROM generate_series(1, 30) g".encode()
    )
    connection.execute(f"DELETE FROM {TABLE}".encode())
    connection.execute("SELECT pg_stat_force_next_flush()")


def test_dead_rows_are_warned_of_until_they_are_vacuumed(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_dead_rows(connection, monkeypatch)
    finding = vacuumed(connection)
    assert finding.outcome == "warn"
    assert f"{TABLE} (30 dead)" in finding.detail
    assert "VACUUM" in finding.remedy
    connection.execute(f"VACUUM {TABLE}".encode())
    assert vacuumed(connection).outcome == "pass"


def test_a_session_that_holds_vacuum_back_is_named_once_it_is_old(
    connection: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_dead_rows(connection, monkeypatch)
    with connect(database_url, "a-report") as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        assert "held back" not in vacuumed(connection).detail
        monkeypatch.setattr(archive, "HELD_SECONDS", 0.0)
        finding, session = vacuumed(connection), other.info.backend_pid
    assert finding.detail.endswith(f"held back by session {session} (a-report)")
    assert f"pg_terminate_backend({session})" in finding.remedy


@pytest.mark.proof
def test_a_prepared_transaction_that_holds_vacuum_back_is_named(
    system_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = system_server.create(system_server.template)
    monkeypatch.setattr(archive, "HELD_SECONDS", 0.0)
    with connect(url, "a-writer") as connection:
        leave_dead_rows(connection, monkeypatch)
        with connection.transaction():
            connection.execute("CREATE TABLE forgotten ()")
            connection.execute("PREPARE TRANSACTION 'it''s'")
        finding = vacuumed(connection)
        connection.execute("ROLLBACK PREPARED 'it''s'")
    system_server.drop(url)
    assert finding.detail.endswith("held back by prepared transaction it's")
    assert finding.remedy == "COMMIT PREPARED 'it''s', or ROLLBACK PREPARED 'it''s'."


@pytest.mark.proof  # creates and drops what all databases of the server share
def test_a_replication_slot_without_a_snapshot_is_not_blamed(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_dead_rows(connection, monkeypatch)
    connection.execute("SELECT pg_create_physical_replication_slot('left_over', TRUE)")
    try:
        assert "held back" not in vacuumed(connection).detail
    finally:
        connection.execute("SELECT pg_drop_replication_slot('left_over')")
