"""What the leader leaves for those who show it: the newest note on each subject.

Invariant: nothing is decided by a note; without one everything works as with it.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from models.base import SCHEMA, metadata

# Written by the leader, when what it says has changed.
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
