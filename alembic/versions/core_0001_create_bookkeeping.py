"""The bookkeeping: user key, tables of capture, drain, feed and refresh, and the functions that keep them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0001"
down_revision = None
branch_labels = ("core",)
depends_on = None

SCHEMA = "frontview"
TABLES = (
    "declaration",
    "released",
    "source",
    "zone",
    "change_log",
    "capture_state",
    "drain",
    "stale_key",
    "feed",
    "invalidation",
    "view_state",
    "ready_view",
    "seal",
    "sealed_zone",
    "refresh_attempt",
    "refresh_log",
)
# A type comes before the functions that take or return it.
OBJECTS = (
    "staleness",
    "mark",
    "read_state",
    "answer",
    "tier_holds",
    "rows_of_source",
    "end_of_day",
    "rails_zone",
    "zone_offsets",
    "load_zones",
    "install_triggers",
    "remove_triggers",
    "capture_coverage",
    "adopt_partitions",
    "check_capture",
    "reset_drain",
    "drain_changes",
    "collect_stale_keys",
    "request_seal",
    "unseal",
    "seal_is_due",
    "prune_change_log",
    "forget_feed",
    "prove_key",
    "note_ready_view",
    "forget_ready_views",
    "storage_changed",
    "rewritten",
    "rows_added",
    "find_stale_days",
    "begin_read",
    "end_read",
    "declared_objects",
    "is_standing",
    "switch_declaration",
    "activate_declaration",
    "lock_together",
    "take_declaration_back",
    "drop_retired",
    "objects_of_table",
    "release",
    "restore",
)
CREATE_TRIGGERS = (
    # Not after updates of what refreshes cost.
    "CREATE TRIGGER note_ready_view AFTER INSERT OR DELETE OR UPDATE "
    "OF view, tier, version, relation, sources, first_day, before_day ON frontview.view_state "
    "FOR EACH ROW EXECUTE FUNCTION frontview.note_ready_view()",
    # A compaction changes nothing that is noted. A rebuild, which does, also updates ``before_day``.
    "CREATE TRIGGER note_refreshed_view AFTER UPDATE OF through, epoch, refreshed_at ON frontview.view_state "
    "FOR EACH ROW WHEN (NEW.tier IN ('recent', 'whole') OR (OLD.through IS NULL) <> (NEW.through IS NULL)) "
    "EXECUTE FUNCTION frontview.note_ready_view()",
    "CREATE TRIGGER forget_ready_views AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON frontview.source "
    "FOR EACH STATEMENT EXECUTE FUNCTION frontview.forget_ready_views()",
    # A superuser's login may be in replica role, where other triggers do not fire.
    "ALTER TABLE frontview.view_state ENABLE ALWAYS TRIGGER note_ready_view",
    "ALTER TABLE frontview.view_state ENABLE ALWAYS TRIGGER note_refreshed_view",
    "ALTER TABLE frontview.source ENABLE ALWAYS TRIGGER forget_ready_views",
)


class NamedType(sa.types.UserDefinedType):
    """A column type that SQLAlchemy does not have, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


USER_KEY = NamedType("frontview.user_key")


def upgrade() -> None:
    op.create_user_key(op.get_context().opts.get("user_key", "integer"))  # env.py hands the kind over.
    create_capture_tables()
    create_drain_tables()
    create_refresh_tables()
    # A table has a column of this type.
    staleness, *others = OBJECTS
    op.create_sql_object(staleness, version=1)
    create_ready_view()
    for name in others:
        op.create_sql_object(name, version=1)
    for trigger in CREATE_TRIGGERS:
        op.execute(trigger)
    op.execute("SELECT frontview.load_zones()")


def create_capture_tables() -> None:
    op.create_table(
        "declaration",
        sa.Column("number", sa.Integer, autoincrement=False),
        sa.Column("format", sa.Integer, nullable=False, comment="older code reads no newer one"),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("resolved", postgresql.JSONB, nullable=False),
        sa.Column("ddl", postgresql.ARRAY(sa.Text), nullable=False, comment="everything that it has, in order"),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("retired_at", sa.DateTime(timezone=True), comment="NULL: it is active, or waits to be"),
        sa.Column("gone_at", sa.DateTime(timezone=True), comment="when its objects were dropped; NULL: it has them"),
        sa.PrimaryKeyConstraint("number", name="pk_declaration"),
        schema=SCHEMA,
    )
    op.create_index(
        "uq_declaration_active",
        "declaration",
        ["active"],
        schema=SCHEMA,
        unique=True,
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "released",
        sa.Column("source", sa.Text, comment="whose capture, and all that needs it, is gone until it is restored"),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("source", name="pk_released"),
        schema=SCHEMA,
    )
    op.create_table(
        "source",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("relation", postgresql.REGCLASS, nullable=False),
        sa.Column("user_column", sa.Text, comment="NULL: a change concerns every user"),
        sa.Column("day_column", sa.Text),
        sa.Column("events", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("watched", postgresql.ARRAY(sa.Text), comment="columns whose UPDATE counts; NULL: every UPDATE does"),
        sa.Column(
            "day_slack",
            sa.Integer,
            nullable=False,
            server_default="0",
            comment="days on both sides of a logged one it is of",
        ),
        sa.Column(
            "zones",
            postgresql.ARRAY(sa.Text),
            nullable=False,
            server_default="{}",
            comment="by whose rules its days are taken",
        ),
        schema=SCHEMA,
    )
    op.create_table(
        "zone",
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
    op.create_table(
        "change_log",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("user_id", USER_KEY, comment="NULL: every key of the source"),
        sa.Column("day", sa.Date, nullable=False, comment="-infinity: the source has no day"),
        sa.Column("xid", NamedType("xid8"), nullable=False, server_default=sa.text("pg_current_xact_id()")),
        schema=SCHEMA,
    )
    op.create_index("ix_change_log_user_id_xid", "change_log", ["user_id", "xid"], schema=SCHEMA)
    op.create_index("ix_change_log_xid", "change_log", ["xid"], schema=SCHEMA)
    # Vacuum would truncate the table's end under a lock for which every writer would wait.
    op.execute(
        "ALTER TABLE frontview.change_log SET (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_threshold = 20000)"
    )
    op.create_table(
        "capture_state",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("relation", postgresql.OID, nullable=False, comment="the table, a partition or a child of it"),
        sa.Column("name", sa.Text, nullable=False, comment="of the relation, for when it is gone"),
        sa.Column("fingerprint", sa.Text, nullable=False, comment="changes with triggers, capture function, family"),
        sa.Column("system_identifier", sa.BigInteger, nullable=False, comment="elsewhere the row says nothing"),
        sa.PrimaryKeyConstraint("source", "relation", name="pk_capture_state"),
        schema=SCHEMA,
    )


def create_drain_tables() -> None:
    op.create_table(
        "drain",
        sa.Column("drain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("nonce", sa.BigInteger, nullable=False),
        sa.Column("snapshot", NamedType("pg_snapshot"), nullable=False),
        sa.Column("drained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("system_identifier", sa.BigInteger, nullable=False),
        sa.Column("key_count", sa.Integer, nullable=False, comment="keys, or of very many log rows, it found"),
        sa.Column("heartbeats", sa.Integer, nullable=False, server_default="0"),
        sa.Column("marked", NamedType("pg_snapshot"), nullable=False, comment="all that it sees is in stale_key"),
        sa.Column("marking", NamedType("pg_snapshot"), comment="what the backlog is marked up to; NULL: there is none"),
        sa.Column("next_row", NamedType("tid"), comment="of change_log, after which the next drain goes on marking"),
        schema=SCHEMA,
    )
    op.create_table(
        "stale_key",
        sa.Column("user_id", USER_KEY, comment="NULL: every key of the source"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("drain_id", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False, comment="refreshes so far when marked; -1: one ran"),
        sa.UniqueConstraint(
            "user_id",
            "source",
            "day",
            name="uq_stale_key_user_id_source_day",
            postgresql_nulls_not_distinct=True,
        ),
        schema=SCHEMA,
    )
    op.create_index("ix_stale_key_source_day_user_id", "stale_key", ["source", "day", "user_id"], schema=SCHEMA)
    op.create_table(
        "feed",
        sa.Column("drain_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", USER_KEY, comment="NULL: every user"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("ix_feed_drain_id", "feed", ["drain_id"], schema=SCHEMA)
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
    op.create_index(
        "ix_invalidation_waiting",
        "invalidation",
        ["invalidation_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("drain_id IS NULL"),
    )


def create_refresh_tables() -> None:
    op.create_table(
        "view_state",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("relation", sa.Text, nullable=False, comment="schema-qualified name of the materialized view"),
        sa.Column("sources", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column(
            "first_day",
            sa.Date,
            nullable=False,
            comment="first day the tier holds; an archive's earlier days are sealed",
        ),
        sa.Column("before_day", sa.Date, nullable=False, comment="first day the tier no longer holds"),
        sa.Column("through", sa.BigInteger, comment="drain its contents cover; NULL: not populated"),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("refreshed_at", sa.DateTime(timezone=True)),
        sa.Column("duration_ms", sa.BigInteger),
        sa.Column("rebuild_ms", sa.BigInteger, comment="of an archive: duration of its last rebuild"),
        sa.Column("rebuilt_rows", sa.BigInteger, comment="of an archive: rows that this rebuild made"),
        sa.Column("key_us", sa.BigInteger, comment="of an archive: microseconds a key in its last compaction of many"),
        sa.PrimaryKeyConstraint("view", "tier", name="pk_view_state"),
        sa.CheckConstraint(
            "tier IN ('recent', 'by_day', 'archive', 'total', 'whole')", name=op.f("ck_view_state_tier")
        ),
        sa.CheckConstraint("before_day >= first_day", name=op.f("ck_view_state_horizon_after_sealed_days")),
        schema=SCHEMA,
    )
    op.create_table(
        "seal",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("sealing_before", sa.Date, comment="the requested first unsealed day; NULL: nothing is requested"),
        sa.Column("asked_xid", NamedType("xid8"), comment="of the transaction that requested it"),
        sa.Column("sealed_through", sa.BigInteger, comment="newest drain that the last seal saw; NULL: none yet"),
        sa.Column("sealed_changes", sa.BigInteger, nullable=False, server_default="0", comment="keys changed late"),
        sa.Column("alarmed_changes", sa.BigInteger, nullable=False, server_default="0", comment="when last looked at"),
        sa.PrimaryKeyConstraint("view", name="pk_seal"),
        schema=SCHEMA,
    )
    op.create_table(
        "sealed_zone",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("user_id", NamedType("frontview.user_key"), nullable=False),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("before_day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("view", "user_id", name="pk_sealed_zone"),
        sa.ForeignKeyConstraint(["view"], [f"{SCHEMA}.seal.view"], name="fk_sealed_zone_view_seal", ondelete="CASCADE"),
        schema=SCHEMA,
    )
    op.create_table(
        "refresh_attempt",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("drain_id", sa.BigInteger, nullable=False, comment="the newest when the last attempt was announced"),
        sa.PrimaryKeyConstraint("view", "tier", name="pk_refresh_attempt"),
        schema=SCHEMA,
    )
    op.create_table(
        "refresh_log",
        sa.Column("refresh_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("row_count", sa.BigInteger),
        sa.Column("outcome", sa.Text, nullable=False, comment="refreshed, populated, moved or failed: SQLSTATE"),
        schema=SCHEMA,
    )
    op.create_index("ix_refresh_log_started_at", "refresh_log", ["started_at"], schema=SCHEMA)
    op.create_index("ix_refresh_log_view_tier_refresh_id", "refresh_log", ["view", "tier", "refresh_id"], schema=SCHEMA)


def create_ready_view() -> None:
    op.create_table(
        "ready_view",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("noted_in", postgresql.OID, nullable=False, comment="this table; elsewhere the row says nothing"),
        sa.Column("clean", NamedType("frontview.staleness"), nullable=False, comment="with nothing stale"),
        sa.Column("storage", postgresql.ARRAY(postgresql.OID), nullable=False, comment="captured tables and its tiers"),
        sa.Column("filenodes", postgresql.ARRAY(postgresql.OID), nullable=False, comment="of each of these, in order"),
        sa.PrimaryKeyConstraint("view", name="pk_ready_view"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER forget_ready_views ON frontview.source")
    op.execute("DROP TRIGGER note_refreshed_view ON frontview.view_state")
    op.execute("DROP TRIGGER note_ready_view ON frontview.view_state")
    staleness, *others = OBJECTS
    for name in reversed(others):
        op.drop_sql_object(name, version=1)
    for table in reversed(TABLES):
        op.drop_table(table, schema=SCHEMA)
    op.drop_sql_object(staleness, version=1)
    op.drop_user_key()
