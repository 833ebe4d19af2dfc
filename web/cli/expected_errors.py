"""Messages for operators about errors that are expected in operation.

Invariant: a message never holds a password or a statement's parameters.
"""

import subprocess

import psycopg
import psycopg.errors
import sqlalchemy.exc

from models.errors import FrontviewError

NOT_MIGRATED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedColumn,
)
EXPECTED = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InvalidCatalogName,
)


def explain(error: BaseException) -> str | None:
    """Return one clear message for an expected error; None: the error is a defect and deserves a traceback."""
    if isinstance(error, FrontviewError):
        return str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, subprocess.SubprocessError):  # Only pg_ctl and initdb run as child processes to their end.
        return f"The embedded PostgreSQL cannot be used: {_one_line(error)}"
    return _explain_database(error)


def _explain_database(error: BaseException) -> str | None:
    """Return the message for an expected error of SQLAlchemy or psycopg; None for any other."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return "No database connection became free in time."
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, NOT_MIGRATED):
        return f"The database is not migrated ({_one_line(error)}). Run `frontview migrate`."
    if isinstance(error, EXPECTED):
        return f"The database cannot be used: {_one_line(error)}"
    return None


def _one_line(error: BaseException) -> str:
    """Return the error's message on one line, without the statement that it quotes."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return " ".join(str(primary or error).split())
