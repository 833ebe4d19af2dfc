"""Each change reaches exactly the answers it concerns: real writes, real triggers, drain, feed and HTTP."""

from contextlib import ExitStack
from datetime import date, timedelta

import httpx
import pytest

from tests.acceptance.test_reads import hit
from tests.fix_app import System
from tests.waiting import until

USER, BYSTANDER = 3, 2  # the first one's time zone is UTC
TODAY = date.today()
RECENT = f"from={TODAY - timedelta(days=5)}&to={TODAY}"
CLOSED = f"from={TODAY - timedelta(days=50)}&to={TODAY - timedelta(days=31)}"
ANSWERS = {
    "overview": "/api/v1/dashboard/overview",
    "analytics recent": f"/api/v1/dashboard/analytics?{RECENT}",
    "analytics closed": f"/api/v1/dashboard/analytics?{CLOSED}",
    "analytics until today": "/api/v1/dashboard/analytics",
    "agents recent": f"/api/v1/dashboard/agents?{RECENT}",
    "agents closed": f"/api/v1/dashboard/agents?{CLOSED}",
    "agents until today": "/api/v1/dashboard/agents",
    "calls closed": f"/api/v1/view/calls?{CLOSED}",
    "leads until today": "/api/v1/view/leads",
    "quality recent": f"/api/v1/view/quality?{RECENT}",
    "recent calls": "/api/v1/list/recent_calls",
    "agent recent": "/api/v1/dashboard/agents?agent={agent}&" + RECENT,
    "agent closed": "/api/v1/dashboard/agents?agent={agent}&" + CLOSED,
    "performance recent": f"/api/v1/dashboard/performance?{RECENT}",
    "performance closed": f"/api/v1/dashboard/performance?{CLOSED}",
    "bystander's overview": f"/api/v1/dashboard/overview?user_id={BYSTANDER}",
    "bystander's agents": f"/api/v1/dashboard/agents?user_id={BYSTANDER}",
}
OWN = {name for name in ANSWERS if not name.startswith("bystander")}
AGENT = {name for name in OWN if name.startswith("agent")}
PERFORMANCE = {name for name in OWN if name.startswith("performance")}
LISTED = {"overview", "recent calls"}  # They show the newest calls whenever these were, with their agents' names.
OVER_CLOSED = {name for name in OWN if name.endswith("closed")}
OVER_TODAY = OWN - OVER_CLOSED - {"recent calls"}
WITH_CALLS = {name for name in OWN if not name.startswith(("leads", "quality", "recent"))}
WITH_LEADS = {name for name in OWN if not name.startswith(("calls", "quality", "recent"))}
WITH_QUALITY = AGENT | PERFORMANCE | {"quality recent"}

CALL = (
    "INSERT INTO calls (user_id, agent_id, started_at, status, cost_cents) "
    "VALUES (%(user)s, %(agent)s, now() - make_interval(days => %(days)s), 'completed', 5)"
)
LEAD = (
    "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
    "SELECT id, user_id, agent_id, now() - make_interval(days => %(days)s), 50, 'converted' FROM calls "
    "WHERE user_id = %(user)s AND id NOT IN (SELECT call_id FROM lead_analytics) LIMIT 1"
)
QUALITY = (
    "UPDATE agent_analytics SET csat_points = csat_points + 1 "
    "WHERE agent_id = %(agent)s AND day = CURRENT_DATE - %(days)s"
)
# A change, how many days ago, and whose answers it takes away: those that show something of what is captured there.
CHANGES = {
    "a call today": (CALL, 0, WITH_CALLS & OVER_TODAY | LISTED),
    "a late call": (CALL, 40, WITH_CALLS & OVER_CLOSED | LISTED),
    "a changed call": (
        "UPDATE calls SET cost_cents = cost_cents + 1 WHERE id = (SELECT min(id) FROM calls WHERE user_id = %(user)s "
        "AND started_at >= CURRENT_DATE)",
        0,
        WITH_CALLS & OVER_TODAY | LISTED,
    ),
    "a lead today": (LEAD, 0, WITH_LEADS & OVER_TODAY),
    "a late lead": (LEAD, 40, WITH_LEADS & OVER_CLOSED | {"overview"}),
    "an agent's name": ("UPDATE agents SET name = name || '!' WHERE id = %(agent)s", 0, AGENT | LISTED),
    "credits": ("UPDATE users SET credits_cents = credits_cents + 1 WHERE id = %(user)s", 0, {"overview"}),
    "quality today": (QUALITY, 0, WITH_QUALITY & OVER_TODAY),
    "late quality": (QUALITY, 40, WITH_QUALITY & OVER_CLOSED),
    "the bystander's call": (
        CALL.replace("%(user)s, %(agent)s", "2, (SELECT min(id) FROM agents WHERE user_id = 2)"),
        0,
        {"bystander's overview", "bystander's agents"},
    ),
    "the time zone": ("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = %(user)s", 0, OWN),
}


@pytest.fixture
def ready(system: System) -> System:
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    return system


def test_each_change_takes_away_exactly_the_answers_it_concerns(ready: System) -> None:
    agent = ready.value("SELECT min(id) FROM agents WHERE user_id = %s", USER)
    wrong = {}
    with ExitStack() as opened:
        own = opened.enter_context(ready.client(USER))
        admin = opened.enter_context(ready.client(900, admin=True))

        def asker(name: str) -> tuple[httpx.Client, str]:
            return (own if name in OWN else admin), ANSWERS[name].format(agent=agent)

        def calculated(name: str) -> str:
            client, path = asker(name)
            return str(client.get(path).json()["meta"]["calculated_at"])

        for change, (statement, days, expected) in CHANGES.items():
            before = {}
            for name in ANSWERS:
                before[name] = hit(*asker(name)).json()["meta"]["calculated_at"]
            changed = ready.sql.execute(statement.encode(), {"user": USER, "agent": agent, "days": days})
            assert changed.rowcount == 1, change
            anew: set[str] = set()

            def all_anew() -> bool:
                anew.update(name for name in expected if calculated(name) != before[name])  # noqa: B023  this turn's
                return anew == expected  # noqa: B023

            until(all_anew, f"fresh answers after {change}; there are {anew}")
            taken = {name for name in ANSWERS if calculated(name) != before[name]}
            if taken != expected:
                wrong[change] = {"too many": taken - expected, "too few": expected - taken}
    assert not wrong
