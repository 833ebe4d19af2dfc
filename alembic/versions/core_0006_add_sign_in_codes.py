"""One-use sign-in codes: the owner makes them, the web takes them, the leader forgets the expired ones."""

import sqlalchemy as sa
from alembic import op

revision = "core_0006"
down_revision = "core_0005"
branch_labels = None
depends_on = None

SCHEMA = "frontview"
WEB, REFRESHER = "frontview_web", "frontview_refresher"
FUNCTIONS = ("make_sign_in_code", "redeem_sign_in_code")


def upgrade() -> None:
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
    for name in FUNCTIONS:
        op.create_sql_object("functions", name, 1)
    op.allow(WEB, ("redeem_sign_in_code",), ("EXECUTE",))
    op.allow(REFRESHER, ("sign_in_code",), ("DELETE",))
    op.allow(REFRESHER, ("sign_in_code",), columns=("expires_at",))


def downgrade() -> None:
    op.disallow(REFRESHER, ("sign_in_code",), columns=("expires_at",))
    op.disallow(REFRESHER, ("sign_in_code",), ("DELETE",))
    op.disallow(WEB, ("redeem_sign_in_code",), ("EXECUTE",))
    for name in reversed(FUNCTIONS):
        op.drop_sql_object("functions", name, 1)
    op.drop_table("sign_in_code", schema=SCHEMA)
