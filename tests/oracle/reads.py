"""The figures of the voice application's answers, and what the oracle counts for the same question."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from tests.oracle.base_tables import OUTCOMES, Facts, days_from


def outcomes_of(series: list[dict[str, Any]]) -> Counter[tuple[date, str]]:
    """Return the calls of each outcome in each period of an answer's series, without zeros."""
    return +Counter({(date.fromisoformat(row["period"]), name): row[name] for row in series for name in OUTCOMES})


def _overview(data: dict[str, Any], facts: Facts, _first: date, _last: date) -> tuple[Any, Any]:
    calls, leads, today = data["calls"], data["leads"]["all_time"], facts.within(facts.today, facts.today)
    return (
        (
            calls["all_time"]["calls"],
            calls["all_time"]["cost_cents"],
            calls["today"]["calls"],
            leads["leads"],
            leads["converted"],
            data["account"]["credits_cents"],
        ),
        (
            facts.count_calls(),
            facts.cost_cents,
            today.count_calls(),
            facts.count_leads(),
            facts.count_leads("converted"),
            facts.credits_cents,
        ),
    )


def _analytics(data: dict[str, Any], facts: Facts, first: date, last: date) -> tuple[Any, Any]:
    days = [date.fromisoformat(row["period"]) for row in data["series"]["rows"]]
    calls = [row["calls"] for row in data["series"]["rows"]]
    return (
        (days, calls, outcomes_of(data["series"]["rows"])),
        (list(days_from(first, last)), facts.daily_calls(first, last), facts.outcomes(first, last)),
    )


def _agents(data: dict[str, Any], facts: Facts, first: date, last: date) -> tuple[Any, Any]:
    names = ("calls", "completed", "cost_cents", "leads", "converted")
    return (
        {agent["agent"]: tuple(agent[name] for name in names) for agent in data["agents"]["rows"]},
        {
            agent: (
                it.count_calls(),
                it.count_calls("completed"),
                it.cost_cents,
                it.count_leads(),
                it.count_leads("converted"),
            )
            for agent, it in facts.within(first, last).by_agent()
        },
    )


def _agents_by_day(data: dict[str, Any], facts: Facts, first: date, last: date) -> tuple[Any, Any]:
    return (
        {agent["agent"]: agent["sparkline"] for agent in data["agents"]["rows"]},
        {agent: it.daily_calls(first, last) for agent, it in facts.by_agent()},
    )


def _performance(data: dict[str, Any], facts: Facts, _first: date, last: date) -> tuple[Any, Any]:
    periods = {"current": (19, 0), "previous": (39, 20)}
    return (
        {period: data["performance"][period]["calls"] for period in periods},
        {
            period: facts.within(last - timedelta(days=begin), last - timedelta(days=end)).count_calls()
            for period, (begin, end) in periods.items()
        },
    )


# The figures of an answer, and the oracle's: of all days, or of those from the first to the last.
FIGURES: dict[str, Callable[[dict[str, Any], Facts, date, date], tuple[Any, Any]]] = {
    "overview": _overview,
    "analytics": _analytics,
    "agents": _agents,
    "agents by day": _agents_by_day,
    "performance": _performance,
}
