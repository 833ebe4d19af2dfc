"""What the base tables hold of one user: counted by SQL that shares nothing with the product's, added up in Python.

Invariant: :data:`FACTS` is one expression, so whatever else its statement selects has the same snapshot. Days come from
``started_at`` and ``analyzed_at`` in the user's time zone, never from the column in which the product keeps them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from psycopg import sql

from models.connection import Connection

OUTCOMES = ("completed", "failed", "no_answer", "busy", "in_progress")
FACTS = """
(SELECT json_build_object(
    'today', (now() AT TIME ZONE u.timezone)::date,
    'credits_cents', u.credits_cents,
    'agents', ARRAY(SELECT json_build_array(a.id, a.name) FROM agents a WHERE a.user_id = u.id),
    'calls', ARRAY(
        SELECT json_build_array(day, agent_id, status, count(*), sum(cost_cents))
        FROM calls, date(started_at AT TIME ZONE u.timezone) day WHERE user_id = u.id GROUP BY day, agent_id, status
    ),
    'leads', ARRAY(
        SELECT json_build_array(day, agent_id, stage, count(*))
        FROM lead_analytics, date(analyzed_at AT TIME ZONE u.timezone) day
        WHERE user_id = u.id GROUP BY day, agent_id, stage
    )
) FROM users u WHERE u.id = {user})
"""


class Calls(NamedTuple):
    """The calls of one day of the user's, by one agent and with one outcome."""

    day: date
    agent: int
    outcome: str
    calls: int
    cost_cents: int


class Leads(NamedTuple):
    """The leads analyzed on one day of the user's, of one agent and in one stage."""

    day: date
    agent: int
    stage: str
    leads: int


@dataclass(frozen=True)
class Facts:
    """What one user has; :meth:`within` and :meth:`of_agent` select from it.

    :param today: the user's own day.
    :param agents: their names by id.
    """

    today: date
    credits_cents: int
    agents: dict[int, str]
    calls: list[Calls]
    leads: list[Leads]

    def within(self, first: date, last: date) -> "Facts":
        calls = [it for it in self.calls if first <= it.day <= last]
        return replace(self, calls=calls, leads=[it for it in self.leads if first <= it.day <= last])

    def of_agent(self, agent: int) -> "Facts":
        calls = [it for it in self.calls if it.agent == agent]
        return replace(self, calls=calls, leads=[it for it in self.leads if it.agent == agent])

    def by_agent(self) -> "Iterator[tuple[int, Facts]]":
        return ((agent, self.of_agent(agent)) for agent in self.agents)

    def count_calls(self, outcome: str | None = None) -> int:
        return sum(it.calls for it in self.calls if outcome in (None, it.outcome))

    def count_leads(self, stage: str | None = None) -> int:
        return sum(it.leads for it in self.leads if stage in (None, it.stage))

    @property
    def cost_cents(self) -> int:
        return sum(it.cost_cents for it in self.calls)

    def outcomes(self, first: date, last: date, granularity: str = "day") -> Counter[tuple[date, str]]:
        """Return the calls of each outcome in each period, by its start; the first period may be cut off."""
        counted: Counter[tuple[date, str]] = Counter()
        for it in self.within(first, last).calls:
            counted[max(first, _start_of(it.day, granularity)), it.outcome] += it.calls
        return counted

    def daily_calls(self, first: date, last: date) -> list[int]:
        """Return the calls of each day from ``first`` to ``last``."""
        counted = Counter[date]()
        for it in self.calls:
            counted[it.day] += it.calls
        return [counted[day] for day in days_from(first, last)]


def facts_of(connection: Connection, user: int) -> Facts:
    """Return what the user has now."""
    row = connection.execute(sql.SQL("SELECT " + FACTS).format(user=sql.Literal(user))).fetchone()
    assert row is not None
    assert row[0] is not None, f"there is no user {user}"
    return read_facts(row[0])


def read_facts(found: dict[str, Any]) -> Facts:
    """Return what a statement with :data:`FACTS` in it found."""
    return Facts(
        today=date.fromisoformat(found["today"]),
        credits_cents=found["credits_cents"],
        agents={agent: name for agent, name in found["agents"]},  # noqa: C416  lists, not tuples
        calls=[Calls(date.fromisoformat(day), *rest) for day, *rest in found["calls"]],
        leads=[Leads(date.fromisoformat(day), *rest) for day, *rest in found["leads"]],
    )


def days_from(first: date, last: date) -> Iterator[date]:
    """Yield every day of a period."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _start_of(day: date, granularity: str) -> date:
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[granularity]
