"""How PostgreSQL is asked: short transactions that are rolled back, and pinned settings.

Invariant: a statement that holds an author's text is sent by :func:`run_author_text` in the extended protocol, which
accepts one statement only. Nothing stays: every transaction here ends in a rollback.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[Any]
# What the parse of an expression may depend on, as migrations pin it.
PINNED = {
    "client_encoding": "UTF8",
    "search_path": "pg_catalog",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
    "lock_timeout": "1s",
    "statement_timeout": "10s",
}
# Two sessions in which everything that an expression could take from its session is different. Their dates differ at
# any moment (26 hours lie between them), and so does each zone's spelling of an instant.
SESSION_WEST = {
    "TimeZone": "Etc/GMT+12",
    "timezone_abbreviations": "Default",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
}
SESSION_EAST = {
    "TimeZone": "Etc/GMT-14",
    "timezone_abbreviations": "Australia",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
}


SET_LOCALLY = "SELECT pg_catalog.set_config(s.key, s.value, TRUE) FROM pg_catalog.jsonb_each_text(%s) s"


@contextmanager
def short_transaction(connection: Connection) -> Iterator[None]:
    """Open a transaction with the pinned settings, and roll it back at the end."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "SET TRANSACTION READ WRITE"
        )  # Temporary tables are made, whatever the session's default is.
        set_locally(connection, PINNED)
        yield


@contextmanager
def attempt(connection: Connection) -> Iterator[None]:
    """Open a savepoint, and roll back to it at the end: what was made is gone, and an error leaves no trace."""
    with connection.transaction(force_rollback=True):
        yield


def set_locally(connection: Connection, settings: dict[str, str]) -> None:
    """Set parameters until the end of the transaction or savepoint."""
    connection.execute(SET_LOCALLY, (Jsonb(settings),))


def run_author_text(connection: Connection, statement: str) -> psycopg.Cursor[TupleRow]:
    """Run one statement that holds an author's text.

    Binary results make psycopg use the extended protocol whatever ``prepare_threshold`` is; ``prepare=True`` does not.

    :raises psycopg.errors.SyntaxError: it is more than one statement.
    """
    return connection.execute(statement.encode(), binary=True)


def rows(connection: Connection, query: str, *values: object) -> list[TupleRow]:
    """Return the rows of one of our queries."""
    return connection.execute(query.encode(), values).fetchall()


def value(connection: Connection, query: str, *values: object) -> Any:
    """Return the only column of the only row of one of our queries."""
    return rows(connection, query, *values)[0][0]


def quoted(name: str) -> str:
    """Return a name as an SQL identifier, always in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL literal; for :data:`PINNED`, where backslashes are plain characters."""
    return "'" + text.replace("'", "''") + "'"


def inner(text: str) -> str:
    """Return an author's expression in double parentheses; a comment at its end cannot reach them."""
    return f"((\n{text}\n))"
