"""What an error of the database means for the caller: an outage, a schema that is not migrated, or a defect.

An outage heals without a change of code or data, so the same request may succeed later. Everything else is a defect,
unless a function refuses a parameter by INVALID_PARAMETER; PostgreSQL itself raises 22023 also for what is in a table.

Invariant: the texts hold no parameter, no value of a row and no connection data.
"""

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.errors import (
    DatabaseUnavailable,
    DeclarationChanging,
    FrontviewError,
    InvalidParameters,
    NotMigrated,
    StatementFailed,
    TableReleased,
)
from models.schema_version import PROJECT_PREFIX, schema_state

INVALID_PARAMETER = "FV002"  # RAISE … USING ERRCODE = 'FV002', COLUMN = 'the parameter'
CONTENTION = ("40001", "40P01")
LACKS_A_RIGHT = "42501"
# Classes of SQLSTATEs and single ones: connections, resources, operators (statement_timeout, shutdown), the system and
# the server itself, lock_timeout, a server that only replays, and the timeouts that end a session.
_OUTAGES = ("08", "53", "57", "58", "XX", "55P03", "25006", "25P03", "25P04", *CONTENTION)
_GONE = ("42883", "42P01", "42703")  # No such function, relation or column.
_INTERNAL = "XX"
RELEASED = "SELECT EXISTS (SELECT FROM frontview.released)"
_PERHAPS_NOT_MIGRATED = ("42", "3F")  # Something is not there, or has another shape.


def sqlstate_of(error: Exception) -> str | None:
    """Return the SQLSTATE of an error of psycopg, or of the one behind SQLAlchemy's error; None: it has none."""
    return getattr(_cause(error), "sqlstate", None)


def may_come_from_a_change(error: FrontviewError) -> bool:
    """Return whether a read may have failed because what it reads was replaced meanwhile, or asks for other parameters.

    A relation or function that is dropped while a statement runs is, to the server, an internal error.
    """
    if isinstance(error, DatabaseUnavailable):
        return (error.sqlstate or "").startswith(_INTERNAL)
    return isinstance(error, DeclarationChanging | InvalidParameters | StatementFailed)


def is_outage(error: DBAPIError | psycopg.Error) -> bool:
    """Return whether the database cannot answer now, though nothing may be wrong with the statement."""
    cause = _cause(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if (sqlstate := sqlstate_of(error)) is not None:
        return sqlstate.startswith(_OUTAGES)
    return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)  # No connection, or a lost one.


def translated(error: DBAPIError | psycopg.Error, engine: Engine) -> FrontviewError:
    """Return Frontview's error for the driver's.

    :param engine: of the same database; it is asked for its revisions where something is missing there.
    """
    sqlstate = sqlstate_of(error)
    if sqlstate == "57014":
        return DatabaseUnavailable("The database did not answer in time.", sqlstate)
    if is_outage(error):
        reason = f" (SQLSTATE {sqlstate})" if sqlstate else ""
        return DatabaseUnavailable(f"The database cannot be used{reason}.", sqlstate)
    if sqlstate == INVALID_PARAMETER:
        said = getattr(_cause(error), "diag", None)
        detail, field = getattr(said, "message_primary", None), getattr(said, "column_name", None)
        return InvalidParameters(detail or "refused by the database", field or "")
    if missing := _what_is_missing(sqlstate, engine):
        return missing
    return StatementFailed(sqlstate, _function(error))


def _cause(error: Exception) -> object:
    return error.orig if isinstance(error, DBAPIError) else error


def _what_is_missing(sqlstate: str | None, engine: Engine) -> FrontviewError | None:
    """Return why something is not there, if the schema may be the reason; None: it is not, or cannot be read."""
    if sqlstate is None or not sqlstate.startswith(_PERHAPS_NOT_MIGRATED) or sqlstate == LACKS_A_RIGHT:
        return None
    try:
        with engine.connect() as connection:
            state = schema_state(connection)
            if not state.migrated:
                return NotMigrated(state.detail)
            of_project = any(name.startswith(PROJECT_PREFIX) for name in state.applied or ())
            if sqlstate not in _GONE or not of_project:
                return None
            return TableReleased() if connection.exec_driver_sql(RELEASED).scalar_one() else DeclarationChanging()
    except SQLAlchemyError:
        return None


def _function(error: Exception) -> str | None:
    """Return the innermost function that the server names, and its line; other parts of the context may hold values."""
    context = getattr(getattr(_cause(error), "diag", None), "context", None) or ""
    lines = (line for line in context.splitlines() if line.startswith(("PL/pgSQL function ", "SQL function ")))
    return next(lines, None)
