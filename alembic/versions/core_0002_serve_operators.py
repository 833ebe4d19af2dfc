"""What operators see and request: alarms, the audit, tasks, workers' reports, the warm plan, sign-in codes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0002"
down_revision = "core_0001"
branch_labels = None
depends_on = None

SCHEMA = "frontview"
TABLES = (
    "alarm",
    "audit",
    "leader_note",
    "operator_task",
    "worker",
    "access",
    "traffic",
    "warm_plan",
    "sign_in_code",
)
OBJECTS = (
    "access_count",
    "request_invalidation",
    "request_task",
    "report_worker",
    "report_accesses",
    "make_sign_in_code",
    "redeem_sign_in_code",
)


class NamedType(sa.types.UserDefinedType):
    """A column type that SQLAlchemy does not have, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


USER_KEY = NamedType("frontview.user_key")


def upgrade() -> None:
    create_watch_tables()
    create_operator_task()
    create_report_tables()
    create_warm_plan()
    create_sign_in_code()
    for name in OBJECTS:
        op.create_sql_object(name, version=1)


def create_watch_tables() -> None:
    op.create_table(
        "alarm",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, comment="a table, tier or view; never user data"),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("times", sa.BigInteger, nullable=False, server_default="1", comment="looks that found it"),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_alarm"),
        schema=SCHEMA,
    )
    op.create_table(
        "audit",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("checks", sa.BigInteger, nullable=False, server_default="0", comment="reads of tiers compared"),
        sa.Column("violations", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("rounds", sa.BigInteger, nullable=False, server_default="0", comment="times every user was visited"),
        sa.Column("after_user", USER_KEY, comment="the round goes on here; NULL: at the first"),
        sa.Column("last_checked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("view", name="pk_audit"),
        schema=SCHEMA,
    )
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


def create_operator_task() -> None:
    op.create_table(
        "operator_task",
        sa.Column("task_id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("argument", postgresql.JSONB, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text, comment="in words; NULL: not ended"),
        sa.PrimaryKeyConstraint("task_id", name="pk_operator_task"),
        sa.CheckConstraint("kind IN ('refresh', 'warm')", name="kind"),
        schema=SCHEMA,
    )
    op.create_index(
        "uq_operator_task_waiting",
        "operator_task",
        ["kind", "argument"],
        schema=SCHEMA,
        unique=True,
        postgresql_where=sa.text("started_at IS NULL"),
    )
    op.create_index(
        "ix_operator_task_open",
        "operator_task",
        ["task_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def create_report_tables() -> None:
    op.create_table(
        "worker",
        sa.Column("worker_id", postgresql.UUID),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("statistics", postgresql.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("worker_id", name="pk_worker"),
        schema=SCHEMA,
    )
    op.create_table(
        "access",
        sa.Column("user_id", USER_KEY, nullable=False),
        sa.Column("dashboard", sa.Text, nullable=False),
        sa.Column("hour_of_week", sa.SmallInteger, nullable=False, comment="0: Monday 00:00 UTC; 167: Sunday 23:00"),
        sa.Column("weight", sa.Double, nullable=False, comment="reads, halved every two weeks; as of counted_at"),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "dashboard", "hour_of_week", name="pk_access"),
        schema=SCHEMA,
    )
    op.create_index("ix_access_hour_of_week_weight", "access", ["hour_of_week", "weight"], schema=SCHEMA)
    op.create_table(
        "traffic",
        sa.Column("minute", sa.DateTime(timezone=True)),
        sa.Column("reads", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("minute", name="pk_traffic"),
        schema=SCHEMA,
    )


def create_warm_plan() -> None:
    reasons = "reason IN ('asked', 'most_active', 'predicted', 'low_traffic')"
    op.create_table(
        "warm_plan",
        sa.Column("user_id", USER_KEY, nullable=False),
        sa.Column("dashboard", sa.Text, nullable=False),
        sa.Column("wanted_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("priority", sa.Double, nullable=False, comment="the higher, the sooner"),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "dashboard", name="pk_warm_plan"),
        sa.CheckConstraint(reasons, name="reason"),
        schema=SCHEMA,
    )
    op.create_index("ix_warm_plan_wanted_until", "warm_plan", ["wanted_until"], schema=SCHEMA)


def create_sign_in_code() -> None:
    op.create_table(
        "sign_in_code",
        sa.Column("digest", sa.LargeBinary, comment="SHA-256 of the code"),
        sa.Column(
            "sealed", sa.LargeBinary, nullable=False, comment="a bearer token, encrypted with a key from the code"
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_in_code"),
        sa.CheckConstraint("octet_length(digest) = 32", name="digest"),
        sa.CheckConstraint("octet_length(sealed) <= 16384", name="sealed"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for name in reversed(OBJECTS):
        op.drop_sql_object(name, version=1)
    for table in reversed(TABLES):
        op.drop_table(table, schema=SCHEMA)
