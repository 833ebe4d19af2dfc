"""Every kind of exact read, compared with the base tables in one statement and so under one snapshot.

Invariant: a read that must be repeated, and so proves nothing, counts as a retry and never as a comparison.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, LiteralString

import psycopg

from models.connection import Connection
from tests.oracle.base_tables import FACTS, OUTCOMES, Facts, days_from, read_facts
from tests.oracle.relations import merged_read
from views_sql.voice.catalog import CATALOG

VIEWS = tuple(view.name for view in CATALOG.views)
DASHBOARDS = {
    "overview": "frontview.dashboard_overview({user}, {base})",
    "analytics": "frontview.dashboard_analytics({user}, CURRENT_DATE - 44, CURRENT_DATE, 'day', NULL, {base})",
    "agents": "frontview.dashboard_agents({user}, CURRENT_DATE - 44, CURRENT_DATE, NULL, {base})",
    "agents by day": "frontview.dashboard_agents({user}, CURRENT_DATE - 44, CURRENT_DATE, 'calls', {base})",
    "performance": "frontview.dashboard_performance({user}, CURRENT_DATE - 19, CURRENT_DATE, {base})",
}
_READ = "SELECT e.body, e.source, e.patched_days, e.undrained, b.body, CURRENT_DATE, {facts} FROM {exact} e, {base} b"
_REPEAT = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)  # a rewrite, or a TRUNCATE's locks


@dataclass
class Tally:
    """What the comparisons found."""

    comparisons: int = 0
    retries: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    patched: int = 0
    undrained: int = 0
    differences: list[str] = field(default_factory=list)


def compare_every_read(connection: Connection, users: Iterable[int]) -> Tally:
    """Compare each dashboard and each view of each user, where nothing rewrites a table meanwhile."""
    tally = Tally()
    for user in users:
        for dashboard in DASHBOARDS:
            compare_dashboard(connection, dashboard, user, tally)
        for view in VIEWS:
            compare_view(connection, view, user, tally)
    assert tally.retries == 0
    return tally


def compare_dashboard(connection: Connection, name: str, user: int, tally: Tally, *, figures: bool = True) -> None:
    """Compare an exact answer with that of the base tables, byte by byte, and with the oracle's own figures.

    :param figures: False: without the last, since no base table has the figures of sealed days.
    """
    exact, base = (DASHBOARDS[name].format(user=user, base=base) for base in ("FALSE", "TRUE"))
    query = _READ.format(facts=FACTS.format(user=user), exact=exact, base=base)
    try:
        row = connection.execute(query.encode()).fetchone()
    except _REPEAT:
        tally.retries += 1
        return
    assert row is not None
    body, source, patched, undrained, base_body, today, facts = row
    tally.comparisons += 1
    tally.sources[source] += 1
    tally.patched += patched
    tally.undrained += undrained
    if body != base_body:
        tally.differences.append(f"{name} of user {user}: {body} is not {base_body}")
    if figures and name in FIGURES:
        given, wanted = FIGURES[name](json.loads(body), read_facts(facts), today - timedelta(days=44), today)
        if given != wanted:
            tally.differences.append(f"{name} of user {user}: figures {given} are not {wanted}")


def compare_view(
    connection: Connection, view: str, user: int, tally: Tally, wanted: LiteralString | None = None
) -> None:
    """Compare the merged reads of a view with its live relation, or with ``wanted`` as :func:`merged_read` takes it."""
    try:
        difference = merged_read(connection, CATALOG.view(view), user, *([wanted] if wanted else []))
    except _REPEAT:
        tally.retries += 1
        return
    if difference.rewritten:
        tally.retries += 1
        return
    tally.comparisons += 1
    if difference:
        tally.differences.append(f"{view} of user {user}: {difference}")


def outcomes_of(series: list[dict[str, Any]]) -> Counter[tuple[date, str]]:
    """Return the calls of each outcome in each period of an answer's series, without zeros."""
    return +Counter({(date.fromisoformat(row["period_start"]), name): row[name] for row in series for name in OUTCOMES})


def _overview(data: dict[str, Any], facts: Facts, _first: date, _last: date) -> tuple[Any, Any]:
    calls, leads, today = data["calls"], data["leads"]["all_time"], facts.within(facts.today, facts.today)
    return (
        (
            calls["all_time"]["calls"],
            calls["all_time"]["cost_cents"],
            calls["today"]["calls"],
            leads["leads"],
            leads["converted"],
            data["credits_cents"],
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
    days = [date.fromisoformat(row["period_start"]) for row in data["series"]]
    calls = [row["calls"] for row in data["series"]]
    return (
        (days, calls, outcomes_of(data["series"])),
        (list(days_from(first, last)), facts.daily_calls(first, last), facts.outcomes(first, last)),
    )


def _agents(data: dict[str, Any], facts: Facts, first: date, last: date) -> tuple[Any, Any]:
    names = ("calls", "completed", "cost_cents", "leads", "converted")
    return (
        {agent["agent_id"]: tuple(agent[name] for name in names) for agent in data["agents"]},
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
        {agent["agent_id"]: agent["daily_calls"] for agent in data["agents"]},
        {agent: it.daily_calls(first, last) for agent, it in facts.by_agent()},
    )


def _performance(data: dict[str, Any], facts: Facts, _first: date, last: date) -> tuple[Any, Any]:
    periods = {"current": (19, 0), "previous": (39, 20)}
    return (
        {period: data[period]["calls"] for period in periods},
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
