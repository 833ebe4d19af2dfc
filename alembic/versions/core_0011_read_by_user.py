"""Reads look at the log by the index on users also where the log seems empty."""

from alembic import op

revision = "core_0011"
down_revision = "core_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.replace_sql_object("functions", "begin_read", 3, replaces=2)


def downgrade() -> None:
    op.replace_sql_object("functions", "begin_read", 2, replaces=3)
