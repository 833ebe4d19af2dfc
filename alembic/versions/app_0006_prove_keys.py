"""The keys of the views are proven, so that their refreshes need not look for duplicates.

Until the refresher has populated the views anew, reads come from the base tables: slower, and right.
"""

from alembic import op

revision = "app_0006"
down_revision = "app_0005"
branch_labels = None
depends_on = "core_0008"

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


def upgrade() -> None:
    for view in VIEWS:
        op.replace_maintained_view(**view, replaces=1, proven_key=True)


def downgrade() -> None:
    for view in reversed(VIEWS):
        op.replace_maintained_view(**view, replaces=1, replaces_proven_key=True)
