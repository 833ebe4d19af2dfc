"""Loads one file into one base table by COPY.

Transaction: one for everything, so that a file is in the table as a whole or not at all, and its changes are
captured by one statement's triggers.
"""

from collections.abc import Callable, Sequence

import psycopg
import sqlalchemy as sa
from psycopg import sql

import models.voice  # noqa: F401  declares the base tables
from models.base import metadata
from models.connection import Connection
from web.voice.load.csv_file import CsvFile
from web.voice.load.diagnosis import diagnose
from web.voice.load.fault import LoadError
from web.voice.load.iso_dates import check_dates
from web.voice.load.orphans import copy_statement

BASE_TABLES = {table.name: table for table in metadata.tables.values() if table.schema is None}
SET_BY_TRIGGER = frozenset({"local_day"})
_END_MARK = b"\\."
# Ids further behind are skipped in one step; fewer are taken one by one, which no other writer can disturb.
_STEPWISE_IDS = 100_000


def load_csv(
    connection: Connection,
    table_name: str,
    csv_file: CsvFile,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Load ``csv_file`` into a base table and return how many rows that made.

    :param connection: in autocommit; the transaction is opened here.
    :param advance: called with the number of bytes sent, as they are.
    :raises LoadError: the file cannot be loaded; names a fault by line and column.
    """
    table = find_table(table_name)
    check_columns(table, csv_file.header.columns, csv_file.name)
    check_dates(table, csv_file)
    advance(csv_file.header.size)
    try:
        with connection.transaction():
            rows = _copy(connection, table, csv_file, advance)
            if "id" in csv_file.header.columns:
                _advance_identity(connection, table)
    except psycopg.Error as error:
        if (fault := diagnose(connection, error, table, csv_file)) is None:
            raise
        raise fault from None
    return rows


def find_table(name: str) -> sa.Table:
    """Return the base table of that name.

    :raises LoadError: there is no such table; the message lists the tables.
    """
    if name not in BASE_TABLES:
        raise LoadError(name, f"there is no such base table; there are {', '.join(BASE_TABLES)}.")
    return BASE_TABLES[name]


def check_columns(table: sa.Table, columns: Sequence[str], name: str) -> None:
    """Raise unless the header names columns of ``table``, each once, including all without a default.

    :raises LoadError: the message lists every wrong name.
    """
    known = set(table.columns.keys())
    if unknown := tuple(dict.fromkeys(column for column in columns if column not in known)):
        separators = "a comma, a semicolon or a tab, the same in every line"
        hint = f" The separator must be {separators}." if any(mark in "".join(unknown) for mark in ";\t|") else ""
        listed = ", ".join(repr(column) for column in unknown)
        problem = f"{table.name} has no column {listed}; it has {', '.join(table.columns.keys())}.{hint}"
        raise LoadError(name, problem, 1)
    if twice := tuple(dict.fromkeys(column for column in columns if list(columns).count(column) > 1)):
        raise LoadError(name, "the header names a column twice.", 1, twice)
    if missing := tuple(column for column in required_columns(table) if column not in columns):
        raise LoadError(name, f"{table.name} needs it, and it has no default.", 1, missing)


def required_columns(table: sa.Table) -> tuple[str, ...]:
    """Return the columns that every file must have."""
    return tuple(
        column.name
        for column in table.columns
        if not column.nullable
        and column.server_default is None
        and column.identity is None
        and column.name not in SET_BY_TRIGGER
    )


def _copy(connection: Connection, table: sa.Table, csv_file: CsvFile, advance: Callable[[int], None]) -> int:
    """Send the file; return the number of rows."""
    suspicious, tail = False, b""
    with connection.cursor() as cursor:
        with cursor.copy(copy_statement(sql.Identifier("public", table.name), csv_file.header)) as copy:
            for piece in csv_file.pieces():
                copy.write(piece)
                advance(len(piece))
                suspicious |= _END_MARK in tail + piece
                tail = piece[-1:]
        if suspicious:
            _refuse_end_mark(csv_file)
        return cursor.rowcount


def _refuse_end_mark(csv_file: CsvFile) -> None:
    """Raise if a record consists of ``\\.``: older servers silently treat it as the end of the data."""
    for record in csv_file.records():
        if record.raw.rstrip(b"\r\n") == _END_MARK:
            problem = r"a line with only \. ends the data for PostgreSQL; put it in quotes."
            raise LoadError(csv_file.name, problem, record.line)


def _advance_identity(connection: Connection, table: sa.Table) -> None:
    """Move the identity sequence past the largest id, never backwards."""
    row = connection.execute(
        sql.SQL("SELECT max(id), pg_get_serial_sequence({}, 'id') FROM {}").format(
            f"public.{table.name}", sql.Identifier("public", table.name)
        )
    ).fetchone()
    if row is None or row[0] is None or row[1] is None:
        return
    largest, sequence = row
    state = connection.execute(
        sql.SQL("SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {}").format(sql.SQL(sequence))
    ).fetchone()
    behind = largest - state[0] if state else 0
    if behind > _STEPWISE_IDS:
        connection.execute("SELECT setval(%s::regclass, %s)", (sequence, largest))
    elif behind > 0:
        connection.execute("SELECT count(nextval(%s::regclass)) FROM generate_series(1, %s)", (sequence, behind))
