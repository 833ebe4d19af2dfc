"""The drain beats on after the clock was set back, the feed is kept as long as it should, children's rewrites count."""

from alembic import op

revision = "core_0003"
down_revision = "core_0002"
branch_labels = None
depends_on = None

REPLACED = (("drain_changes", 1, 2), ("forget_feed", 1, 2), ("rewritten", 1, 2))


def upgrade() -> None:
    for name, before, after in REPLACED:
        op.replace_sql_object("functions", name, after, replaces=before)


def downgrade() -> None:
    for name, before, after in reversed(REPLACED):
        op.replace_sql_object("functions", name, before, replaces=after)
