"""The leader's tasks: done in order and once, told how they ended, taken over from a leader that died, forgotten."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest

from refresher.leader.leadership import Term
from refresher.operator_tasks import LOST, OperatorTasks
from refresher.refreshing.maintenance import Maintenance
from tests.neutral.catalog import CATALOG
from tests.refresher.leading import drain_in, session_of
from tests.waiting import until


class Warming:
    """Runs tasks of its kind: it remembers their arguments, and can be made to fail."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.failing: str | None = None
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, connection: psycopg.Connection[Any], _term: Term, argument: Mapping[str, Any]) -> str:
        self.asked.append(argument)
        self.begun.set()
        assert self.go_on.wait(20)
        if self.failing == "defect":
            raise KeyError("a defect")
        if self.failing is not None:
            connection.execute(self.failing)  # type: ignore[call-overload]
        return f"warmed {len(self.asked)}"


class Leading:
    """A refresher's maintenance and tasks; it leads as long as ``drain.term`` is not None."""

    def __init__(self, url: str, term: Term) -> None:
        self.drain = drain_in(term)
        self.session = session_of(self.drain, url)
        self.maintenance = Maintenance(self.session, CATALOG, duty=1.0, min_seconds=0.0, recent_days=45)
        self.warming = Warming()
        runners = {"refresh": self.maintenance.refresh_by_hand, "warm": self.warming}
        self.tasks = OperatorTasks(self.session, runners)


@pytest.fixture
def leading(database_url: str, term: Term) -> Iterator[Leading]:
    made = Leading(database_url, term)
    yield made
    made.warming.go_on.set()
    made.session.stop()


def ask(connection: psycopg.Connection[Any], kind: str, argument: str) -> tuple[int, bool]:
    row = connection.execute("SELECT * FROM frontview.request_task(%s, %s::jsonb, 'me')", (kind, argument)).fetchone()
    assert row is not None
    return row[0], row[1]


def outcomes(connection: psycopg.Connection[Any]) -> dict[int, str | None]:
    return dict(connection.execute("SELECT task_id, outcome FROM frontview.operator_task ORDER BY task_id").fetchall())


def value(connection: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def test_a_refresh_by_hand_refreshes_every_tier_and_is_logged(
    leading: Leading, connection: psycopg.Connection[Any]
) -> None:
    task, _ = ask(connection, "refresh", '{"view": "loans_1"}')
    leading.tasks.run_waiting()
    assert outcomes(connection) == {task: "populated"}
    horizon = "SELECT CURRENT_DATE - first_day FROM frontview.view_state WHERE view = 'loans_1' AND tier = 'recent'"
    assert value(connection, horizon) == 45
    again, is_new = ask(connection, "refresh", '{"view": "loans_1"}')
    assert is_new
    leading.tasks.run_waiting()
    assert outcomes(connection)[again] == "refreshed", "though nothing was stale"
    logged = connection.execute("SELECT tier, outcome FROM frontview.refresh_log ORDER BY refresh_id").fetchall()
    assert sorted(logged[4:]) == sorted((tier, "refreshed") for tier in CATALOG.view("loans_1").tiers)
    times = "SELECT started_at <= ended_at AND started_at >= asked_at FROM frontview.operator_task WHERE task_id = %s"
    assert value(connection, times, again)


def test_a_refresh_of_a_view_that_does_not_exist_says_so(leading: Leading, connection: psycopg.Connection[Any]) -> None:
    task, _ = ask(connection, "refresh", '{"view": "nothing"}')
    leading.tasks.run_waiting()
    outcome = outcomes(connection)[task]
    assert outcome is not None
    assert outcome.startswith("failed: no view 'nothing'; there are loans_1, ")


def test_a_refresh_that_fails_says_so(leading: Leading, connection: psycopg.Connection[Any]) -> None:
    connection.execute("DROP MATERIALIZED VIEW frontview.account_1_whole CASCADE")
    task, _ = ask(connection, "refresh", '{"view": "account_1"}')
    leading.tasks.run_waiting()
    assert outcomes(connection)[task] == "failed: 42P01"


def test_tasks_are_done_in_the_order_they_were_asked_for(leading: Leading, connection: psycopg.Connection[Any]) -> None:
    asked = [ask(connection, "warm", f'{{"most_active": {n}}}')[0] for n in (3, 1, 2)]
    leading.tasks.run_waiting()
    assert [it["most_active"] for it in leading.warming.asked] == [3, 1, 2]
    assert outcomes(connection) == dict(zip(asked, ["warmed 1", "warmed 2", "warmed 3"], strict=True))
    leading.tasks.run_waiting()
    assert len(leading.warming.asked) == 3


def test_what_is_asked_again_before_it_began_is_the_same_task_and_afterwards_another(
    leading: Leading, connection: psycopg.Connection[Any]
) -> None:
    first = ask(connection, "warm", '{"most_active": 3}')
    assert first[1]
    assert ask(connection, "warm", '{"most_active": 3}') == (first[0], False)
    leading.warming.go_on.clear()
    thread = threading.Thread(target=leading.tasks.run_waiting)
    thread.start()
    assert leading.warming.begun.wait(20)
    second, is_new = ask(connection, "warm", '{"most_active": 3}')
    assert is_new
    leading.warming.go_on.set()
    thread.join(20)
    assert outcomes(connection) == {first[0]: "warmed 1", second: "warmed 2"}


@pytest.mark.parametrize(
    ("failing", "outcome"), [("SELECT 1/0", "failed: 22012"), ("defect", "failed: KeyError")], ids=["error", "defect"]
)
def test_a_task_that_fails_stops_no_other(
    leading: Leading, connection: psycopg.Connection[Any], failing: str, outcome: str
) -> None:
    leading.warming.failing = failing
    one, _ = ask(connection, "warm", '{"most_active": 1}')
    other, _ = ask(connection, "refresh", '{"view": "account_1"}')
    leading.tasks.run_waiting()
    assert outcomes(connection) == {one: outcome, other: "populated"}


def test_a_task_that_takes_its_connection_down_is_tried_once_a_term(
    leading: Leading, connection: psycopg.Connection[Any]
) -> None:
    leading.warming.failing = "SELECT pg_terminate_backend(pg_backend_pid())"
    task, _ = ask(connection, "warm", '{"most_active": 1}')
    other, _ = ask(connection, "refresh", '{"view": "account_1"}')
    leading.tasks.run_waiting()
    assert outcomes(connection) == {task: None, other: None}
    leading.tasks.run_waiting()
    assert outcomes(connection) == {task: LOST, other: "populated"}
    assert len(leading.warming.asked) == 1


def test_who_does_not_lead_does_nothing(leading: Leading, connection: psycopg.Connection[Any]) -> None:
    task, _ = ask(connection, "warm", '{"most_active": 1}')
    leading.drain.term = None
    leading.tasks.run_waiting()
    assert outcomes(connection) == {task: None}
    assert not value(connection, "SELECT started_at FROM frontview.operator_task")


def test_a_task_of_a_leader_that_died_is_begun_again_by_the_next(
    leading: Leading, connection: psycopg.Connection[Any], database_url: str, term: Term
) -> None:
    task, _ = ask(connection, "warm", '{"most_active": 1}')
    later, _ = ask(connection, "refresh", '{"view": "account_1"}')
    leading.warming.go_on.clear()
    thread = threading.Thread(target=leading.tasks.run_waiting)
    thread.start()
    assert leading.warming.begun.wait(20)
    started = value(connection, "SELECT started_at FROM frontview.operator_task WHERE task_id = %s", task)
    leading.drain.term = None  # its connection is lost; it will not tell how its task ended

    following = Leading(database_url, Term(term.epoch + 1, term.nonce))
    try:
        following.tasks.run_waiting()
        assert outcomes(connection) == {task: "warmed 1", later: "populated"}
        assert value(connection, "SELECT started_at FROM frontview.operator_task WHERE task_id = %s", task) > started
        leading.warming.go_on.set()
        thread.join(20)
        assert outcomes(connection) == {task: "warmed 1", later: "populated"}
    finally:
        following.session.stop()


def test_a_task_that_is_cut_short_by_a_stop_is_left_to_the_next_leader(
    leading: Leading, connection: psycopg.Connection[Any]
) -> None:
    leading.warming.failing = "SELECT pg_sleep(60)"
    task, _ = ask(connection, "warm", '{"most_active": 1}')
    thread = threading.Thread(target=leading.tasks.run_waiting)
    thread.start()
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND wait_event = 'PgSleep'"
    until(lambda: value(connection, sleeping), "the sleeping task")
    leading.session.stop()
    thread.join(20)
    assert outcomes(connection) == {task: None}


def test_a_refresh_by_hand_never_runs_beside_another(leading: Leading, connection: psycopg.Connection[Any]) -> None:
    leading.warming.go_on.clear()
    ask(connection, "warm", '{"most_active": 1}')
    working = threading.Thread(target=leading.tasks.run_waiting)
    working.start()
    assert leading.warming.begun.wait(20)
    refreshing = threading.Thread(target=leading.maintenance.refresh_due)
    refreshing.start()
    refreshing.join(0.2)
    assert refreshing.is_alive(), "it waits for the task"
    assert value(connection, "SELECT count(*) FROM frontview.refresh_log") == 0
    leading.warming.go_on.set()
    working.join(20)
    refreshing.join(20)
    assert value(connection, "SELECT count(*) FROM frontview.refresh_log") > 0


def test_old_rows_are_forgotten(
    leading: Leading, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute(
        "INSERT INTO frontview.operator_task (kind, argument, asked_by, asked_at, started_at, ended_at, outcome) "
        "SELECT 'warm', '{}', 'me', t, t, t, 'warmed' FROM (VALUES (now() - interval '8 days'), (now() - interval "
        "'6 days')) v (t)"
    )
    connection.execute(
        "INSERT INTO frontview.invalidation (pattern, asked_by, asked_at, drain_id) VALUES "
        "('old', 'me', now() - interval '8 days', 1), ('new', 'me', now() - interval '6 days', 2), "
        "('waits', 'me', now() - interval '8 days', NULL)"
    )
    connection.execute(
        "INSERT INTO frontview.worker (worker_id, host, pid, started_at, seen_at, statistics) "
        "SELECT gen_random_uuid(), 'host', s, now(), now() - make_interval(secs => s), '{}' "
        "FROM (VALUES (5), (901), (961)) v (s)"
    )
    connection.execute(
        "INSERT INTO frontview.refresh_log (view, tier, started_at, duration_ms, outcome) "
        "SELECT 'v', t, now() - make_interval(days => d), d, 'refreshed' FROM (VALUES ('recent', 32), ('recent', 31), "
        "('recent', 29), ('archive', 40), ('archive', 39)) v (t, d)"
    )
    leading.tasks.run_waiting()
    assert value(connection, "SELECT count(*) FROM frontview.operator_task") == 1
    assert value(connection, "SELECT string_agg(pattern, ' ' ORDER BY pattern) FROM frontview.invalidation") == (
        "new waits"
    )
    assert value(connection, "SELECT array_agg(pid ORDER BY pid) FROM frontview.worker") == [5, 901]

    kept = "SELECT array_agg(duration_ms ORDER BY duration_ms) FROM frontview.refresh_log WHERE view = 'v'"
    assert value(connection, kept) == [29, 39], "of each tier the last one, however old"

    connection.execute("UPDATE frontview.worker SET seen_at = now() - interval '1 hour'")
    leading.tasks.run_waiting()
    assert value(connection, "SELECT count(*) FROM frontview.worker") == 2, "not each second"
    passed = time.monotonic() + 11
    monkeypatch.setattr("refresher.operator_tasks.time.monotonic", lambda: passed)
    leading.tasks.run_waiting()
    assert value(connection, "SELECT count(*) FROM frontview.worker") == 0
