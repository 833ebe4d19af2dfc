"""A connection of the worker's pool for operators' requests; it translates the errors of the driver.

Invariant: only Frontview's errors are raised, whose text contains neither parameters nor connection data, and a broken
connection never returns to the pool.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import psycopg
from sqlalchemy import Connection as PooledConnection
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.connection import Connection
from models.database_errors import translated
from models.errors import DatabaseUnavailable


@contextmanager
def operator_connection(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in autocommit.

    :raises DatabaseUnavailable: there is no connection, or the database did not answer in time.
    :raises NotMigrated: a table or function does not exist, because the schema is older.
    :raises StatementFailed: a statement has a defect, or the role of the web server lacks a right.
    """
    try:
        with _checked_out(engine.execution_options(isolation_level="AUTOCOMMIT")) as pooled:
            driver = cast(Connection, pooled.connection.driver_connection)
            try:
                yield driver
            finally:
                if driver.broken:
                    pooled.invalidate()
    except PoolTimeout as error:
        raise DatabaseUnavailable("Every database connection of this process is in use.") from error
    except (DBAPIError, psycopg.Error) as error:
        raise translated(error, engine) from error


def _checked_out(engine: Engine) -> PooledConnection:
    """Return a connection that answers; if one died while it was idle, the pool replaces it and all older ones."""
    pooled = engine.connect()
    try:
        pooled.exec_driver_sql("SELECT 1")
    except DBAPIError as error:
        pooled.close()
        if not error.connection_invalidated:
            raise
        return engine.connect()
    return pooled
