"""The analytics tell every outcome of calls; the list of agents tells, where asked, each agent's calls day by day.

``dashboard_agents`` has another signature: its name's rights are given anew when it is replaced.
"""

from alembic import op

revision = "app_0004"
down_revision = "app_0003"
branch_labels = None
depends_on = None

REPLACED = (("agent_measures", 1, 2), ("dashboard_agents", 1, 2), ("dashboard_analytics", 1, 2))


def upgrade() -> None:
    op.create_sql_object("dashboards", "agent_series", 1)
    for name, before, after in REPLACED:
        op.replace_sql_object("dashboards", name, after, replaces=before)


def downgrade() -> None:
    for name, before, after in reversed(REPLACED):
        op.replace_sql_object("dashboards", name, before, replaces=after)
    op.drop_sql_object("dashboards", "agent_series", 1)
