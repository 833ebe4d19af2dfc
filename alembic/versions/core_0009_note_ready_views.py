"""An exact read with nothing stale takes what it needs from the notes of ready views, not from the catalog."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "core_0009"
down_revision = "core_0008"
branch_labels = None
depends_on = None

SCHEMA = "frontview"
REFRESHER = "frontview_refresher"
# end_read and begin_read take and return the type, so they make room for it
READS = ("begin_read", "end_read")
PARTS = ("storage_changed", "find_stale_days")
CREATE_TRIGGERS = (
    "CREATE TRIGGER note_ready_view AFTER INSERT OR UPDATE OR DELETE ON frontview.view_state "
    "FOR EACH ROW EXECUTE FUNCTION frontview.note_ready_view()",
    "CREATE TRIGGER forget_ready_views AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON frontview.source "
    "FOR EACH STATEMENT EXECUTE FUNCTION frontview.forget_ready_views()",
)
NOTE_EVERYTHING = "UPDATE frontview.view_state SET view = view"


class NamedType(sa.types.UserDefinedType):
    """A column type that SQLAlchemy does not know, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


def upgrade() -> None:
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
    op.create_sql_object("functions", "note_ready_view", 1)
    op.create_sql_object("functions", "forget_ready_views", 1)
    for trigger in CREATE_TRIGGERS:
        op.execute(trigger)
    op.execute(NOTE_EVERYTHING)
    replace_reads(before=1, after=2)
    for name in PARTS:
        op.create_sql_object("functions", name, 1)
    op.allow(REFRESHER, ("ready_view",))
    op.allow(REFRESHER, PARTS, ("EXECUTE",))


def replace_reads(*, before: int, after: int) -> None:
    for name in READS:
        op.drop_sql_object("functions", name, before)
    op.replace_sql_object("types", "read_state", after, replaces=before)
    for name in READS:
        op.create_sql_object("functions", name, after)


def downgrade() -> None:
    op.disallow(REFRESHER, PARTS, ("EXECUTE",))
    op.disallow(REFRESHER, ("ready_view",))
    for name in reversed(PARTS):
        op.drop_sql_object("functions", name, 1)
    replace_reads(before=2, after=1)
    op.execute("DROP TRIGGER forget_ready_views ON frontview.source")
    op.execute("DROP TRIGGER note_ready_view ON frontview.view_state")
    op.drop_sql_object("functions", "forget_ready_views", 1)
    op.drop_sql_object("functions", "note_ready_view", 1)
    op.drop_table("ready_view", schema=SCHEMA)
