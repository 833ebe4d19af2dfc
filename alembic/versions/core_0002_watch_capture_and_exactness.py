"""The watch: alarms, what the capture of each source looked like last, and what the audit has compared."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None

OBJECTS = (("functions", "capture_coverage"), ("functions", "check_capture"))


class NamedType(sa.types.UserDefinedType):
    """A column type that SQLAlchemy does not know, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


def upgrade() -> None:
    op.create_table(
        "alarm",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, comment="a table, tier or view; never user data"),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("times", sa.BigInteger, nullable=False, server_default="1", comment="looks that found it"),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_alarm"),
        schema="frontview",
    )
    op.create_table(
        "capture_state",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("relation", postgresql.OID, nullable=False, comment="the table, a partition or a child of it"),
        sa.Column("name", sa.Text, nullable=False, comment="of the relation, for when it is gone"),
        sa.Column("fingerprint", sa.Text, nullable=False, comment="changes with triggers, capture function, family"),
        sa.Column("system_identifier", sa.BigInteger, nullable=False, comment="elsewhere the row says nothing"),
        sa.PrimaryKeyConstraint("source", "relation", name="pk_capture_state"),
        schema="frontview",
    )
    op.create_table(
        "audit",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("checks", sa.BigInteger, nullable=False, server_default="0", comment="reads of tiers compared"),
        sa.Column("violations", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("rounds", sa.BigInteger, nullable=False, server_default="0", comment="times every user was visited"),
        sa.Column("after_user", NamedType("frontview.user_key"), comment="the round goes on here; NULL: at the first"),
        sa.Column("last_checked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("view", name="pk_audit"),
        schema="frontview",
    )
    for kind, name in OBJECTS:
        op.create_sql_object(kind, name, 1)


def downgrade() -> None:
    for kind, name in reversed(OBJECTS):
        op.drop_sql_object(kind, name, 1)
    for table in ("audit", "capture_state", "alarm"):
        op.drop_table(table, schema="frontview")
