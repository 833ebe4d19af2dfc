"""The tables of the bundled application, a platform for voice agents, as such a product has them: nothing is ours."""

import sqlalchemy as sa
from alembic import op

revision = "app_0001"
down_revision = None
branch_labels = ("app",)
depends_on = None

BRIN = {"postgresql_using": "brin", "postgresql_with": {"pages_per_range": 32, "autosummarize": "on"}}


def _id() -> sa.Column:
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def _time(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def _number(name: str, kind: type = sa.BigInteger) -> sa.Column:
    return sa.Column(name, kind, nullable=False, server_default="0")


def _belongs(table: str, column: str, to: str) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    return (
        sa.Column(column, sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete="CASCADE"),
    )


def upgrade() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False, server_default="UTC"),
        _number("credits_cents"),
        _time("created_at"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint(
            "('2000-01-01'::timestamptz AT TIME ZONE timezone) IS NOT NULL", name=op.f("ck_users_timezone")
        ),
    )
    op.create_table(
        "agents",
        _id(),
        *_belongs("agents", "user_id", "users"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
        _time("created_at"),
    )
    op.create_index("ix_agents_user_id", "agents", ["user_id"])
    op.create_table(
        "calls",
        _id(),
        *_belongs("calls", "user_id", "users"),
        *_belongs("calls", "agent_id", "agents"),
        _time("started_at"),
        sa.Column("status", sa.Text, nullable=False),
        _number("duration_seconds", sa.Integer),
        _number("cost_cents"),
        sa.CheckConstraint(
            "status IN ('completed', 'failed', 'no_answer', 'busy', 'in_progress')", name=op.f("ck_calls_status")
        ),
        sa.CheckConstraint("duration_seconds >= 0", name=op.f("ck_calls_duration_seconds")),
        sa.CheckConstraint("cost_cents >= 0", name=op.f("ck_calls_cost_cents")),
    )
    op.create_index("ix_calls_user_id_started_at", "calls", ["user_id", "started_at", "id"])
    op.create_index("ix_calls_agent_id", "calls", ["agent_id"])
    op.create_index("ix_calls_started_at_brin", "calls", ["started_at"], **BRIN)
    op.create_table(
        "lead_analytics",
        _id(),
        *_belongs("lead_analytics", "call_id", "calls"),
        *_belongs("lead_analytics", "user_id", "users"),
        *_belongs("lead_analytics", "agent_id", "agents"),
        _time("analyzed_at"),
        sa.Column("score", sa.SmallInteger, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.UniqueConstraint("call_id", name="uq_lead_analytics_call_id"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_lead_analytics_score")),
        sa.CheckConstraint(
            "stage IN ('new', 'engaged', 'qualified', 'converted', 'lost')", name=op.f("ck_lead_analytics_stage")
        ),
    )
    op.create_index("ix_lead_analytics_user_id_analyzed_at", "lead_analytics", ["user_id", "analyzed_at"])
    op.create_index("ix_lead_analytics_agent_id", "lead_analytics", ["agent_id"])
    op.create_index("ix_lead_analytics_analyzed_at_brin", "lead_analytics", ["analyzed_at"], **BRIN)
    op.create_table(
        "agent_analytics",
        _id(),
        *_belongs("agent_analytics", "agent_id", "agents"),
        *_belongs("agent_analytics", "user_id", "users"),
        sa.Column("day", sa.Date, nullable=False),
        _number("csat_points", sa.Integer),
        _number("csat_answers", sa.Integer),
        _number("talk_seconds"),
        _number("transfers", sa.Integer),
        sa.UniqueConstraint("agent_id", "day", name="uq_agent_analytics_agent_id_day"),
    )
    op.create_index("ix_agent_analytics_user_id_day", "agent_analytics", ["user_id", "day"])
    op.create_index("ix_agent_analytics_day_brin", "agent_analytics", ["day"], **BRIN)


def downgrade() -> None:
    for table in ("agent_analytics", "lead_analytics", "calls", "agents", "users"):
        op.drop_table(table)
