"""${message}.

Revision: ${up_revision}, after ${down_revision | comma,n}.

Rules: import only alembic, sqlalchemy and the standard library; name (object, version) and never a live
definition; create views WITH NO DATA (the refresher populates); never CASCADE; a downgrade that really goes back.
Only its owner may use a new object: op.allow what the web or the refresher must execute, read or write.
"""

from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
