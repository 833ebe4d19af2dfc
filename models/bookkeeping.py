"""The bookkeeping tables of the core, in schema ``frontview``; docs/protocol.md explains them.

Invariant: every table is logged; the comment at each names its writers, and no other process writes it. Exactness
rests on these tables alone; the tables for operators are in :mod:`models.operation`.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, OID, REGCLASS

from models.base import SCHEMA, metadata
from models.column_types import Snapshot, Staleness, Tid, UserKeyDomain, Xid8

# A declaration that was installed; processes take their catalog from the active one. Written by migrations, and by
# functions that the leader calls.
declaration = sa.Table(
    "declaration",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("format", sa.Integer, nullable=False, comment="older code reads no newer one"),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("resolved", JSONB, nullable=False),
    sa.Column("ddl", ARRAY(sa.Text), nullable=False, comment="everything that it has, in order"),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("retired_at", sa.DateTime(timezone=True), comment="NULL: it is active, or waits to be"),
    sa.Column("gone_at", sa.DateTime(timezone=True), comment="when its objects were dropped; NULL: it has them"),
    sa.Index("uq_declaration_active", "active", unique=True, postgresql_where=sa.text("active")),
    schema=SCHEMA,
)

# A source that an owner has released, so that its table can be changed. Written by frontview.release and restore.
released = sa.Table(
    "released",
    metadata,
    sa.Column(
        "source",
        sa.Text,
        primary_key=True,
        comment="whose capture, and all that needs it, is gone until it is restored",
    ),
    sa.Column("released_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    schema=SCHEMA,
)

# A captured source: one logical stream of changes of one table. Written by migrations.
source = sa.Table(
    "source",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("relation", REGCLASS, nullable=False),
    sa.Column("user_column", sa.Text, comment="NULL: a change concerns every user"),
    sa.Column("day_column", sa.Text),
    sa.Column("events", ARRAY(sa.Text), nullable=False),
    sa.Column("watched", ARRAY(sa.Text), comment="columns whose UPDATE counts; NULL: every UPDATE does"),
    sa.Column(
        "day_slack",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="days on both sides of a logged one it is of",
    ),
    sa.Column(
        "zones", ARRAY(sa.Text), nullable=False, server_default="{}", comment="by whose rules its days are taken"
    ),
    schema=SCHEMA,
)

# What users' time zones are called, and the zone that each name means. Written by migrations and by the leader.
zone = sa.Table(
    "zone",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="a full name of PostgreSQL's, or one of Rails' own"),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column(
        "since",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text("date_trunc('year', now()) - interval '2 years'"),
        comment="from when on its offsets are compared",
    ),
    sa.Column("offsets", sa.Numeric, comment="a hash of them; NULL: no user had the zone when last looked at"),
    schema=SCHEMA,
)

# Changed keys. Written by the capture triggers, in the writer's own transaction.
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
    sa.Column("key_count", sa.Integer, nullable=False, comment="keys, or of very many log rows, it found"),
    sa.Column("heartbeats", sa.Integer, nullable=False, server_default="0"),
    sa.Column("marked", Snapshot, nullable=False, comment="all that it sees is in stale_key"),
    sa.Column("marking", Snapshot, comment="what the backlog is marked up to; NULL: there is none"),
    sa.Column("next_row", Tid, comment="of change_log, after which the next drain goes on marking"),
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
    sa.Index("ix_stale_key_source_day_user_id", "source", "day", "user_id"),
    schema=SCHEMA,
)

# What each drain invalidated, for the caches. Written by the drain, kept for some minutes.
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

# One row for each materialized view (tier). Written by refreshes of that tier, and by migrations.
view_state = sa.Table(
    "view_state",
    metadata,
    sa.Column("view", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("relation", sa.Text, nullable=False, comment="schema-qualified name of the materialized view"),
    sa.Column("sources", ARRAY(sa.Text), nullable=False),
    sa.Column(
        "first_day", sa.Date, nullable=False, comment="first day the tier holds; an archive's earlier days are sealed"
    ),
    sa.Column("before_day", sa.Date, nullable=False, comment="first day the tier no longer holds"),
    sa.Column("through", sa.BigInteger, comment="drain its contents cover; NULL: not populated"),
    sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refreshed_at", sa.DateTime(timezone=True)),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("rebuild_ms", sa.BigInteger, comment="of an archive: duration of its last rebuild"),
    sa.Column("rebuilt_rows", sa.BigInteger, comment="of an archive: rows that this rebuild made"),
    sa.Column("key_us", sa.BigInteger, comment="of an archive: microseconds a key in its last compaction of many"),
    sa.PrimaryKeyConstraint("view", "tier"),
    sa.CheckConstraint("tier IN ('recent', 'by_day', 'archive', 'total', 'whole')", name="tier"),
    sa.CheckConstraint("before_day >= first_day", name="horizon_after_sealed_days"),
    schema=SCHEMA,
)

# What was requested of a view's sealed days, and what changed in them since they were sealed; the first day that is not
# sealed is the archive's ``first_day``. Written by requests, by seals, and by the drain connection, which counts.
seal = sa.Table(
    "seal",
    metadata,
    sa.Column("view", sa.Text, primary_key=True),
    sa.Column("sealing_before", sa.Date, comment="the requested first unsealed day; NULL: nothing is requested"),
    sa.Column("asked_xid", Xid8, comment="of the transaction that requested it"),
    sa.Column("sealed_through", sa.BigInteger, comment="newest drain that the last seal saw; NULL: none yet"),
    sa.Column("sealed_changes", sa.BigInteger, nullable=False, server_default="0", comment="keys changed late"),
    sa.Column("alarmed_changes", sa.BigInteger, nullable=False, server_default="0", comment="when last looked at"),
    schema=SCHEMA,
)

# Of a view whose days are those of users' own zones, the zone in which each user's days were sealed: rows with a day
# before ``before_day`` in it are sealed, whatever the user's zone is now. Written by seals.
sealed_zone = sa.Table(
    "sealed_zone",
    metadata,
    sa.Column("view", sa.Text, sa.ForeignKey(seal.c.view, ondelete="CASCADE"), primary_key=True),
    sa.Column("user_id", UserKeyDomain, primary_key=True),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("before_day", sa.Date, nullable=False),
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

# How often a refresh of each tier began or ended; odd while one runs. Rows are never deleted, so that their sum never
# decreases: a key's mark is left unchanged only while this sum is the same. Written by refreshes, and by migrations.
refresh_attempt = sa.Table(
    "refresh_attempt",
    metadata,
    sa.Column("view", sa.Text, nullable=False),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("drain_id", sa.BigInteger, nullable=False, comment="the newest when the last attempt was announced"),
    sa.PrimaryKeyConstraint("view", "tier"),
    schema=SCHEMA,
)

# One row for each refresh of a tier. Written by refreshes; the leader deletes old rows. A refresh does not count the
# tier's rows: row_count is that of the refresh before, plus the rows inserted, minus the rows deleted.
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

# The capture of each source at the last check. Written by check_capture only.
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
