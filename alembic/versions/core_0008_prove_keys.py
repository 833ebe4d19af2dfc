"""A view may have its key proven, so that its refreshes need not look for duplicates."""

from alembic import op

revision = "core_0008"
down_revision = "core_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_sql_object("functions", "prove_key", 1)
    op.replace_sql_object("functions", "refresh_tier", 2, replaces=1)


def downgrade() -> None:
    op.replace_sql_object("functions", "refresh_tier", 1, replaces=2)
    op.drop_sql_object("functions", "prove_key", 1)
