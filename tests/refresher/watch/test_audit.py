"""The audit finds wrong reads whatever their cause, corrects them at once, and reports them without naming users."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from models.connection import Connection
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from refresher.watch.audit import Audit
from refresher.watch.audit_sample import count_users, next_user, recent_user
from refresher.watch.comparison import compare
from tests.fix_postgres import Server
from tests.leading import lead
from tests.neutral.application import fill
from tests.neutral.catalog import CATALOG, LOANS
from tests.neutral.reads import ORACLE
from views_sql.declaration.maintained_view import MaintainedView
from web.cli import main

USERS = 6
ODD_USER = 918273645
ALARMS = "SELECT kind, subject, times FROM frontview.alarm ORDER BY kind, subject"


class Site:
    """A database whose views are populated and clean, and its leader's drain."""

    def __init__(self, connection: Connection) -> None:
        self.c = connection
        term = lead(connection)
        self.term: Term = term

    def drain(self) -> None:
        drain_once(self.c, self.term)

    def compact(self, horizon: date | None = None) -> None:
        self.drain()
        for view in CATALOG.views:
            refresh(self.c, view, view.tiers, self.term.epoch, horizon=horizon if view.day_column else None)

    def unseen(self, query: str, *values: object) -> None:
        """Write past the capture."""
        with self.c.transaction():
            for action in ("DISABLE", "ENABLE ALWAYS"):
                for event in ("insert", "update", "delete"):
                    self.c.execute(f"ALTER TABLE loan {action} TRIGGER frontview_capture_loans_1_{event}")
                if action == "DISABLE":
                    self.c.execute(query, values)

    def round(self, audit: Audit | None = None) -> list[tuple[str, str]]:
        """Visit everybody once, or with one that is under way; return where reads were wrong."""
        audit = audit or Audit(CATALOG.views)
        found = []
        for view in CATALOG.views:
            user = next_user(self.c, view, None)
            while user is not None:
                visit = audit.visit(self.c, view, user)
                assert visit.compared is not None
                if visit.compared.differences:
                    found.append((view.name, user))
                user = next_user(self.c, view, user)
        return found

    def wrong_reads(self, users: Iterable[int] = (1, 2)) -> list[str]:
        """Return what the tests' own oracle finds, usually for the user that tests tamper with and for a neighbour."""
        return ORACLE.compare_every_read(self.c, users).differences

    def alarms(self) -> list[tuple[Any, ...]]:
        return self.c.execute(ALARMS).fetchall()


def _populate(url: str) -> None:
    """Fill a migrated database before anybody leads, and populate its views."""
    with psycopg.connect(url, autocommit=True) as connection:
        fill(connection, members=USERS)
        connection.execute(
            "INSERT INTO member (id, name) OVERRIDING SYSTEM VALUE VALUES (%s, 'Odd')",
            (ODD_USER,),
        )
        horizon = connection.execute("SELECT CURRENT_DATE - 30").fetchone()
        assert horizon is not None
        Site(connection).compact(horizon[0])
        connection.execute("UPDATE frontview.view_state SET rebuild_ms = NULL")  # else rebuilding is cheaper


@contextmanager
def _site_url(server: Server) -> Iterator[str]:
    url = server.create_prepared("audited site", _populate, server.template)
    yield url
    server.drop(url)


@pytest.fixture
def site_url(embedded_server: Server) -> Iterator[str]:
    with _site_url(embedded_server) as url:
        yield url


@pytest.fixture
def site(site_url: str) -> Iterator[Site]:
    with psycopg.connect(site_url, autocommit=True) as connection:
        yield Site(connection)


@pytest.fixture
def site_of_each(any_server: Server) -> Iterator[Site]:
    """The same, on each server in turn."""
    with _site_url(any_server) as url, psycopg.connect(url, autocommit=True) as connection:
        yield Site(connection)


def test_right_reads_are_compared_with_tiers_and_nothing_is_told(site_of_each: Site) -> None:
    site, compared = site_of_each, []
    audit = Audit(CATALOG.views, on_check=lambda view, violated: compared.append((view, violated)))

    assert site.round(audit) == []

    assert {view for view, _ in compared} == {view.name for view in CATALOG.views}
    assert len(compared) == sum(count_users(site.c, view) for view in CATALOG.views)
    assert not any(violated for _, violated in compared)
    assert site.alarms() == []


def test_right_reads_stay_right_whatever_is_stale(site: Site) -> None:
    """Undrained, drained, moved, truncated: what the audit compares is never late."""
    writes = (
        "UPDATE loan SET fee_cents = fee_cents + 1 WHERE member_id = 1",
        "UPDATE loan SET member_id = 2, branch = NULL WHERE member_id = 3",
        "DELETE FROM loan WHERE member_id = 2 AND day < CURRENT_DATE - 40",
        "UPDATE loan SET day = day - 1 WHERE member_id = 1",
        "DELETE FROM member WHERE id = 4",
        "TRUNCATE loan CASCADE",
    )
    for write in writes:
        site.c.execute(write)
        assert site.round() == [], write
        site.drain()
        assert site.round() == [], write
    site.compact()
    assert site.round() == []


def write_unseen(site: Site) -> None:
    site.unseen("UPDATE loan SET fee_cents = fee_cents + 7 WHERE member_id = 1")


def lose_the_log(site: Site) -> None:
    site.c.execute("UPDATE loan SET fee_cents = fee_cents + 7 WHERE member_id = 1")
    site.c.execute("DELETE FROM frontview.change_log")


def lose_a_mark(site: Site) -> None:
    site.c.execute("UPDATE loan SET fee_cents = fee_cents + 7 WHERE member_id = 1 AND day < CURRENT_DATE - 40")
    site.drain()
    site.c.execute("DELETE FROM frontview.stale_key")


def refresh_a_tier_without_its_sums(site: Site) -> None:
    """The archive alone: its rows stay right beside the stale days, only the total is not their sum any more."""
    site.c.execute("UPDATE loan SET fee_cents = fee_cents + 7 WHERE member_id = 1 AND day < CURRENT_DATE - 40")
    site.drain()
    site.c.execute(
        "UPDATE frontview.loans_1_archive a SET m_fees = l.m_fees FROM frontview.loans_1_live l "
        "WHERE (l.user_key, l.day, l.d_branch, l.n_branch) = (a.user_key, a.day, a.d_branch, a.n_branch)"
    )


def lose_sums(site: Site) -> None:
    site.c.execute("DELETE FROM frontview.loans_1_total WHERE user_key = 1")


def delete_a_user_unseen(site: Site) -> None:
    """A user whom only tiers hold."""
    site.unseen("DELETE FROM loan WHERE member_id = 1")


@pytest.mark.parametrize(
    "tamper",
    [
        write_unseen,
        lose_the_log,
        lose_a_mark,
        refresh_a_tier_without_its_sums,
        lose_sums,
        delete_a_user_unseen,
    ],
)
def test_a_wrong_read_is_found_put_right_and_told(site_of_each: Site, tamper: Callable[[Site], None]) -> None:
    site = site_of_each
    tamper(site)
    assert site.wrong_reads(), "else it proves nothing"

    assert ("loans_1", "1") in site.round()

    assert site.wrong_reads() == [], "undrained: the user's reads are computed"
    assert ("exactness", "loans_1", 1) in site.alarms()
    site.drain()
    assert site.wrong_reads() == [], "drained: still"
    site.compact()
    assert site.wrong_reads() == [], "healed by the refresh"
    assert site.round() == []
    checks = site.c.execute("SELECT violations FROM frontview.audit WHERE view = 'loans_1'").fetchone()
    assert checks == (1,)


def test_a_user_whom_no_tier_holds_is_visited(site: Site) -> None:
    """A user none of whose rows was captured: neither tiers nor marks have that user."""
    site.compact()
    site.unseen("INSERT INTO loan (member_id) VALUES (%s)", ODD_USER)

    assert site.round() == [("loans_1", str(ODD_USER))]


def test_nothing_says_whose_read_it_was(site: Site) -> None:
    site.c.execute("INSERT INTO loan (member_id) VALUES (%s)", (ODD_USER,))
    site.compact()
    site.unseen("UPDATE loan SET fee_cents = 77 WHERE member_id = %s", ODD_USER)

    with capture_logs() as logs:
        assert site.round() == [("loans_1", str(ODD_USER))]

    assert {line["event"] for line in logs} == {"exactness_violated", "alarm_raised"}
    assert str(ODD_USER) not in str(logs)
    assert str(ODD_USER) not in str(site.c.execute("SELECT * FROM frontview.alarm").fetchall())


def test_with_the_third_user_every_key_is_marked(site: Site) -> None:
    site.unseen("UPDATE loan SET fee_cents = fee_cents + 7")

    found = site.round()

    assert found == [("loans_1", "1"), ("loans_1", "2"), ("loans_1", "3")]
    assert site.wrong_reads(range(1, USERS + 1)) == []


def test_turns_go_round_all_users_and_between_them_to_those_changed_lately(site: Site) -> None:
    site.c.execute("UPDATE loan SET fee_cents = 1 WHERE member_id = 5")
    site.compact()
    audit = Audit((LOANS,))

    visits = [audit.visit_next(site.c) for _ in range(4 * USERS)]

    users = [visit.user for visit in visits if visit is not None]
    assert users[::2] == [str(n) for n in range(1, USERS + 1)] * 2
    assert set(users[1::2]) == {"5"}


def test_a_round_goes_on_where_the_last_leader_was(site: Site) -> None:
    first = Audit((LOANS,))
    for _ in range(5):
        first.visit_next(site.c)
    first.save(site.c)

    visit = Audit((LOANS,)).visit_next(site.c)

    assert visit is not None
    assert visit.user == "6", "nobody changed lately, so every turn was the round's"
    assert site.c.execute("SELECT checks, rounds, after_user FROM frontview.audit").fetchall() == [(5, 0, 5)]


def test_users_are_found_once_each_in_order(site: Site) -> None:
    found, user = [], next_user(site.c, CATALOG.view("account_1"), None)
    while user is not None:
        found.append(user)
        user = next_user(site.c, CATALOG.view("account_1"), user)
    assert found == [*(str(n) for n in range(1, USERS + 1)), str(ODD_USER)]
    assert count_users(site.c, CATALOG.view("account_1")) == len(found)


def test_a_database_without_users_is_audited_in_no_time(connection: Connection) -> None:
    audit = Audit(CATALOG.views)
    assert audit.visit_next(connection) is None
    assert recent_user(connection, LOANS) is None


def test_a_read_from_base_tables_alone_does_not_count(connection: Connection) -> None:
    fill(connection, members=1)
    compared = compare(connection, LOANS, "1")
    assert compared is not None
    assert (compared.differences, compared.from_tiers) == (0, False)


def test_a_view_that_the_database_has_in_another_version_is_left_alone(site: Site) -> None:
    newer = MaintainedView("loans_1", 2, ("loans_1",), ("user_key", "day"), ("nothing",))
    assert Audit((newer,)).visit_next(site.c) is None


def test_an_audit_that_cannot_compare_is_told_until_it_can(site: Site) -> None:
    audit = Audit((LOANS,))
    site.c.execute("ALTER FUNCTION frontview.loans_1_merged RENAME TO gone")
    for _ in range(3):
        visit = audit.visit_next(site.c)
        assert visit is not None
        assert visit.compared is None
    assert site.alarms() == [("audit_failing", "loans_1", 1)]

    site.c.execute("ALTER FUNCTION frontview.gone RENAME TO loans_1_merged")
    Audit((LOANS,)).visit_next(site.c)
    assert site.alarms() == [], "whoever raised it"


class TestCommand:
    @pytest.fixture
    def database_url(self, site_url: str) -> str:
        return site_url

    @pytest.fixture(autouse=True)
    def _configured(self, monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", database_url)

    def audit(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["audit", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout

    def test_no_difference_is_exit_code_0(self, site: Site) -> None:
        code, shown = self.audit("--all")
        assert code == 0, shown
        assert f"loans_1: {USERS} compared, no difference" in shown
        assert self.audit()[0] == 0

    def test_a_difference_is_named_with_its_users_and_is_exit_code_1(self, site: Site) -> None:
        write_unseen(site)

        code, shown = self.audit("--all")

        assert code == 1
        assert f"loans_1: {USERS} compared, 1 user with differences: 1" in shown
        assert site.wrong_reads() == []
        assert self.audit("--all")[0] == 0

    def test_a_sample_finds_it_in_a_small_database(self, site: Site) -> None:
        write_unseen(site)
        assert self.audit()[0] == 1

    def test_read_only_leaves_everything_as_it_was(self, site: Site) -> None:
        write_unseen(site)
        marks = "SELECT (SELECT count(*) FROM frontview.change_log), (SELECT count(*) FROM frontview.audit)"
        before = site.c.execute(marks).fetchone()

        assert self.audit("--all", "--read-only")[0] == 1

        assert site.c.execute(marks).fetchone() == before
        assert site.alarms() == []
        assert site.wrong_reads()

    def test_json_holds_every_view(self, site: Site) -> None:
        write_unseen(site)

        code, shown = self.audit("--all", "--json")

        found = json.loads(shown)
        assert code == 1
        assert found["violations"] == 1
        assert {view["view"] for view in found["views"]} == {view.name for view in CATALOG.views}
        wrong = next(view for view in found["views"] if view["view"] == "loans_1")
        assert wrong == {
            "view": "loans_1",
            "visited": USERS,
            "compared": USERS,
            "failed": 0,
            "differing": 1,
            "users": ["1"],
        }

    def test_a_view_that_cannot_be_audited_is_no_success(self, connection: Connection) -> None:
        connection.execute("UPDATE frontview.view_state SET version = 2 WHERE view = 'renewals_1'")
        result = CliRunner().invoke(main, ["audit"])
        assert result.exit_code == 1
        assert "renewals_1" in result.stderr

    def test_a_database_without_schema_is_one_line(self, monkeypatch: pytest.MonkeyPatch, empty_url: str) -> None:
        monkeypatch.setenv("FRONTVIEW_DATABASE_URL", empty_url)
        result = CliRunner().invoke(main, ["audit"])
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: No application is installed in the database.")
