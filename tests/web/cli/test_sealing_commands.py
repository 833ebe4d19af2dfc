"""``frontview seal``, ``unseal`` and ``erase``: what they do, and what they say when they cannot."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.refreshing import sealing as refresher_sealing
from refresher.refreshing.refresh import refresh
from refresher.refreshing.steps import gates
from tests.fix_postgres import Server
from tests.refresher.refreshing.refreshed import LOANS, Refreshed, fail, populate
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
    """The leader drains, and refreshes the loans' archive."""
    stopping = threading.Event()

    def work() -> None:
        with connect(db.url, "frontview-refresher") as connection:
            while not stopping.wait(0.02):
                drain_once(db.c, db.term)
                refresh(connection, LOANS, ("archive",), db.term.epoch)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stopping.set()
    thread.join()


RENEWALS = {"cascades_to": ["renewal"], "cascading_views": ["renewals_1", "renewals_1_books_values"]}


def day(db: Refreshed, days_ago: int) -> str:
    return str(db.today - timedelta(days=days_ago))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.usefixtures("refreshing")
def test_a_seal_says_when_it_holds_and_which_rows_may_go(db: Refreshed) -> None:
    result = run("seal", "loans_1", "--before", day(db, 80))

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"loans_1: the days before {day(db, 80)} are sealed.\n"
        f"Keep the rows of loan with day < {day(db, 80)}: deleting them also deletes or changes rows of "
        "renewal, which renewals_1, renewals_1_books_values counts by days of their own. Only those may go that rows "
        "of no unsealed day there refer to.\n"
    )


def test_without_waiting_it_is_only_requested(db: Refreshed) -> None:
    told = json.loads(run("seal", "loans_1", "--before", day(db, 80), "--no-wait", "--json").stdout)

    assert (told["sealed"], told["sealed_before"], told["sealing_before"]) == (False, None, day(db, 80))
    assert told["tables"] == [
        {"name": "loan", "day_column": "day", "before": day(db, 80), "unsealed_views": ["loans_1"]} | RENEWALS
    ]


def test_a_request_that_was_replaced_is_waited_for_no_longer(db: Refreshed) -> None:
    db.c.execute(
        "CREATE FUNCTION replace() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.sealing_before := NEW.sealing_before - 5; RETURN NEW; END';"
        "CREATE TRIGGER replace BEFORE INSERT ON frontview.seal FOR EACH ROW EXECUTE FUNCTION replace()"
    )

    result = run("seal", "loans_1", "--before", day(db, 80))

    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: The days before {day(db, 80)} are not sealed: "
        f"the request was replaced by one for the days before {day(db, 85)}.\n",
    )


def test_failures_of_the_refresh_are_told(monkeypatch: pytest.MonkeyPatch, db: Refreshed) -> None:
    fail(db)
    for _ in range(2):
        assert refresh(db.c, LOANS, ("archive",), db.term.epoch).outcome == "failed: FVX01"
    monkeypatch.setattr(sealing_module, "LINE_SECONDS", 0.0)
    monkeypatch.setattr(sealing_module, "has_leader", lambda _: False)

    result = run("seal", "loans_1", "--before", day(db, 80))

    line = "Waiting for the refresher; 2 refreshes of the archive failed in a row: see its log."
    assert line in result.stderr.splitlines()


def test_the_status_shows_a_request(db: Refreshed) -> None:
    run("seal", "loans_1", "--before", day(db, 80), "--no-wait")

    tiers = json.loads(run("status", "--json").stdout)["views"]

    (asked,) = (it["sealing_before"] for it in tiers if (it["view"], it["tier"]) == ("loans_1", "archive"))
    assert asked == day(db, 80)
    assert "are to be sealed" in run("status").stdout


def test_without_a_terminal_erasing_has_to_be_confirmed(db: Refreshed) -> None:
    result = run("erase", "1")

    assert (result.exit_code, result.stderr) == (
        1,
        "Error: Sealed rows cannot be brought back: without a terminal, confirm with --yes.\n",
    )


@pytest.mark.parametrize(
    ("view", "days_ago", "sentence"),
    [
        ("nothing", 80, "There is no view 'nothing'."),
        ("account_1", 80, "account_1 has no days, so there is nothing to seal."),
        ("loans_1", -1, "only past days can be sealed."),
        ("loans_1", 10, "in its recent tier"),
    ],
)
def test_what_cannot_be_sealed_is_one_sentence(db: Refreshed, view: str, days_ago: int, sentence: str) -> None:
    result = run("seal", view, "--before", day(db, days_ago))

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_day_that_is_none_is_a_usage_error(db: Refreshed) -> None:
    assert run("seal", "loans_1", "--before", "last year").exit_code == 2


@pytest.mark.usefixtures("refreshing")
class TestSealed:
    def test_equal_days_are_unsealed(self, db: Refreshed) -> None:
        run("seal", "loans_1", "--before", day(db, 80))

        result = run("unseal", "loans_1")

        assert (result.exit_code, result.stdout) == (
            0,
            "loans_1: the days from the first one on are no longer sealed.\n",
        )
        assert run("unseal", "loans_1").stderr == "Error: No day of loans_1 is sealed.\n"

    def test_days_that_differ_stay_sealed(self, db: Refreshed) -> None:
        run("seal", "loans_1", "--before", day(db, 80))
        with connect(db.url, "frontview-test") as connection:
            connection.execute("DELETE FROM loan WHERE day < CURRENT_DATE - 80")

        result = run("unseal", "loans_1", "--json")

        assert result.exit_code == 1
        assert json.loads(result.stdout) == {"view": "loans_1", "unsealed": False, "differing_keys": 2}

    def test_what_is_sealed_already_is_a_success(self, db: Refreshed) -> None:
        first = run("seal", "loans_1", "--before", day(db, 80))

        assert run("seal", "loans_1", "--before", day(db, 80)).stdout == first.stdout
        assert run("seal", "loans_1", "--before", day(db, 90)).exit_code == 0
        assert db.value("SELECT sealing_before FROM frontview.seal") is None

    def test_what_was_erased_is_told_where_a_later_archive_is_busy(
        self, monkeypatch: pytest.MonkeyPatch, db: Refreshed
    ) -> None:
        run("seal", "loans_1", "--before", day(db, 80))
        db.c.execute(
            "UPDATE frontview.view_state SET first_day = CURRENT_DATE - 80 "
            "WHERE view = 'renewals_1' AND tier IN ('archive', 'total')"
        )
        monkeypatch.setattr(refresher_sealing, "GATE_CHECK_SECONDS", 0.01)
        monkeypatch.setattr(refresher_sealing, "GATE_WAIT_SECONDS", 1.0)
        with connect(db.url, "frontview-test") as other, gates(other, "renewals_1", ("archive",)):
            result = run("erase", "1", "--yes")

        assert result.exit_code == 1
        assert result.stdout.startswith("loans_1: 1 sealed rows removed.\nrenewals_1: nothing removed, other work")

    def test_a_person_is_erased(self, db: Refreshed) -> None:
        run("seal", "loans_1", "--before", day(db, 80))

        told = json.loads(run("erase", "1", "--yes", "--json").stdout)

        assert told["erased"] == {"loans_1": 1}
        assert "public.loan" in told["tables_with_rows"]
        assert run("erase", "1", "--yes").stdout.startswith(
            "loans_1: 0 sealed rows removed.\nRows of the user are still in "
        )


def test_without_a_leader_a_seal_says_so(monkeypatch: pytest.MonkeyPatch, db: Refreshed) -> None:
    db.c.execute("SELECT pg_advisory_unlock_all()")

    result = run("seal", "loans_1", "--before", day(db, 80))

    assert (result.exit_code, result.stderr) == (1, "Error: No refresher leads; the days are sealed once one does.\n")
