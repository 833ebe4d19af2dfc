"""Runs the migrations on ``FRONTVIEW_DATABASE_URL`` (unset: the embedded PostgreSQL).

Invariant: one migrator works at a time (advisory lock). The core, and the bundled application, share one transaction;
each revision of a project has its own. Writers of a table queue behind a migration that waits for its lock, so a
transaction waits only a second; then it rolls back, lets the others pass, and is tried again.
"""

from collections.abc import Callable, Iterable, MutableMapping
from itertools import takewhile
from pathlib import Path
from time import sleep
from typing import Any

import psycopg.errors
from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import OperationalError

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
from models.schema_version import PROJECT_PREFIX, VERSION_TABLE
from models.session_settings import SETTLE_TRANSACTION, of_transaction
from models.settings import load_settings
from models.suitable_database import require_visible_rows
from views_sql.operations import bundled, registration  # noqa: F401  they register our operations, installed or not
from views_sql.operations.revisions import read_revision

MIGRATION_LOCK = 0x66726F6E  # The letters "fron".
ATTEMPTS = 30
PAUSE_SECONDS = 1.0
CONTENDED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
TABLES = {(table.schema, table.name) for table in metadata.tables.values()}
# Types that SQLAlchemy does not reflect by itself.
ischema_names.update({"xid8": Xid8, "pg_snapshot": Snapshot, "tid": Tid, "frontview.staleness": Staleness})


def include_name(name: str | None, type_: str, parents: MutableMapping[str, str | None]) -> bool:
    """Return whether autogenerate compares a name: every one but the tables that are not declared here."""
    return type_ != "table" or (parents["schema_name"], name) in TABLES


def user_key() -> str:
    """Return the kind of user keys that the core's first revision gives a new database: `integer`, `uuid` or `text`.

    The first revision of a project names it; that file is read here, and not run.
    """
    for name in context.script.get_bases():
        if name.startswith(PROJECT_PREFIX) and (script := context.script.get_revision(name)) is not None:
            return read_revision(Path(script.path)).user_key or "integer"
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


def upgrade_every_branch(revision: str, _context: object) -> Iterable[Any]:
    """Return the steps of `upgrade head`, which means the head of each branch."""
    return context.script._upgrade_revs("heads", revision)


def is_of_project(step: Any) -> bool:
    """Return whether a step runs a project's revision."""
    revision = getattr(step, "revision", None)
    return revision is not None and revision.revision.startswith(PROJECT_PREFIX)


def run(connection: Connection, remaining: list[Any] | None, *, all_at_once: bool) -> list[Any]:
    """Migrate over one connection, in its transaction; return the steps that are left for others.

    :param remaining: the steps that earlier transactions left; None: this is the first one.
    """
    require_suitable_server(connection)
    # A connection that was handed over may have any settings. Row-level security is refused by name in the end.
    connection.exec_driver_sql(SETTLE_TRANSACTION, (of_transaction({"row_security": "on"}),))
    require_migratable(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text(f"SET LOCAL lock_timeout = '{'10s' if all_at_once else '1s'}'"))
    connection.execute(text("SET LOCAL statement_timeout = '15min'"))
    upgrades: set[bool] = set()
    left: list[Any] = []

    def note_direction(step: MigrationInfo, **_: object) -> None:
        upgrades.add(step.is_upgrade)

    def own_steps(revision: str, of: object) -> list[Any]:
        steps = list(planned(revision, of)) if remaining is None else remaining
        count = len(steps)
        if not all_at_once and steps:
            count = 1 if is_of_project(steps[0]) else len(list(takewhile(lambda it: not is_of_project(it), steps)))
        left[:] = steps[count:]
        return steps[:count]

    configure(connection)
    options = context.get_context().opts
    to_head = options.get("destination_rev") == "head"
    planned: Callable[..., Iterable[Any]] = upgrade_every_branch if to_head else options.get("fn", lambda *_: ())
    configure(connection, on_version_apply=note_direction, fn=own_steps)
    context.run_migrations()
    if False not in upgrades:  # In the same transaction, so that nothing is left of an upgrade that is refused.
        require_visible_rows(connection)
    return left


def run_patiently(engine: Engine, remaining: list[Any] | None, pause: Callable[[float], object]) -> list[Any]:
    """Run one transaction, again after a pause where a lock was not to be had; return the steps that are left."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.begin() as connection:
                return run(connection, remaining, all_at_once=False)
        except OperationalError as error:
            if attempt == ATTEMPTS or not isinstance(error.orig, CONTENDED):
                raise
        pause(PAUSE_SECONDS)
    raise AssertionError  # The last attempt returns or raises.


def main() -> None:
    """Migrate the connection that was handed over, or the configured database."""
    if context.is_offline_mode():
        raise SystemExit("Frontview's migrations look at the database; run them without --sql.")
    handed_over = context.config.attributes.get("connection")
    if handed_over is not None:
        run(handed_over, None, all_at_once=True)
        return
    told = context.config.attributes.get("on_transaction", lambda _left: None)
    pause = context.config.attributes.get("pause", sleep)
    engine = make_engine(direct_url(load_settings()), "frontview-migrate")
    try:
        remaining: list[Any] | None = None
        while remaining is None or remaining:
            remaining = run_patiently(engine, remaining, pause)
            told(remaining)
    finally:
        engine.dispose()


main()
