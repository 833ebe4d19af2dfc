"""The web may call the dashboards, the refresher the chore; both run as their owner: no role reads base tables."""

from alembic import op

revision = "app_0003"
down_revision = "app_0002"
branch_labels = None
depends_on = "core_0005"

DASHBOARDS = (
    "dashboard_overview",
    "dashboard_analytics",
    "dashboard_agents",
    "dashboard_agent",
    "dashboard_performance",
)
CHORES = ("finish_redating",)


def upgrade() -> None:
    op.allow("frontview_web", DASHBOARDS, ("EXECUTE",), as_owner=True)
    op.allow("frontview_refresher", CHORES, ("EXECUTE",), as_owner=True)


def downgrade() -> None:
    op.disallow("frontview_refresher", CHORES, ("EXECUTE",), as_owner=True)
    op.disallow("frontview_web", DASHBOARDS, ("EXECUTE",), as_owner=True)
