"""``frontview invalidate``, ``refresh`` and ``stats``: what they ask for, and what they say when they cannot."""

import json
import os
import threading
from collections.abc import Iterator

import psycopg
import pytest
from click.testing import CliRunner, Result

from models.engine import connect
from refresher.leader.drain import drain_once
from tests.leading import lead
from tests.waiting import until
from web.cli import main
from web.cli import operator as operator_module
from web.cli import refresh as refresh_module


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)
    monkeypatch.setattr("web.cli.invalidate.DRAINED_SECONDS", 0.2)
    monkeypatch.setattr(refresh_module, "LEADERLESS_SECONDS", 0.2)


@pytest.fixture
def draining(database_url: str) -> Iterator[None]:
    """A leader that does nothing but drain."""
    stopping = threading.Event()
    with connect(database_url, "frontview-refresher-drain") as leader:
        term = lead(leader)

        def drain() -> None:
            while not stopping.wait(0.02):
                drain_once(leader, term)

        thread = threading.Thread(target=drain)
        thread.start()
        yield
        stopping.set()
        thread.join()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def one_line(text: str) -> str:
    assert text.count("\n") == 1, text
    return text


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--pattern", "dashboard:user:7:*"], "dashboard:user:7:*"),
        (["--user", "7"], "*:user:7"),
        (["--region", "desk"], "desk:*"),
        (["--everything"], "*"),
    ],
)
@pytest.mark.usefixtures("draining")
def test_an_invalidation_says_from_when_it_holds(
    connection: psycopg.Connection, arguments: list[str], pattern: str
) -> None:
    result = run("invalidate", *arguments)
    assert result.exit_code == 0, result.output
    (row,) = connection.execute("SELECT pattern, drain_id, asked_by FROM frontview.invalidation").fetchall()
    assert row[0] == pattern
    assert row[2].startswith("cli:")
    assert one_line(result.stdout) == f"Invalidation 1 of {pattern} holds from watermark 1-{row[1]}.\n"


def test_without_a_leader_an_invalidation_waits(connection: psycopg.Connection) -> None:
    result = run("invalidate", "--everything")
    assert result.exit_code == 0
    assert one_line(result.stdout) == "Invalidation 1 of * waits for a refresher that leads.\n"
    told = json.loads(run("invalidate", "--everything", "--json").stdout)
    assert told == {"invalidation_id": 2, "pattern": "*", "watermark": None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name one of --pattern, --user, --region and --everything"),
        (["--user", "7", "--everything"], "and only one"),
        (["--pattern", ""], "expected 1 to 3200 printable ASCII characters"),
        (["--pattern", "x" * 3201], "expected 1 to 3200 printable ASCII characters"),
        (["--user", "x"], "a user id is a whole number of 64 bits"),
        (["--region", "nowhere"], "no region 'nowhere'; there are default, desk, shelf"),
    ],
)
def test_what_cannot_be_invalidated_is_a_usage_error(
    connection: psycopg.Connection, arguments: list[str], words: str
) -> None:
    result = run("invalidate", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert connection.execute("SELECT FROM frontview.invalidation").fetchall() == []


def test_a_refresh_is_asked_for_once(connection: psycopg.Connection) -> None:
    first, second = run("refresh", "loans_1"), run("refresh", "loans_1")
    alone = "; no refresher leads, so it waits for one\n"
    assert first.stdout == f"Task 1, refresh of loans_1: waiting{alone}"
    assert second.stdout == f"Task 1, refresh of loans_1: waiting, requested earlier{alone}"
    assert (first.exit_code, second.exit_code) == (0, 0)
    told = json.loads(run("refresh", "renewals_1", "--json").stdout)
    assert (told["argument"], told["state"], told["already_waiting"]) == ({"view": "renewals_1"}, "waiting", False)


def test_a_refresh_of_an_unknown_view_is_a_usage_error(connection: psycopg.Connection) -> None:
    result = run("refresh", "nothing")
    assert result.exit_code == 2
    assert "no view 'nothing'; there are account_1, " in result.stderr
    assert connection.execute("SELECT FROM frontview.operator_task").fetchall() == []


def test_waiting_for_a_refresh_without_a_leader_ends_with_an_error() -> None:
    result = run("refresh", "loans_1", "--wait")
    assert result.exit_code == 1
    assert one_line(result.stderr) == "Error: No refresher leads; task 1 waits for one.\n"


@pytest.mark.usefixtures("draining")
@pytest.mark.parametrize(("outcome", "code"), [("refreshed", 0), ("failed: 42P01", 1), ("busy", 1)])
def test_waiting_for_a_refresh_tells_how_it_ended(connection: psycopg.Connection, outcome: str, code: int) -> None:
    def do_it() -> None:
        until(lambda: connection.execute("SELECT FROM frontview.operator_task").fetchall(), "the task")
        connection.execute(
            "UPDATE frontview.operator_task SET started_at = now(), ended_at = now(), outcome = %s", (outcome,)
        )

    leader = threading.Thread(target=do_it)
    leader.start()
    result = run("refresh", "loans_1", "--wait")
    leader.join()
    assert result.exit_code == code
    assert result.stdout == f"Task 1, refresh of loans_1: {outcome}\n"


def test_stats_of_a_fresh_database() -> None:
    told = json.loads(run("stats", "--json").stdout)
    assert (told["workers"], told["regions"], told["tasks"], told["warm_plan"]) == ([], [], [], [])
    assert told["invalidations"] == {"by_hand": [], "feed": []}
    shown = run("stats")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Answers: 0 from cache, 0 from materialized_view, 0 from database, 0 from stale")


def test_stats_tell_what_was_asked(connection: psycopg.Connection) -> None:
    run("invalidate", "--user", "7")
    run("refresh", "loans_1")
    connection.execute(
        "INSERT INTO frontview.warm_plan (user_id, dashboard, wanted_from, wanted_until, priority, reason) "
        "VALUES (7, 'view.loans', now(), now() + interval '1 hour', 1, 'predicted')"
    )
    told = json.loads(run("stats", "--json").stdout)
    assert [row["pattern"] for row in told["invalidations"]["by_hand"]] == ["*:user:7"]
    assert [(row["kind"], row["state"]) for row in told["tasks"]] == [("refresh", "waiting")]
    assert [(row["reason"], row["users"], row["entries"]) for row in told["warm_plan"]] == [("predicted", 1, 1)]
    shown = run("stats").stdout
    for words in ("*:user:7", "waiting", "predicted"):
        assert words in shown


@pytest.mark.parametrize("command", [["invalidate", "--everything"], ["refresh", "loans_1"], ["stats"]])
def test_a_database_without_schema_is_one_line(
    monkeypatch: pytest.MonkeyPatch, empty_url: str, command: list[str]
) -> None:
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", empty_url)
    result = run(*command)
    assert result.exit_code == 1
    assert one_line(result.stderr).startswith("Error: The database is not migrated")


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(operator_module.getpass, "getuser", nameless)
    assert operator_module.asked_by() == f"cli:{os.getuid()}"
