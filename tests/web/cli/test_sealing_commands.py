"""``frontview seal``, ``unseal`` and ``erase``: what they do, and what they say when they cannot."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.refresher.refreshing.refreshed import CALLS, Refreshed, populate
from web.cli import main
from web.cli import sealing as sealing_module


@pytest.fixture
def db(monkeypatch: pytest.MonkeyPatch, embedded_server: Server) -> Iterator[Refreshed]:
    """A populated database, whose leader does not act by itself."""
    url = embedded_server.create_prepared("refreshed", populate, embedded_server.template)
    monkeypatch.setenv("FRONTVIEW_DATABASE_URL", url)
    monkeypatch.setattr(sealing_module, "LEADERLESS_SECONDS", 0.2)
    with connect(url, "frontview-refresher-drain") as connection:
        yield Refreshed(url, connection)
    embedded_server.drop(url)


@pytest.fixture
def refreshing(db: Refreshed) -> Iterator[None]:
    """The leader drains, and refreshes the calls' archive."""
    stopping = threading.Event()

    def work() -> None:
        with connect(db.url, "frontview-refresher") as connection:
            while not stopping.wait(0.02):
                drain_once(db.c, db.term)
                refresh(connection, CALLS, ("archive",), db.term.epoch)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stopping.set()
    thread.join()


def day(db: Refreshed, days_ago: int) -> str:
    return str(db.today - timedelta(days=days_ago))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.usefixtures("refreshing")
def test_a_seal_says_when_it_holds_and_which_rows_may_go(db: Refreshed) -> None:
    result = run("seal", "call_daily", "--before", day(db, 80))

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"call_daily: the days before {day(db, 80)} are sealed.\n"
        f"The rows of calls with local_day < {day(db, 80)} may be deleted, or their partitions detached or dropped.\n"
    )


def test_without_waiting_it_is_only_requested(db: Refreshed) -> None:
    told = json.loads(run("seal", "call_daily", "--before", day(db, 80), "--no-wait", "--json").stdout)

    assert (told["sealed"], told["sealed_before"], told["sealing_before"]) == (False, None, day(db, 80))
    assert told["tables"] == [{"name": "calls", "day_column": "local_day", "unsealed_views": ["call_daily"]}]


@pytest.mark.parametrize(
    ("view", "days_ago", "sentence"),
    [
        ("nothing", 80, "There is no view 'nothing'."),
        ("account_summary", 80, "account_summary has no days, so there is nothing to seal."),
        ("call_daily", -1, "only past days can be sealed."),
        ("call_daily", 10, "in its recent tier"),
    ],
)
def test_what_cannot_be_sealed_is_one_sentence(db: Refreshed, view: str, days_ago: int, sentence: str) -> None:
    result = run("seal", view, "--before", day(db, days_ago))

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_day_that_is_none_is_a_usage_error(db: Refreshed) -> None:
    assert run("seal", "call_daily", "--before", "last year").exit_code == 2


@pytest.mark.usefixtures("refreshing")
class TestSealed:
    def test_equal_days_are_unsealed(self, db: Refreshed) -> None:
        run("seal", "call_daily", "--before", day(db, 80))

        result = run("unseal", "call_daily")

        assert (result.exit_code, result.stdout) == (
            0,
            "call_daily: the days from the first one on are no longer sealed.\n",
        )
        assert run("unseal", "call_daily").stderr == "Error: No day of call_daily is sealed.\n"

    def test_days_that_differ_stay_sealed(self, db: Refreshed) -> None:
        run("seal", "call_daily", "--before", day(db, 80))
        with connect(db.url, "frontview-test") as connection:
            connection.execute("DELETE FROM calls WHERE local_day < CURRENT_DATE - 80")

        result = run("unseal", "call_daily", "--json")

        assert result.exit_code == 1
        assert json.loads(result.stdout) == {"view": "call_daily", "unsealed": False, "differing_keys": 2}

    def test_a_person_is_erased(self, db: Refreshed) -> None:
        run("seal", "call_daily", "--before", day(db, 80))

        told = json.loads(run("erase", "1", "--json").stdout)

        assert told["erased"] == {"call_daily": 1}
        assert "public.calls" in told["tables_with_rows"]
        assert run("erase", "1").stdout.startswith("call_daily: 0 sealed rows removed.\nRows of the user are still in ")


def test_without_a_leader_a_seal_says_so(monkeypatch: pytest.MonkeyPatch, db: Refreshed) -> None:
    db.c.execute("SELECT pg_advisory_unlock_all()")

    result = run("seal", "call_daily", "--before", day(db, 80))

    assert (result.exit_code, result.stderr) == (1, "Error: No refresher leads; the days are sealed once one does.\n")
