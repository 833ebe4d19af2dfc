"""What operators ask for, what workers report of themselves and of their readers, and what they are to keep warm."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0004"
down_revision = "core_0003"
branch_labels = None
depends_on = None

SCHEMA = "frontview"
REPLACED = (("drain_changes", 2, 3),)
FUNCTIONS = ("request_invalidation", "request_task", "report_worker", "report_accesses")


class NamedType(sa.types.UserDefinedType):
    """A column type that SQLAlchemy does not know, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


def upgrade() -> None:
    create_what_operators_ask()
    create_what_workers_report()
    create_warm_plan()
    for name in FUNCTIONS:
        op.create_sql_object("functions", name, 1)
    for name, before, after in REPLACED:
        op.replace_sql_object("functions", name, after, replaces=before)


def create_what_operators_ask() -> None:
    op.create_table(
        "invalidation",
        sa.Column("invalidation_id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("pattern", sa.Text, nullable=False, comment="a glob over the labels of cache entries"),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("drain_id", sa.BigInteger, comment="that fed it to the caches; NULL: not yet"),
        sa.PrimaryKeyConstraint("invalidation_id", name="pk_invalidation"),
        schema=SCHEMA,
    )
    waiting = sa.text("drain_id IS NULL")
    op.create_index(
        "ix_invalidation_waiting", "invalidation", ["invalidation_id"], schema=SCHEMA, postgresql_where=waiting
    )
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


def create_what_workers_report() -> None:
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
        sa.Column("user_id", NamedType("frontview.user_key"), nullable=False),
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
        sa.Column("user_id", NamedType("frontview.user_key"), nullable=False),
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


def downgrade() -> None:
    for name, before, after in REPLACED:
        op.replace_sql_object("functions", name, before, replaces=after)
    for name in reversed(FUNCTIONS):
        op.drop_sql_object("functions", name, 1)
    for table in ("warm_plan", "traffic", "access", "worker", "operator_task", "invalidation"):
        op.drop_table(table, schema=SCHEMA)
