"""Runs the migrations on ``FRONTVIEW_DATABASE_URL`` (unset: the embedded PostgreSQL).

Invariant: one migrator works at a time (advisory lock), never waits long for a table's lock, and uses one transaction.
"""

from collections.abc import MutableMapping

from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.base import ischema_names

import models.bookkeeping
import models.leader_note
import models.operation
import models.sign_in_code
import models.voice  # noqa: F401  what these declare joins the metadata
from models.base import metadata
from models.column_types import Snapshot, Staleness, Tid, Xid8
from models.embedded import direct_url
from models.engine import make_engine
from models.preconditions import require_migratable, require_suitable_server
from models.schema_version import VERSION_TABLE
from models.session_settings import SETTLE_TRANSACTION, of_transaction
from models.settings import load_settings
from models.suitable_database import require_visible_rows
from views_sql.operations import registration  # noqa: F401  registers our operations, installed or not

MIGRATION_LOCK = 0x66726F6E  # The letters "fron".
TABLES = {(table.schema, table.name) for table in metadata.tables.values()}
# Types that SQLAlchemy does not reflect by itself.
ischema_names.update({"xid8": Xid8, "pg_snapshot": Snapshot, "tid": Tid, "frontview.staleness": Staleness})


def include_name(name: str | None, type_: str, parents: MutableMapping[str, str | None]) -> bool:
    """Return whether autogenerate compares a name: every one but the tables that are not declared here."""
    return type_ != "table" or (parents["schema_name"], name) in TABLES


def user_key() -> str:
    """Return the kind of user keys that the core's first revision gives a new database: `integer`, `uuid` or `text`."""
    return str(context.config.attributes.get("user_key", "integer"))


def configure(connection: Connection, **extra: object) -> None:
    """Configure the migration context."""
    version_schema, _, version_table = VERSION_TABLE.partition(".")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=version_table,
        version_table_schema=version_schema,
        include_schemas=True,
        include_name=include_name,
        user_key=user_key(),
        **extra,
    )


def upgrade_every_branch(revision: str, _context: object) -> object:
    """Return the steps of `upgrade head`, which means the head of each of the two branches."""
    return context.script._upgrade_revs("heads", revision)


def run(connection: Connection) -> None:
    """Migrate over one connection."""
    require_suitable_server(connection)
    # A connection that was handed over may have any settings. Row-level security is refused by name in the end.
    connection.exec_driver_sql(SETTLE_TRANSACTION, (of_transaction({"row_security": "on"}),))
    require_migratable(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    connection.execute(text("SET LOCAL statement_timeout = '15min'"))
    upgrades: set[bool] = set()

    def note_direction(step: MigrationInfo, **_: object) -> None:
        upgrades.add(step.is_upgrade)

    configure(connection, on_version_apply=note_direction)
    if context.get_context().opts.get("destination_rev") == "head":
        configure(connection, on_version_apply=note_direction, fn=upgrade_every_branch)
    context.run_migrations()
    if False not in upgrades:  # In the same transaction, so that nothing is left of an upgrade that is refused.
        require_visible_rows(connection)


def main() -> None:
    """Migrate the connection that was handed over, or the configured database."""
    if context.is_offline_mode():
        raise SystemExit("Frontview's migrations look at the database; run them without --sql.")
    handed_over = context.config.attributes.get("connection")
    if handed_over is not None:
        run(handed_over)
        return
    engine = make_engine(direct_url(load_settings()), "frontview-migrate")
    try:
        with engine.begin() as connection:
            run(connection)
    finally:
        engine.dispose()


main()
