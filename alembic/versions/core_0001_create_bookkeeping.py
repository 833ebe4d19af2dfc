"""The core: user key, bookkeeping tables, and the functions of drain, exact read and collection."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0001"
down_revision = None
branch_labels = ("core",)
depends_on = None

OBJECTS = (
    ("types", "staleness"),
    ("types", "read_state"),
    ("types", "answer"),
    ("functions", "rewritten"),
    ("functions", "begin_read"),
    ("functions", "end_read"),
    ("functions", "install_triggers"),
    ("functions", "remove_triggers"),
    ("functions", "reset_drain"),
    ("functions", "drain_changes"),
    ("functions", "collect_stale_keys"),
    ("functions", "prune_change_log"),
    ("functions", "forget_feed"),
)


class NamedType(sa.types.UserDefinedType):
    """A column type that SQLAlchemy does not know, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


USER_KEY = NamedType("frontview.user_key")


def upgrade() -> None:
    op.create_user_key()
    op.create_table(
        "source",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("relation", postgresql.REGCLASS, nullable=False),
        sa.Column("user_column", sa.Text, nullable=False),
        sa.Column("day_column", sa.Text),
        sa.Column("events", postgresql.ARRAY(sa.Text), nullable=False),
        schema="frontview",
    )
    op.create_table(
        "change_log",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("user_id", USER_KEY, comment="NULL: every key of the source"),
        sa.Column("day", sa.Date, nullable=False, comment="-infinity: the source has no day"),
        sa.Column("xid", NamedType("xid8"), nullable=False, server_default=sa.text("pg_current_xact_id()")),
        schema="frontview",
    )
    op.create_index("ix_change_log_user_id_xid", "change_log", ["user_id", "xid"], schema="frontview")
    op.create_index("ix_change_log_xid", "change_log", ["xid"], schema="frontview")
    # Truncating the table's end takes a lock that every writer would wait for.
    op.execute(
        "ALTER TABLE frontview.change_log SET (vacuum_truncate = off, autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_threshold = 20000)"
    )
    op.create_table(
        "drain",
        sa.Column("drain_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("nonce", sa.BigInteger, nullable=False),
        sa.Column("snapshot", NamedType("pg_snapshot"), nullable=False),
        sa.Column("drained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("system_identifier", sa.BigInteger, nullable=False),
        sa.Column("key_count", sa.Integer, nullable=False, comment="keys this drain found changed"),
        sa.Column("heartbeats", sa.Integer, nullable=False, server_default="0"),
        schema="frontview",
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
        schema="frontview",
    )
    op.create_index("ix_stale_key_drain_id", "stale_key", ["drain_id"], schema="frontview")
    op.create_table(
        "feed",
        sa.Column("drain_id", sa.BigInteger, nullable=False),
        sa.Column("user_id", USER_KEY, comment="NULL: every user"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        schema="frontview",
    )
    op.create_index("ix_feed_drain_id", "feed", ["drain_id"], schema="frontview")
    op.create_table(
        "view_state",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("relation", sa.Text, nullable=False, comment="schema-qualified name of the materialized view"),
        sa.Column("sources", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("first_day", sa.Date, nullable=False, comment="first day the tier holds"),
        sa.Column("before_day", sa.Date, nullable=False, comment="first day the tier no longer holds"),
        sa.Column("through", sa.BigInteger, comment="drain its contents cover; NULL: not populated"),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("refreshed_at", sa.DateTime(timezone=True)),
        sa.Column("duration_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("view", "tier", name="pk_view_state"),
        sa.CheckConstraint(
            "tier IN ('recent', 'by_day', 'history', 'total', 'whole')", name=op.f("ck_view_state_tier")
        ),
        schema="frontview",
    )
    op.create_table(
        "refresh_attempt",
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("view", "tier", name="pk_refresh_attempt"),
        schema="frontview",
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
        schema="frontview",
    )
    op.create_index("ix_refresh_log_started_at", "refresh_log", ["started_at"], schema="frontview")
    for kind, name in OBJECTS:
        op.create_sql_object(kind, name, 1)


def downgrade() -> None:
    for kind, name in reversed(OBJECTS):
        op.drop_sql_object(kind, name, 1)
    for table in ("refresh_log", "refresh_attempt", "view_state", "feed", "stale_key", "drain", "change_log", "source"):
        op.drop_table(table, schema="frontview")
    op.drop_user_key()
