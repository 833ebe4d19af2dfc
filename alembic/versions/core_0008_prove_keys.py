"""A view may have its key proven, so that its refreshes need not look for duplicates."""

from alembic import op

revision = "core_0008"
down_revision = "core_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_sql_object("functions", "prove_key", 1)


def downgrade() -> None:
    op.drop_sql_object("functions", "prove_key", 1)
