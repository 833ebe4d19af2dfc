"""Capture, views and dashboards of the bundled application, as its declaration makes them.

A project's revisions hold the statements themselves. These are generated when it runs, since the declaration and what
generates its statements come in one package.
"""

from alembic import op

revision = "app_0002"
down_revision = "app_0001"
branch_labels = None
depends_on = "core_0003"


def upgrade() -> None:
    op.install_declaration("views_sql/voice")


def downgrade() -> None:
    op.remove_declaration()
