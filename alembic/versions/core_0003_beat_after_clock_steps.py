"""The drain's heartbeat goes on after the server's clock was set back."""

from alembic import op

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.replace_sql_object("functions", "drain_changes", 2, replaces=1)


def downgrade() -> None:
    op.replace_sql_object("functions", "drain_changes", 1, replaces=2)
