"""Capture logs a statement of one row without DISTINCT; the triggers stay, their functions are replaced in place."""

from alembic import op

revision = "app_0005"
down_revision = "app_0004"
branch_labels = None
depends_on = None

SOURCES = (
    {"source": "users", "table": "users", "user_column": "id"},
    {"source": "user_presence", "table": "users", "user_column": "id", "events": ("INSERT", "DELETE", "TRUNCATE")},
    {"source": "agents", "table": "agents"},
    {"source": "calls", "table": "calls", "day_column": "local_day"},
    {"source": "lead_analytics", "table": "lead_analytics", "day_column": "local_day"},
    {"source": "agent_analytics", "table": "agent_analytics", "day_column": "day"},
)


def upgrade() -> None:
    for source in SOURCES:
        op.replace_capture(**source, version=2, replaces=1)


def downgrade() -> None:
    for source in reversed(SOURCES):
        op.replace_capture(**source, version=1, replaces=2)
