"""The bookkeeping tables of the core, in schema ``frontview``; their meaning is in PROTOCOL of docs/.

Every table is logged. Who writes each is said beside it; nobody else may.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, OID, REGCLASS, UUID
from sqlalchemy.types import UserDefinedType

from models.base import SCHEMA, metadata


class UserKeyDomain(UserDefinedType[object]):
    """The domain ``frontview.user_key``, whose base type :mod:`models.user_key` decides."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "frontview.user_key"


class Xid8(UserDefinedType[int]):
    """A 64-bit transaction id; never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "xid8"


class Snapshot(UserDefinedType[str]):
    """A ``pg_snapshot``: which transactions had ended when it was taken."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "pg_snapshot"


class Staleness(UserDefinedType[object]):
    """What one read may take from one maintained view: the composite type ``frontview.staleness``."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in DDL."""
        return "frontview.staleness"


# A captured source: one logical stream of changes of one table. Written by migrations.
source = sa.Table(
    "source",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("relation", REGCLASS, nullable=False),
    sa.Column("user_column", sa.Text, nullable=False),
    sa.Column("day_column", sa.Text),
    sa.Column("events", ARRAY(sa.Text), nullable=False),
    schema=SCHEMA,
)

# Keys changed, logged in the writer's own transaction by the capture triggers.
change_log = sa.Table(
    "change_log",
    metadata,
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("user_id", UserKeyDomain, comment="NULL: every key of the source"),
    sa.Column("day", sa.Date, nullable=False, comment="-infinity: the source has no day"),
    sa.Column("xid", Xid8, nullable=False, server_default=sa.text("pg_current_xact_id()")),
    sa.Index("ix_change_log_user_id_xid", "user_id", "xid"),
    sa.Index("ix_change_log_xid", "xid"),
    schema=SCHEMA,
)

# The newest row is the state of the drain. Written by the leader.
drain = sa.Table(
    "drain",
    metadata,
    sa.Column("drain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("nonce", sa.BigInteger, nullable=False),
    sa.Column("snapshot", Snapshot, nullable=False),
    sa.Column("drained_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("system_identifier", sa.BigInteger, nullable=False),
    sa.Column("key_count", sa.Integer, nullable=False, comment="keys this drain found changed"),
    sa.Column("heartbeats", sa.Integer, nullable=False, server_default="0"),
    schema=SCHEMA,
)

# Keys that changed since some view was refreshed. Written by the drain only.
stale_key = sa.Table(
    "stale_key",
    metadata,
    sa.Column("user_id", UserKeyDomain, comment="NULL: every key of the source"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("drain_id", sa.BigInteger, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False, comment="refreshes so far when marked; -1: one ran"),
    sa.UniqueConstraint("user_id", "source", "day", postgresql_nulls_not_distinct=True),
    sa.Index("ix_stale_key_drain_id", "drain_id"),
    schema=SCHEMA,
)

# What each drain invalidated, for the caches. Written by the leader, kept some minutes.
feed = sa.Table(
    "feed",
    metadata,
    sa.Column("drain_id", sa.BigInteger, nullable=False),
    sa.Column("user_id", UserKeyDomain, comment="NULL: every user"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Index("ix_feed_drain_id", "drain_id"),
    schema=SCHEMA,
)

# One row a materialized view (tier). Written by refreshes of that tier, and by migrations.
view_state = sa.Table(
    "view_state",
    metadata,
    sa.Column("view", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("relation", sa.Text, nullable=False, comment="schema-qualified name of the materialized view"),
    sa.Column("sources", ARRAY(sa.Text), nullable=False),
    sa.Column("first_day", sa.Date, nullable=False, comment="first day the tier holds"),
    sa.Column("before_day", sa.Date, nullable=False, comment="first day the tier no longer holds"),
    sa.Column("through", sa.BigInteger, comment="drain its contents cover; NULL: not populated"),
    sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refreshed_at", sa.DateTime(timezone=True)),
    sa.Column("duration_ms", sa.BigInteger),
    sa.PrimaryKeyConstraint("view", "tier"),
    sa.CheckConstraint("tier IN ('recent', 'by_day', 'history', 'total', 'whole')", name="tier"),
    schema=SCHEMA,
)

# Views whose tiers are all populated, with what a read of them needs. Written by a trigger of view_state.
ready_view = sa.Table(
    "ready_view",
    metadata,
    sa.Column("view", sa.Text, primary_key=True),
    sa.Column("noted_in", OID, nullable=False, comment="this table; elsewhere the row says nothing"),
    sa.Column("clean", Staleness, nullable=False, comment="with nothing stale"),
    sa.Column("storage", ARRAY(OID), nullable=False, comment="captured tables and its tiers"),
    sa.Column("filenodes", ARRAY(OID), nullable=False, comment="of each of these, in order"),
    schema=SCHEMA,
)

# How often a refresh of each tier began or ended; odd while one runs. Never deleted, so that the sum never falls:
# a key's mark is left in place only while this sum is what it was. Written by refreshes, and by migrations.
refresh_attempt = sa.Table(
    "refresh_attempt",
    metadata,
    sa.Column("view", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("view", "tier"),
    schema=SCHEMA,
)

# One row a refresh. Written by refreshes; old ones are deleted by the leader.
refresh_log = sa.Table(
    "refresh_log",
    metadata,
    sa.Column("refresh_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("view", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sa.Column("row_count", sa.BigInteger),
    sa.Column("outcome", sa.Text, nullable=False, comment="refreshed, populated, moved or failed: SQLSTATE"),
    sa.Index("ix_refresh_log_started_at", "started_at"),
    sa.Index("ix_refresh_log_view_tier_refresh_id", "view", "tier", "refresh_id"),
    schema=SCHEMA,
)

# What an operator must look at. Written by the leader and by `frontview audit`; a row is deleted when it has passed.
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

# What the capture of each source looked like at the last look. Written by check_capture only.
capture_state = sa.Table(
    "capture_state",
    metadata,
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("relation", OID, nullable=False, comment="the table, a partition or a child of it"),
    sa.Column("name", sa.Text, nullable=False, comment="of the relation, for when it is gone"),
    sa.Column("fingerprint", sa.Text, nullable=False, comment="changes with triggers, capture function, family"),
    sa.Column("system_identifier", sa.BigInteger, nullable=False, comment="elsewhere the row says nothing"),
    sa.PrimaryKeyConstraint("source", "relation"),
    schema=SCHEMA,
)

# What the audit has compared, a view. Written by the leader and by `frontview audit`.
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

# Manual invalidations, by pattern. Written by web workers and operators; the drain that feeds one sets its drain_id.
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

# What operators asked of the leader. Written by web workers and operators, and by the leader that does it.
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
    # the same thing asked for twice before it begins is one thing
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

# Web processes, as they report themselves every few seconds. Rows of dead ones are deleted by the leader.
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

# Who reads what at which hour of the week (UTC). Written by web workers in batches, pruned by the leader.
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

# Reads of all workers together, a minute. Written by web workers in batches, pruned by the leader.
traffic = sa.Table(
    "traffic",
    metadata,
    sa.Column("minute", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("reads", sa.BigInteger, nullable=False),
    schema=SCHEMA,
)

# What workers are to have in their caches, and for how long. Written by the leader.
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

# What the roles of web and refresher are allowed. Written by migrations; `grant_rights` makes it so.
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
