"""The application's captured sources, maintained views and dashboards, and who may call them.

The web may call the dashboards and the refresher the chore. Both run as their owner: no role reads base tables.
"""

from alembic import op

revision = "app_0002"
down_revision = "app_0001"
branch_labels = None
depends_on = None

SOURCES = (
    {"name": "users", "table": "users", "user_column": "id"},
    {"name": "user_presence", "table": "users", "user_column": "id", "events": ("INSERT", "DELETE", "TRUNCATE")},
    {"name": "agents", "table": "agents"},
    {"name": "calls", "table": "calls", "day_column": "local_day"},
    {"name": "lead_analytics", "table": "lead_analytics", "day_column": "local_day"},
    {"name": "agent_analytics", "table": "agent_analytics", "day_column": "day"},
)
DAILY_KEY = ("user_id", "day", "agent_id")
VIEWS = (
    {
        "name": "call_daily",
        "version": 1,
        "sources": ("calls",),
        "unique_key": DAILY_KEY,
        "measures": (
            "calls",
            "completed",
            "failed",
            "no_answer",
            "busy",
            "in_progress",
            "duration_seconds",
            "cost_cents",
        ),
    },
    {
        "name": "lead_daily",
        "version": 1,
        "sources": ("lead_analytics",),
        "unique_key": DAILY_KEY,
        "measures": ("leads", "qualified", "converted", "score_points"),
    },
    {
        "name": "agent_quality_daily",
        "version": 1,
        "sources": ("agent_analytics",),
        "unique_key": DAILY_KEY,
        "measures": ("csat_points", "csat_answers", "talk_seconds", "transfers"),
    },
    {
        "name": "account_summary",
        "version": 1,
        "sources": ("users", "agents"),
        "unique_key": ("user_id",),
        "day_column": None,
    },
)
PARTS = ("date_range", "recent_calls", "agent_series", "agent_measures", "performance_measures", "change_ratio")
DASHBOARDS = (
    "dashboard_overview",
    "dashboard_analytics",
    "dashboard_agents",
    "dashboard_agent",
    "dashboard_performance",
)
CHORES = ("finish_redating",)


def upgrade() -> None:
    for source in SOURCES:
        op.capture_changes(**source, template_version=1)
    for view in VIEWS:
        op.create_maintained_view(**view, template_version=1)
    for name in (*PARTS, *DASHBOARDS):
        op.create_sql_object(name, version=1)
    op.allow("frontview_web", DASHBOARDS, ("EXECUTE",), as_owner=True)
    op.allow("frontview_refresher", CHORES, ("EXECUTE",), as_owner=True)


def downgrade() -> None:
    op.disallow("frontview_refresher", CHORES, ("EXECUTE",), as_owner=True)
    op.disallow("frontview_web", DASHBOARDS, ("EXECUTE",), as_owner=True)
    for name in reversed((*PARTS, *DASHBOARDS)):
        op.drop_sql_object(name, version=1)
    for view in reversed(VIEWS):
        op.drop_maintained_view(view["name"])
    for source in reversed(SOURCES):
        op.stop_capture(source["name"])
