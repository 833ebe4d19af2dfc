"""Driver errors of an exact read: what may help against them, and the errors of Frontview that stand for them.

Invariant: the texts hold no parameter and no connection data.
"""

import psycopg
from sqlalchemy.exc import DBAPIError

from models.errors import DatabaseUnavailable, FrontviewError, InvalidParameters, NotMigrated

READ_AGAIN = {"40001", "40P01"}
_BAD_PARAMETERS = {"22023"}
_NOT_MIGRATED = {"42P01", "42883", "42704", "3F000"}
# The classes of connections, resources and operators (statement_timeout, shutdown); and lock_timeout.
_UNAVAILABLE = ("08", "53", "57", "55P03")


def sqlstate_of(error: Exception) -> str | None:
    """Return the SQLSTATE of the driver's error behind ``error``, or None."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def base_may_help(error: DBAPIError, sqlstate: str | None) -> bool:
    """Return whether the base tables may answer what a view could not.

    They cannot where the fault lies in the parameters, the connection or the server.
    """
    return (
        sqlstate is not None
        and not error.connection_invalidated
        and sqlstate not in _BAD_PARAMETERS
        and not sqlstate.startswith(_UNAVAILABLE)
    )


def translated(error: DBAPIError) -> FrontviewError:
    """Return Frontview's error for the driver's."""
    sqlstate = sqlstate_of(error)
    if sqlstate in _BAD_PARAMETERS:
        return InvalidParameters(_message(error))
    if sqlstate is None and isinstance(error.orig, psycopg.DataError):  # The driver refuses it, e.g. NUL in a text.
        return InvalidParameters("A parameter has a value that the database cannot hold.")
    if sqlstate in _NOT_MIGRATED:
        return NotMigrated(f"{_message(error)}.")
    if sqlstate == "57014":
        return DatabaseUnavailable("The database did not answer in time.")
    return DatabaseUnavailable(f"The database cannot be read{f' (SQLSTATE {sqlstate})' if sqlstate else ''}.")


def _message(error: DBAPIError) -> str:
    diagnostics = getattr(error.orig, "diag", None)
    return str(getattr(diagnostics, "message_primary", None) or "refused")
