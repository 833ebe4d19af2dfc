"""Checks a database before a process of Frontview works on it.

Invariant: an error's message tells an operator what to do; no connection is left open.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from models.engine import connect, make_engine, require_supported_server
from models.errors import ConfigurationError, MigrationError
from models.pooler import PROBE_SETTING, refusal, refused_options, require_own_session
from models.schema_version import VERSION_TABLE, require_migrated
from models.suitable_database import require_readable_text, require_visible_rows

_MIGRATABLE = f"""
SELECT
    pg_is_in_recovery(), to_regnamespace('public') IS NOT NULL, to_regnamespace('frontview') IS NOT NULL,
    to_regclass('{VERSION_TABLE}') IS NOT NULL, current_user, current_database(),
    has_schema_privilege(to_regnamespace('public'), 'CREATE'), has_database_privilege(current_database(), 'CREATE')
"""


def require_usable_database(url: str, direct_url: str, application_name: str) -> None:
    """Raise unless the server answers, is new enough, hides nothing, has the schema of this code, and keeps sessions.

    :param direct_url: the URL for connections with session state.
    :raises sqlalchemy.exc.DBAPIError, psycopg.Error: no connection is possible.
    :raises ServerTooOld: the server's version is too old.
    :raises UnsuitableDatabase: row-level security hides rows, or text cannot be converted to UTF8.
    :raises NotMigrated: the schema is missing or older than this code.
    :raises ConfigurationError: ``direct_url`` leads to a pooler.
    """
    variable = "FRONTVIEW_DATABASE_URL" if url == direct_url else "FRONTVIEW_DIRECT_URL"
    engine = make_engine(url, application_name, pool_size=1, through_pooler=url != direct_url)
    try:
        with _refusals_named(refusal if url == direct_url else refused_options), engine.connect() as connection:
            require_suitable_server(connection)
            require_visible_rows(connection)
            require_migrated(connection)
        with _refusals_named(lambda reason: refusal(reason, variable)):
            require_own_session(lambda: connect(direct_url, application_name, PROBE_SETTING), variable)
    finally:
        engine.dispose()  # no connection may exist before workers fork


@contextmanager
def _refusals_named(fault_of: Callable[[str], ConfigurationError | None]) -> Iterator[None]:
    """Raise what ``fault_of`` makes of the reason why a connection was refused, if it makes anything of it."""
    try:
        yield
    except (DBAPIError, psycopg.OperationalError) as error:
        if (fault := fault_of(str(error))) is not None:
            raise fault from None
        raise


def require_suitable_server(connection: Connection) -> None:
    """Raise unless the server is new enough and the database's text can be converted to UTF8.

    :raises ServerTooOld: the server's version is too old.
    :raises UnsuitableDatabase: with the encoding.
    """
    number, name = connection.exec_driver_sql(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
    ).one()
    require_supported_server(number, name)
    require_readable_text(connection)


def require_migratable(connection: Connection) -> None:
    """Raise unless the migrations can make their objects in the schemas ``public`` and ``frontview``.

    :raises MigrationError: with what stands in the way and what to do; nothing was made.
    """
    if (fault := _migration_fault(*connection.exec_driver_sql(_MIGRATABLE).one())) is not None:
        raise MigrationError(f"The database cannot be migrated: {fault}")


def _migration_fault(
    standby: bool,
    public: bool,
    frontview: bool,
    versions: bool,
    role: str,
    database: str,
    may_fill_public: bool | None,
    may_make_schemas: bool,
) -> str | None:
    if standby:
        return "the server is a standby; let FRONTVIEW_DATABASE_URL (or FRONTVIEW_DIRECT_URL) lead to the primary."
    if not public:
        return "it has no schema public, where the base tables are made; CREATE SCHEMA public."
    if frontview and not versions:
        return (
            f"it has a schema frontview, but no {VERSION_TABLE}; drop that schema if it is empty. If earlier "
            "migrations made their tables in another schema, move them: ALTER TABLE … SET SCHEMA public."
        )
    if not frontview and not (may_fill_public and may_make_schemas):
        return (
            f"the role {role} may not create objects; let its owner run GRANT CREATE ON DATABASE {database} TO {role} "
            f"and GRANT CREATE ON SCHEMA public TO {role}."
        )
    return None
