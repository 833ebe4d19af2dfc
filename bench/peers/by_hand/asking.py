"""The same question to a generated dashboard and to the one of 0.1, and the figures of both under the same names.

Invariant: figures are compared as numbers: decimals of generated answers keep their places. One thing differs, and is
left out: calls with another user's agent, of which 0.1 showed no group and a declared dashboard shows one without name.
"""

import json
from decimal import Decimal
from typing import Any

GENERATED = {
    "overview": "frontview.overview_1_dashboard({user}, NULL, NULL, NULL, {base})",
    "analytics": "frontview.analytics_1_dashboard({user}, NULL, NULL, 'day', NULL, FALSE, {base})",
    "agents": "frontview.agents_1_dashboard({user}, NULL, NULL, NULL, FALSE, NULL, NULL, {base})",
    "performance": "frontview.performance_1_dashboard({user}, NULL, NULL, {base})",
}
BY_HAND = {
    "overview": "by_hand.dashboard_overview({user}, {base})",
    "analytics": "by_hand.dashboard_analytics({user}, NULL, NULL, 'day', NULL, {base})",
    "agents": "by_hand.dashboard_agents({user}, NULL, NULL, 'calls', {base})",
    "performance": "by_hand.dashboard_performance({user}, NULL, NULL, {base})",
}


def statement(function: str, *, base: bool = False) -> str:
    """Return the statement that asks a function about the user ``%s``."""
    called = function.format(user="%s", base=str(base).upper())
    return f"SELECT r.body, r.source, r.patched_days FROM {called} r"


def of_generated(dashboard: str, body: str) -> Any:
    """Return those figures of a generated dashboard that the one of 0.1 has too, in the shape of 0.1."""
    data = json.loads(body, parse_float=Decimal)
    if dashboard == "overview":
        return _overview(data)
    if dashboard == "analytics":
        return {
            "series": [_renamed(row, {"period": "period_start"}) for row in data["series"]["rows"]],
            "totals": data["series"]["totals"],
        }
    if dashboard == "agents":
        names = {"agent": "agent_id", "agent_name": "name", "agent_is_active": "is_active", "sparkline": "daily_calls"}
        own = [row for row in data["agents"]["rows"] if row["agent_name"] is not None]
        return {"agents": [_renamed(row, names) for row in own]}
    return data["performance"]


def of_by_hand(dashboard: str, body: str) -> Any:
    """Return what a dashboard of 0.1 says but for what every answer says beside its data."""
    data = json.loads(body, parse_float=Decimal)
    beside = {"overview": ("user_id", "today"), "analytics": ("from", "to", "granularity")}
    return {name: value for name, value in data.items() if name not in beside.get(dashboard, ())}


def _overview(data: dict[str, Any]) -> dict[str, Any]:
    account = {name: data["account"][name] for name in ("timezone", "credits_cents")}
    daily = [_renamed(row, {"period": "day"}) for row in data["daily"]["rows"]]
    return {**account, **{name: data[name] for name in ("agents", "calls", "leads", "recent_calls")}, "daily": daily}


def _renamed(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in row.items()}
