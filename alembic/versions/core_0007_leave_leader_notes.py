"""What the leader leaves for those who show it; the last refreshes of a tier are found without a scan."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0007"
down_revision = "core_0006"
branch_labels = None
depends_on = None

SCHEMA = "frontview"
WEB, REFRESHER = "frontview_web", "frontview_refresher"
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
INDEX = "ix_refresh_log_view_tier_refresh_id"


def upgrade() -> None:
    op.create_table(
        "leader_note",
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False, comment="of the leader that wrote it"),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", postgresql.JSONB, nullable=False, comment="never user data"),
        sa.PrimaryKeyConstraint("subject", name="pk_leader_note"),
        sa.CheckConstraint("subject IN ('refresh_plan', 'refreshers')", name="subject"),
        schema=SCHEMA,
    )
    op.create_index(INDEX, "refresh_log", ["view", "tier", "refresh_id"], schema=SCHEMA)
    op.allow(WEB, ("leader_note",))
    op.allow(REFRESHER, ("leader_note",), ALL)


def downgrade() -> None:
    op.disallow(REFRESHER, ("leader_note",), ALL)
    op.disallow(WEB, ("leader_note",))
    op.drop_index(INDEX, "refresh_log", schema=SCHEMA)
    op.drop_table("leader_note", schema=SCHEMA)
