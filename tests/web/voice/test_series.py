"""What pages draw: outcomes that add up to calls, and each agent's calls day by day, those of the base tables.

Invariant: every comparison is with other SQL than the product's, or with the version before.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from models.connection import Connection
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.leading import lead
from tests.oracle.base_tables import OUTCOMES, facts_of
from tests.oracle.reads import outcomes_of
from tests.voice_stage import VOICE, fill
from views_sql.voice.catalog import CATALOG

USER, WITHOUT_CALLS = 1, "Idle"


@pytest.fixture(scope="module", params=["base tables", "patched view"])
def filled(embedded_server: Server, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Calls of every outcome, read from the base tables, or from the views with days drained and undrained on top."""
    url = embedded_server.create(embedded_server.template_of(VOICE))
    with psycopg.connect(url, autocommit=True) as connection:
        _fill(connection, patched=request.param == "patched view")
        yield connection
    embedded_server.drop(url)


def _fill(connection: Connection, *, patched: bool) -> None:
    fill(connection)
    connection.execute("INSERT INTO agents (user_id, name) VALUES (%s, %s)", (USER, WITHOUT_CALLS))
    connection.execute("UPDATE calls SET status = 'in_progress' WHERE id % 7 = 0")
    if patched:
        term = lead(connection)
        for view in CATALOG.views:
            horizon = date.today() - timedelta(days=45) if view.day_column else None
            assert refresh(connection, view, view.tiers, term.epoch, horizon=horizon).outcome == "populated"
        connection.execute("UPDATE calls SET status = 'failed' WHERE id % 50 = 3")
        drain_once(connection, term)
        connection.execute("UPDATE calls SET status = 'busy' WHERE id % 60 = 4")


def ask(connection: Connection, call: str, *values: object) -> dict[str, Any]:
    row = connection.execute(f"SELECT body FROM frontview.{call}", values).fetchone()
    assert row is not None
    return dict(json.loads(row[0]))


@pytest.mark.parametrize("of", ["user", "agent"])
@pytest.mark.parametrize("granularity", ["day", "week", "month"])
def test_the_outcomes_of_every_period_are_those_of_the_calls_and_add_up(
    filled: Connection, granularity: str, of: str
) -> None:
    agent, facts = (1, facts_of(filled, USER).of_agent(1)) if of == "agent" else (None, facts_of(filled, USER))
    last = facts.today
    first = last - timedelta(days=79)

    data = ask(filled, "dashboard_analytics(%s, %s, %s, %s, %s, FALSE)", USER, first, last, granularity, agent)

    counted = facts.outcomes(first, last, granularity)
    assert {outcome for _, outcome in counted} == set(OUTCOMES)
    assert outcomes_of(data["series"]) == counted
    for row in [*data["series"], data["totals"]]:
        assert row["calls"] == sum(row[status] for status in OUTCOMES)
    for name in ("calls", *OUTCOMES):
        assert data["totals"][name] == sum(row[name] for row in data["series"])
    assert list(data["totals"])[:6] == ["calls", *OUTCOMES]


@pytest.mark.parametrize(("days", "until"), [(30, 0), (1, 0), (400, 0), (20, 50), (10, -5)])
def test_the_calls_of_each_day_are_those_of_the_base_tables_for_every_agent(
    filled: Connection, days: int, until: int
) -> None:
    facts = facts_of(filled, USER)
    last = facts.today - timedelta(days=until)
    first = last - timedelta(days=days - 1)

    data = ask(filled, "dashboard_agents(%s, %s, %s, 'calls', FALSE)", USER, first, last)

    counted = {agent: of_agent.daily_calls(first, last) for agent, of_agent in facts.by_agent()}
    assert {agent["agent_id"]: agent["daily_calls"] for agent in data["agents"]} == counted
    assert [agent["agent_id"] for agent in data["agents"]] == sorted(counted)
    assert all(sum(agent["daily_calls"]) == agent["calls"] for agent in data["agents"])
    idle = next(agent for agent in data["agents"] if agent["name"] == WITHOUT_CALLS)
    assert idle["daily_calls"] == [0] * days


def test_a_write_of_today_is_in_the_last_number_of_the_next_read(filled: Connection) -> None:
    call = "dashboard_agents(%s, NULL, NULL, 'calls', FALSE)"
    before = ask(filled, call, USER)["agents"]

    filled.execute(
        "INSERT INTO calls (user_id, agent_id, status) SELECT %s, min(id), 'busy' FROM agents WHERE user_id = %s",
        (USER, USER),
    )

    after = ask(filled, call, USER)["agents"]
    assert after[0]["daily_calls"][-1] == before[0]["daily_calls"][-1] + 1
    assert [agent["daily_calls"][:-1] for agent in after] == [agent["daily_calls"][:-1] for agent in before]
    assert after[1:] == before[1:]


def test_without_the_series_the_answer_is_the_same_less_the_daily_calls(filled: Connection) -> None:
    for days in ("NULL, NULL", "current_date - 399, current_date"):
        without, with_series = (
            ask(filled, f"dashboard_agents(%s, {days}, {series}, FALSE)", USER) for series in ("NULL", "'calls'")
        )

        assert without["agents"]
        assert all(agent.pop("daily_calls") for agent in with_series["agents"])
        assert without == with_series


def test_a_user_who_is_not_there_has_no_answer(filled: Connection) -> None:
    row = filled.execute("SELECT body FROM frontview.dashboard_agents(999, NULL, NULL, 'calls', FALSE)").fetchone()
    assert row == (None,)


@pytest.mark.parametrize("series", ["", "leads", "CALLS", "calls "])
def test_another_series_is_refused_by_the_database_too(connection: Connection, series: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("SELECT * FROM frontview.dashboard_agents(1, NULL, NULL, %s, FALSE)", (series,))
    assert (caught.value.sqlstate, caught.value.diag.column_name) == ("FV002", "series")
