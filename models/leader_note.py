"""The table of the leader's notes: what it plans and who is connected, for processes that show it.

Invariant: no decision depends on a note; everything works without one.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from models.base import SCHEMA, metadata

# The newest note on each subject. Written by the leader when its content has changed.
leader_note = sa.Table(
    "leader_note",
    metadata,
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False, comment="of the leader that wrote it"),
    sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("content", JSONB, nullable=False, comment="never user data"),
    sa.PrimaryKeyConstraint("subject"),
    sa.CheckConstraint("subject IN ('refresh_plan', 'refreshers')", name="subject"),
    schema=SCHEMA,
)
