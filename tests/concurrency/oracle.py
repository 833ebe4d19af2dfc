"""The oracle: what an answer must be, computed from the base tables by other SQL than the product's.

Every comparison is one statement, so both sides have one snapshot.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

VIEWS = ("call_daily", "lead_daily", "agent_quality_daily")
OUTCOMES = ("completed", "failed", "no_answer", "busy", "in_progress")
DAYS = 45
DASHBOARDS = {
    "overview": "frontview.dashboard_overview({user}, {base})",
    "analytics": "frontview.dashboard_analytics({user}, CURRENT_DATE - 44, CURRENT_DATE, 'day', NULL, {base})",
    "agents": "frontview.dashboard_agents({user}, CURRENT_DATE - 44, CURRENT_DATE, NULL, {base})",
    "agents by day": "frontview.dashboard_agents({user}, CURRENT_DATE - 44, CURRENT_DATE, 'calls', {base})",
    "performance": "frontview.dashboard_performance({user}, CURRENT_DATE - 19, CURRENT_DATE, {base})",
}
RAW = """
    (SELECT json_build_object(
        'calls', count(*), 'cost', COALESCE(sum(cost_cents), 0),
        'today', count(*) FILTER (WHERE local_day = CURRENT_DATE)
    ) FROM calls WHERE user_id = {user}) AS raw_calls,
    (SELECT json_build_object('leads', count(*), 'converted', count(*) FILTER (WHERE stage = 'converted'))
     FROM lead_analytics WHERE user_id = {user}) AS raw_leads,
    (SELECT credits_cents FROM users WHERE id = {user}) AS raw_credits
"""
# Calls of each day of the 45, counted by hand: the day as a number from 0, agent, outcome, calls.
RAW_DAYS = """
    (SELECT COALESCE(json_agg(json_build_array(local_day - (CURRENT_DATE - 44), agent_id, status, n)), '[]') FROM (
        SELECT local_day, agent_id, status, count(*) AS n FROM calls
        WHERE user_id = {user} AND local_day BETWEEN CURRENT_DATE - 44 AND CURRENT_DATE GROUP BY 1, 2, 3
    ) counted) AS raw_days
"""
# Rows of the merged read and of the plain SELECT that are not on the other side, both ways, with duplicates.
MERGED_DIFFERENCE = """
WITH state AS MATERIALIZED (
    SELECT frontview.begin_read({user}, '{{{view}}}', '-infinity', 'infinity', FALSE) AS s
), merged AS MATERIALIZED (
    SELECT m.* FROM state, frontview.{view}_merged({user}, '-infinity', 'infinity', ((state.s).views)[1]) m
), plain AS MATERIALIZED (
    SELECT * FROM frontview.{view}_live WHERE user_id = {user}
)
SELECT
    (SELECT count(*) FROM (SELECT * FROM merged EXCEPT ALL SELECT * FROM plain) a),
    (SELECT count(*) FROM (SELECT * FROM plain EXCEPT ALL SELECT * FROM merged) b),
    (SELECT frontview.rewritten((s).storage) FROM state)
"""


@dataclass
class Tally:
    """What the comparisons found."""

    comparisons: int = 0
    retries: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    patched: int = 0
    undrained: int = 0
    differences: list[str] = field(default_factory=list)


def compare_dashboard(connection: psycopg.Connection[Any], name: str, user: int, tally: Tally) -> None:
    call = DASHBOARDS[name]
    exact, base = call.format(user=user, base="FALSE"), call.format(user=user, base="TRUE")
    query = (
        f"SELECT e.body, e.source, e.patched_days, e.undrained, b.body, {(RAW + ',' + RAW_DAYS).format(user=user)} "
        f"FROM {exact} e, {base} b"
    )
    row = _retried(connection, query, tally)
    if row is None:
        return
    body, source, patched, undrained, base_body, calls, leads, credits_cents, days = row
    tally.comparisons += 1
    tally.sources[source] = tally.sources.get(source, 0) + 1
    tally.patched += patched
    tally.undrained += undrained
    if body != base_body:
        tally.differences.append(f"{name} of user {user}: {body} is not {base_body}")
    if name == "overview":
        _compare_raw(body, calls, leads, credits_cents, tally)
    elif name == "analytics":
        _compare_outcomes(json.loads(body), days, tally)
    elif name == "agents by day":
        _compare_days(json.loads(body), days, tally)


def _compare_raw(body: str, calls: dict[str, int], leads: dict[str, int], credits_cents: int, tally: Tally) -> None:
    data = json.loads(body)
    got = (
        data["calls"]["all_time"]["calls"],
        data["calls"]["all_time"]["cost_cents"],
        data["calls"]["today"]["calls"],
        data["leads"]["all_time"]["leads"],
        data["leads"]["all_time"]["converted"],
        data["credits_cents"],
    )
    want = (calls["calls"], calls["cost"], calls["today"], leads["leads"], leads["converted"], credits_cents)
    if got != want:
        tally.differences.append(f"overview sums {got} are not {want}")


def _compare_outcomes(data: dict[str, Any], days: list[list[Any]], tally: Tally) -> None:
    want: Counter[tuple[int, str]] = Counter()
    for day, _, outcome, calls in days:
        want[day, outcome] += calls
        want[day, "calls"] += calls
    names = ("calls", *OUTCOMES)
    got = Counter({(day, name): row[name] for day, row in enumerate(data["series"]) for name in names})
    if len(data["series"]) != DAYS or +got != want:
        tally.differences.append(f"outcomes of days {+got} are not {want}")


def _compare_days(data: dict[str, Any], days: list[list[Any]], tally: Tally) -> None:
    want = {agent["agent_id"]: [0] * DAYS for agent in data["agents"]}
    for day, agent, _, calls in days:
        want[agent][day] += calls
    got = {agent["agent_id"]: agent["daily_calls"] for agent in data["agents"]}
    if got != want:
        tally.differences.append(f"calls of days {got} are not {want}")


def compare_view(connection: psycopg.Connection[Any], view: str, user: int, tally: Tally) -> None:
    row = _retried(connection, MERGED_DIFFERENCE.format(view=view, user=user), tally)
    if row is None:
        return
    if row[2]:
        tally.retries += 1
        return
    tally.comparisons += 1
    if row[:2] != (0, 0):
        tally.differences.append(f"{view} of user {user}: {row[0]} rows too many, {row[1]} missing")


def _retried(connection: psycopg.Connection[Any], query: str, tally: Tally) -> tuple[Any, ...] | None:
    """Return the row, or None when the read must be repeated (a rewrite, or a deadlock with a TRUNCATE)."""
    try:
        return connection.execute(query).fetchone()
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
        tally.retries += 1
        return None
