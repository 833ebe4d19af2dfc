"""The base tables of the bundled application, a platform for voice agents.

Any SQL client may write them, with or without this module. No column and no trigger of them is Frontview's.
"""

import sqlalchemy as sa

from models.base import metadata

CALL_STATUSES = ("completed", "failed", "no_answer", "busy", "in_progress")
LEAD_STAGES = ("new", "engaged", "qualified", "converted", "lost")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _identity() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True)


def _created_at() -> sa.Column[object]:
    return sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))


def _owned_by(column: str, table: str) -> sa.Column[int]:
    return sa.Column(column, sa.BigInteger, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False)


def _days_index(table: str, column: str) -> sa.Index:
    """Return the index with which a refresh of the recent tier skips history; it adds almost nothing to an insert."""
    options = {"pages_per_range": 32, "autosummarize": "on"}
    return sa.Index(f"ix_{table}_{column}_brin", column, postgresql_using="brin", postgresql_with=options)


users = sa.Table(
    "users",
    metadata,
    _identity(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False, server_default="UTC"),
    sa.Column("credits_cents", sa.BigInteger, nullable=False, server_default="0"),
    _created_at(),
    # An unknown zone is refused here, not later at every call of the user.
    sa.CheckConstraint("('2000-01-01'::timestamptz AT TIME ZONE timezone) IS NOT NULL", name="timezone"),
)

agents = sa.Table(
    "agents",
    metadata,
    _identity(),
    _owned_by("user_id", "users"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    _created_at(),
    sa.Index("ix_agents_user_id", "user_id"),
)

calls = sa.Table(
    "calls",
    metadata,
    _identity(),
    _owned_by("user_id", "users"),
    _owned_by("agent_id", "agents"),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("duration_seconds", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cost_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.CheckConstraint(_one_of("status", CALL_STATUSES), name="status"),
    sa.CheckConstraint("duration_seconds >= 0", name="duration_seconds"),
    sa.CheckConstraint("cost_cents >= 0", name="cost_cents"),
    sa.Index("ix_calls_user_id_started_at", "user_id", "started_at", "id"),  # The newest calls, and those of some days.
    sa.Index("ix_calls_agent_id", "agent_id"),
    _days_index("calls", "started_at"),
)

lead_analytics = sa.Table(
    "lead_analytics",
    metadata,
    _identity(),
    sa.Column("call_id", sa.BigInteger, sa.ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, unique=True),
    _owned_by("user_id", "users"),
    _owned_by("agent_id", "agents"),
    sa.Column("analyzed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    sa.CheckConstraint(_one_of("stage", LEAD_STAGES), name="stage"),
    sa.Index("ix_lead_analytics_user_id_analyzed_at", "user_id", "analyzed_at"),
    sa.Index("ix_lead_analytics_agent_id", "agent_id"),
    _days_index("lead_analytics", "analyzed_at"),
)

agent_analytics = sa.Table(
    "agent_analytics",
    metadata,
    _identity(),
    _owned_by("agent_id", "agents"),
    _owned_by("user_id", "users"),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("csat_points", sa.Integer, nullable=False, server_default="0"),
    sa.Column("csat_answers", sa.Integer, nullable=False, server_default="0"),
    sa.Column("talk_seconds", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("transfers", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("agent_id", "day"),
    sa.Index("ix_agent_analytics_user_id_day", "user_id", "day"),
    _days_index("agent_analytics", "day"),
)
