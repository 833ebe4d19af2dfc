"""The drain looks at the log by the index on xid also where the log seems empty."""

from alembic import op

revision = "core_0010"
down_revision = "core_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.replace_sql_object("functions", "drain_changes", 4, replaces=3)


def downgrade() -> None:
    op.replace_sql_object("functions", "drain_changes", 3, replaces=4)
