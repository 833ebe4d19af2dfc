"""The reference application's catalog: voice agents, their calls, leads and quality.

The SELECT of a view is in ``materialized_views/<name>_v<version>.sql``, the function of a dashboard in ``dashboards/``.
"""

from collections.abc import Mapping
from typing import Any

from views_sql.declaration.maintained_view import Catalog, Dashboard, MaintainedView, Region, Source

MINUTE_SECONDS = 60
MEGABYTE = 1_000_000

SOURCES = (
    Source("users", "users", user_column="id"),
    # Whether the user exists at all: answers about closed months depend on this, but not on credits.
    Source("user_presence", "users", user_column="id", events=("INSERT", "DELETE", "TRUNCATE")),
    Source("agents", "agents"),
    Source("calls", "calls", day_column="local_day"),
    Source("lead_analytics", "lead_analytics", day_column="local_day"),
    Source("agent_analytics", "agent_analytics", day_column="day"),
)

DAILY_KEY = ("user_id", "day", "agent_id")

VIEWS = (
    MaintainedView(
        "call_daily",
        1,
        ("calls",),
        DAILY_KEY,
        (
            "calls",
            "completed",
            "failed",
            "no_answer",
            "busy",
            "in_progress",
            "duration_seconds",
            "cost_cents",
        ),
    ),
    MaintainedView(
        "lead_daily",
        1,
        ("lead_analytics",),
        DAILY_KEY,
        ("leads", "qualified", "converted", "score_points"),
    ),
    MaintainedView(
        "agent_quality_daily",
        1,
        ("agent_analytics",),
        DAILY_KEY,
        ("csat_points", "csat_answers", "talk_seconds", "transfers"),
    ),
    MaintainedView("account_summary", 1, ("users", "agents"), ("user_id",), day_column=None),
)

REGIONS = (
    Region("dashboard", max_entries=500, max_bytes=50 * MEGABYTE),
    Region("agent", max_entries=1000, max_bytes=30 * MEGABYTE),
    Region("performance", max_entries=200, max_bytes=20 * MEGABYTE),
)


def _sources(*names: str, if_today: tuple[str, ...] = ("users",)) -> Any:
    """Return the rule: ``names`` always, and ``if_today`` when the answer depends on today's date."""

    def rule(_parameters: Mapping[str, Any], depends_on_today: bool) -> frozenset[str]:
        return frozenset(names + (if_today if depends_on_today else ()))

    return rule


DASHBOARDS = (
    Dashboard(
        "overview",
        "dashboard",
        10 * MINUTE_SECONDS,
        "frontview.dashboard_overview",
        (),
        _sources("users", "user_presence", "agents", "calls", "lead_analytics"),
    ),
    Dashboard(
        "analytics",
        "dashboard",
        15 * MINUTE_SECONDS,
        "frontview.dashboard_analytics",
        ("from", "to", "granularity", "agent_id"),
        _sources("user_presence", "agents", "calls", "lead_analytics"),
        defaults={"granularity": "day"},
    ),
    Dashboard(
        "agents",
        "agent",
        15 * MINUTE_SECONDS,
        "frontview.dashboard_agents",
        ("from", "to", "series"),
        _sources("user_presence", "agents", "calls", "lead_analytics", "agent_analytics"),
    ),
    Dashboard(
        "agent",
        "agent",
        15 * MINUTE_SECONDS,
        "frontview.dashboard_agent",
        ("agent_id", "from", "to"),
        _sources("user_presence", "agents", "calls", "lead_analytics", "agent_analytics"),
        required=("agent_id",),
    ),
    Dashboard(
        "performance",
        "performance",
        5 * MINUTE_SECONDS,
        "frontview.dashboard_performance",
        ("from", "to"),
        _sources("user_presence", "calls", "lead_analytics", "agent_analytics"),
        periods=2,
    ),
)

CATALOG = Catalog(SOURCES, VIEWS, REGIONS, DASHBOARDS, chores=("frontview.finish_redating",))
