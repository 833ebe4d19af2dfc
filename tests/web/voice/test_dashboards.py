"""The declared dashboards of the voice application: their figures are those of its tables, counted in other ways.

Invariant: every comparison is with SQL and sums that share nothing with the product's; days are those of each user.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import Server
from tests.oracle.base_tables import OUTCOMES, Facts, facts_of
from tests.voice_stage import VOICE, fill
from tests.web.declared.conftest import Site, served_site
from tests.web.web_fakes import bearer

USERS = (1, 2, 3)  # Each in another time zone.
WITHOUT_CALLS = "Idle"
QUALITY = """
    SELECT round(sum(csat_points)::numeric / sum(csat_answers), 2)::float8, sum(talk_seconds)::int, sum(transfers)::int
    FROM agent_analytics WHERE agent_id = %s AND day BETWEEN %s AND %s
"""
RECENT = """
    SELECT c.id, c.agent_id, a.name, c.status, c.duration_seconds, c.cost_cents FROM calls c
    JOIN agents a ON a.id = c.agent_id WHERE c.user_id = %s ORDER BY c.started_at DESC, c.id DESC LIMIT 10
"""
BOTH_ENDS_OF_DAYS = """
    INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
    SELECT a.user_id, a.id, (day + time) AT TIME ZONE u.timezone, 'busy', 1, 3
    FROM agents a JOIN users u ON u.id = a.user_id, (VALUES (time '00:00'), ('23:59:59.999999')) AS t (time),
        generate_series(current_date - 60, current_date - 1, '1 day') AS day
"""


@pytest.fixture(scope="module", params=["patched view", "base tables"])
def voice(embedded_server: Server, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Calls of every outcome, also at both ends of days; days are stale in the views, in part drained."""
    url = embedded_server.create(embedded_server.template_of(VOICE))
    with psycopg.connect(url, autocommit=True) as connection:
        fill(connection)
        connection.execute("UPDATE calls SET status = 'in_progress' WHERE id % 7 = 0")
        connection.execute(BOTH_ENDS_OF_DAYS)
        connection.execute("INSERT INTO agents (user_id, name) SELECT id, %s FROM users", (WITHOUT_CALLS,))
    with served_site(url) as site:
        if request.param == "base tables":
            site.rows("UPDATE frontview.view_state SET through = NULL RETURNING view")
        site.c.execute("UPDATE calls SET status = 'failed' WHERE id % 50 = 3")
        site.drain_and_follow()
        site.c.execute("UPDATE calls SET status = 'busy' WHERE id % 60 = 4")
        yield site
    embedded_server.drop(url)


def ask(site: Site, user: int, dashboard: str, **parameters: object) -> dict[str, Any]:
    response = site.client.get(
        f"/api/v1/dashboard/{dashboard}",
        query_string=parameters,
        headers=bearer(user) | {"Cache-Control": "no-cache"},
    )
    assert response.status_code == 200, response.text
    return dict(response.json["data"])


def counted(facts: Facts) -> dict[str, int]:
    outcomes = {outcome: facts.count_calls(outcome) for outcome in OUTCOMES}
    return {"calls": facts.count_calls(), **outcomes, "cost_cents": facts.cost_cents}


@pytest.mark.parametrize("user", USERS)
def test_the_overview_is_that_of_the_users_own_days(voice: Site, user: int) -> None:
    facts = facts_of(voice.c, user)
    data = ask(voice, user, "overview")

    [(email, zone)] = voice.rows("SELECT email, timezone FROM users WHERE id = %s", user)
    assert data["account"].items() >= {"email": email, "timezone": zone, "credits_cents": facts.credits_cents}.items()
    assert data["agents"] == {"total": 4, "active": 4}
    for period, days in (("today", 1), ("last_7_days", 7), ("last_30_days", 30), ("all_time", 9999)):
        part = facts.within(facts.today - timedelta(days=days - 1), facts.today)
        assert data["calls"][period].items() >= counted(part).items(), period
        leads = {"leads": part.count_leads(), "converted": part.count_leads("converted")}
        assert data["leads"][period].items() >= leads.items(), period
    first = facts.today - timedelta(days=29)
    assert [row["period"] for row in data["daily"]["rows"]] == [str(first + timedelta(days=n)) for n in range(30)]
    assert [row["calls"] for row in data["daily"]["rows"]] == facts.daily_calls(first, facts.today)
    names = ("call_id", "agent_id", "agent_name", "status", "duration_seconds", "cost_cents")
    assert [tuple(row[name] for name in names) for row in data["recent_calls"]] == voice.rows(RECENT, user)


@pytest.mark.parametrize("of", ["user", "agent"])
@pytest.mark.parametrize("granularity", ["day", "week", "month"])
@pytest.mark.parametrize("user", USERS)
def test_the_outcomes_of_every_period_are_those_of_the_calls_and_add_up(
    voice: Site, user: int, granularity: str, of: str
) -> None:
    facts = facts_of(voice.c, user)
    [(agent,)] = voice.rows("SELECT min(id) FROM agents WHERE user_id = %s", user)
    asked = {"agent": agent} if of == "agent" else {}
    facts = facts.of_agent(agent) if asked else facts
    last = facts.today
    first = last - timedelta(days=79)

    series = ask(voice, user, "analytics", **{"from": first, "to": last}, granularity=granularity, **asked)["series"]

    outcomes = {
        (str(day), outcome): calls for (day, outcome), calls in facts.outcomes(first, last, granularity).items()
    }
    found = {(row["period"], name): row[name] for row in series["rows"] for name in OUTCOMES if row[name]}
    assert {outcome for _, outcome in outcomes} == set(OUTCOMES)
    assert found == outcomes
    for row in [*series["rows"], series["totals"]]:
        assert row["calls"] == sum(row[status] for status in OUTCOMES)
    for name in ("calls", *OUTCOMES):
        assert series["totals"][name] == sum(row[name] for row in series["rows"])


@pytest.mark.parametrize(("days", "until"), [(30, 0), (1, 0), (400, 0), (20, 50), (10, -5)])
def test_each_agent_has_its_figures_and_the_calls_of_each_day(voice: Site, days: int, until: int) -> None:
    user = 2
    facts = facts_of(voice.c, user)
    last = facts.today - timedelta(days=until)
    first = last - timedelta(days=days - 1)

    rows = ask(voice, user, "agents", **{"from": first, "to": last})["agents"]["rows"]

    assert [row["agent"] for row in rows] == sorted(facts.agents)
    for row in rows:
        of_agent = facts.of_agent(row["agent"])
        within = of_agent.within(first, last)
        assert (row["agent_name"], row["agent_is_active"]) == (facts.agents[row["agent"]], True)
        assert row["sparkline"] == of_agent.daily_calls(first, last)
        assert (row["calls"], row["completed"]) == (within.count_calls(), within.count_calls("completed"))
        assert (row["leads"], row["converted"]) == (within.count_leads(), within.count_leads("converted"))
        [quality] = voice.rows(QUALITY, row["agent"], first, last)
        assert (row["csat"], row["talk_seconds"] or None, row["transfers"] or None) == quality
    idle = next(row for row in rows if row["agent_name"] == WITHOUT_CALLS)
    assert (idle["calls"], idle["csat"], idle["sparkline"]) == (0, None, [0] * days)
    assert (
        ask(voice, user, "agents", **{"from": first, "to": last}, agent=rows[1]["agent"])["agents"]["rows"] == rows[1:2]
    )


@pytest.mark.parametrize("user", USERS)
def test_the_performance_is_that_of_two_periods(voice: Site, user: int) -> None:
    facts = facts_of(voice.c, user)
    first = facts.today - timedelta(days=19)
    data = ask(voice, user, "performance", **{"from": first})["performance"]

    for side, since in (("current", first), ("previous", first - timedelta(days=20))):
        part = facts.within(since, since + timedelta(days=19))
        calls, leads = part.count_calls(), part.count_leads()
        assert data[side]["calls"] == calls
        assert data[side]["success_rate"] == round(part.count_calls("completed") / calls, 4)
        assert data[side]["conversion_rate"] == round(part.count_leads("converted") / leads, 4)


def test_a_write_of_today_is_in_the_last_number_of_the_next_read(voice: Site) -> None:
    before = ask(voice, 1, "agents")["agents"]["rows"]
    VOICE.add(voice.c, 1, 0, 1)
    after = ask(voice, 1, "agents")["agents"]["rows"]

    assert after[0]["sparkline"] == [*before[0]["sparkline"][:-1], before[0]["sparkline"][-1] + 1]
    assert after[1:] == before[1:]


def test_another_users_agent_is_one_that_has_nothing(voice: Site) -> None:
    [(other,)] = voice.rows("SELECT min(id) FROM agents WHERE user_id = 2")
    assert ask(voice, 1, "agents", agent=other) == {"agents": {"rows": []}}
