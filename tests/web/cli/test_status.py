"""``frontview status``: what it says about a running, a fresh and a missing system."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from click.testing import CliRunner

from models.engine import connect
from refresher.leader.leadership import try_to_lead
from tests.waiting import until
from web.cli import main
from web.operators.system_state import system_state


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)


@contextmanager
def leading(url: str) -> Iterator[psycopg.Connection]:
    with connect(url, "frontview-refresher-drain") as leader:
        assert try_to_lead(leader) is not None
        yield leader


def add_user(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    connection.execute("INSERT INTO loan (member_id) VALUES (1)")


def test_a_fresh_database_has_no_leader_and_nothing_populated(connection: psycopg.Connection) -> None:
    state = system_state(connection)
    assert state.leader is None
    assert state.watermark is None
    assert not any(row.populated for row in state.views)


def test_the_leader_and_its_watermark(connection: psycopg.Connection, database_url: str) -> None:
    with leading(database_url) as leader:
        state = system_state(connection)
        assert state.leader.pid == leader.info.backend_pid
        assert state.leader.application_name == "frontview-refresher-drain"
        assert state.watermark.epoch == 1
        assert 0 <= state.watermark.age_seconds < 5
        assert [row.application_name for row in state.connections] == ["frontview-refresher-drain"]
    until(lambda: system_state(connection).leader is None, "state without the leader that disconnected")


def test_undrained_rows_become_stale_keys_of_the_tiers_that_hold_them(
    connection: psycopg.Connection, database_url: str
) -> None:
    with leading(database_url) as leader:
        newest = system_state(connection).watermark.drain_id
        connection.execute("UPDATE frontview.view_state SET through = %s", (newest,))
        add_user(connection)
        assert system_state(connection).watermark.undrained_rows >= 3
        leader.execute("SELECT frontview.drain_changes(1, (SELECT nonce FROM frontview.drain LIMIT 1))")
        state = system_state(connection)
        assert state.watermark.undrained_rows == 0
        stale = {(row.view, row.tier): row.stale_keys for row in state.views}
        assert stale["loans_1", "recent"] == 1
        assert stale["loans_1", "archive"] == 0
        assert stale["renewals_1", "recent"] == 0
        assert stale["account_1", "whole"] == 1


def test_json_holds_everything(database_url: str) -> None:
    with leading(database_url):
        result = CliRunner().invoke(main, ["status", "--json"])
    assert result.exit_code == 0
    names = {"alarms", "watermark", "leader", "views", "refreshes", "audit", "connections", "declarations"}
    assert set(json.loads(result.stdout)) == names


def test_alarms_are_the_first_lines(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO frontview.alarm (kind, subject, detail) VALUES ('uncaptured', 'public.loan', 'loans_1: no [b]')"
    )
    lines = CliRunner().invoke(main, ["status"]).stdout.splitlines()
    assert lines[0].startswith("ALARM uncaptured: public.loan: loans_1: no [b] (since ")
    assert lines[1].startswith("Leader: ")

    (alarm,) = json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)["alarms"]
    assert (alarm["kind"], alarm["subject"], alarm["times"]) == ("uncaptured", "public.loan", 1)


def test_the_audits_totals(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO frontview.audit (view, checks, violations) VALUES ('loans_1', 4321, 7)")
    (total,) = system_state(connection).audit
    assert (total.view, total.checks, total.violations) == ("loans_1", 4321, 7)
    assert "4,321" in CliRunner().invoke(main, ["status"]).stdout


def test_people_get_tables(connection: psycopg.Connection, database_url: str) -> None:
    connection.execute(
        "INSERT INTO frontview.refresh_log (view, tier, started_at, duration_ms, row_count, outcome) "
        "VALUES ('loans_1', 'recent', now(), 1234, 56789, 'refreshed')"
    )
    with leading(database_url):
        result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 0
    for words in ("Leader: frontview-refresher-drain", "Watermark: 1-", "loans_1 v1", "1.23 s", "56,789"):
        assert words in result.stdout


def test_a_database_without_schema_is_one_line(monkeypatch: pytest.MonkeyPatch, empty_url: str) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", empty_url)
    result = CliRunner().invoke(main, ["status"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database is not migrated")
    assert result.stderr.count("\n") == 1
