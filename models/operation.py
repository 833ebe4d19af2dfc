"""The tables of schema ``frontview`` for operators: alarms, tasks, workers, the warm plan, rights.

Invariant: no read of a dashboard uses them, and exactness does not depend on them. The comment at each table names
its writers; no other process writes it.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from models.base import SCHEMA, metadata
from models.column_types import UserKeyDomain

# Conditions and events that need an operator. Written, and deleted when over, by the leader and `frontview audit`.
alarm = sa.Table(
    "alarm",
    metadata,
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, comment="a table, tier or view; never user data"),
    sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("times", sa.BigInteger, nullable=False, server_default="1", comment="looks that found it"),
    sa.Column("detail", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("kind", "subject"),
    schema=SCHEMA,
)

# The totals of the audit, by view. Written by the leader and by `frontview audit`.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("view", sa.Text, nullable=False),
    sa.Column("checks", sa.BigInteger, nullable=False, server_default="0", comment="reads of tiers compared"),
    sa.Column("violations", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rounds", sa.BigInteger, nullable=False, server_default="0", comment="times every user was visited"),
    sa.Column("after_user", UserKeyDomain, comment="the round goes on here; NULL: at the first"),
    sa.Column("last_checked_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("view"),
    schema=SCHEMA,
)

# Invalidations by hand. Written by web workers and operators; the drain that puts one into the feed sets drain_id.
invalidation = sa.Table(
    "invalidation",
    metadata,
    sa.Column("invalidation_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("pattern", sa.Text, nullable=False, comment="a glob over the labels of cache entries"),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("drain_id", sa.BigInteger, comment="that fed it to the caches; NULL: not yet"),
    sa.Index(
        "ix_invalidation_waiting",
        "invalidation_id",
        postgresql_where=sa.text("drain_id IS NULL"),
    ),
    schema=SCHEMA,
)

# Tasks that operators give the leader. Written by web workers and operators, and by the leader that runs them.
operator_task = sa.Table(
    "operator_task",
    metadata,
    sa.Column("task_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("argument", JSONB, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("started_at", sa.DateTime(timezone=True)),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("outcome", sa.Text, comment="in words; NULL: not ended"),
    sa.CheckConstraint("kind IN ('refresh', 'warm')", name="kind"),
    # a task that is requested again before it starts is the same task
    sa.Index(
        "uq_operator_task_waiting",
        "kind",
        "argument",
        unique=True,
        postgresql_where=sa.text("started_at IS NULL"),
    ),
    sa.Index(
        "ix_operator_task_open",
        "task_id",
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
    schema=SCHEMA,
)

# Web processes, as each reports every few seconds. The leader deletes the rows of processes that have ended.
worker = sa.Table(
    "worker",
    metadata,
    sa.Column("worker_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("statistics", JSONB, nullable=False),
    schema=SCHEMA,
)

# Accesses by user, dashboard and hour of the week (UTC). Written by web workers in batches, pruned by the leader.
access = sa.Table(
    "access",
    metadata,
    sa.Column("user_id", UserKeyDomain, nullable=False),
    sa.Column("dashboard", sa.Text, nullable=False),
    sa.Column("hour_of_week", sa.SmallInteger, nullable=False, comment="0: Monday 00:00 UTC; 167: Sunday 23:00"),
    sa.Column("weight", sa.Double, nullable=False, comment="reads, halved every two weeks; as of counted_at"),
    sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint("user_id", "dashboard", "hour_of_week"),
    sa.Index("ix_access_hour_of_week_weight", "hour_of_week", "weight"),
    schema=SCHEMA,
)

# Reads of all workers together, by minute. Written by web workers in batches, pruned by the leader.
traffic = sa.Table(
    "traffic",
    metadata,
    sa.Column("minute", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("reads", sa.BigInteger, nullable=False),
    schema=SCHEMA,
)

# Which answers workers should keep in their caches, and for how long. Written by the leader.
warm_plan = sa.Table(
    "warm_plan",
    metadata,
    sa.Column("user_id", UserKeyDomain, nullable=False),
    sa.Column("dashboard", sa.Text, nullable=False),
    sa.Column("wanted_from", sa.DateTime(timezone=True), nullable=False),
    sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("priority", sa.Double, nullable=False, comment="the higher, the sooner"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("user_id", "dashboard"),
    sa.Index("ix_warm_plan_wanted_until", "wanted_until"),
    sa.CheckConstraint("reason IN ('asked', 'most_active', 'predicted', 'low_traffic')", name="reason"),
    schema=SCHEMA,
)

# The rights of the roles of web and refresher. Written by migrations; `grant_rights` grants them.
role_right = sa.Table(
    "role_right",
    metadata,
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False, comment="a relation or function, schema-qualified"),
    sa.Column("privilege", sa.Text, nullable=False),
    sa.Column("columns", ARRAY(sa.Text), nullable=False, server_default="{}", comment="empty: all"),
    sa.Column(
        "as_owner",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="of a function: it runs with its owner's rights",
    ),
    sa.PrimaryKeyConstraint("role", "object", "privilege"),
    sa.CheckConstraint("role IN ('frontview_refresher', 'frontview_web')", name="role"),
    sa.CheckConstraint("privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'EXECUTE')", name="privilege"),
    schema=SCHEMA,
)
