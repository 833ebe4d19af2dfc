"""Loads one file into one table by COPY.

Transaction: one for everything, so that a file is in the table as a whole or not at all, and its changes are
captured by one statement's triggers.
"""

from collections.abc import Callable, Iterable

import psycopg
from psycopg import sql

from models.connection import Connection
from web.load.csv_file import CsvFile
from web.load.diagnosis import diagnose
from web.load.fault import LoadError
from web.load.iso_dates import check_dates
from web.load.orphans import copy_statement
from web.load.tables import Table

_END_MARK = b"\\."
# Numbers further behind are skipped in one step; fewer are taken one by one, which no other writer can disturb.
_STEPWISE = 100_000
_SEQUENCES = """
    SELECT c.name, s.seqrelid::regclass::text FROM unnest(%s::text[]) AS c (name)
    JOIN pg_sequence s ON s.seqrelid = to_regclass(pg_get_serial_sequence(%s, c.name)) AND s.seqincrement > 0
"""


def load_csv(
    connection: Connection,
    table: Table,
    csv_file: CsvFile,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Load ``csv_file`` into a table and return how many rows that made.

    :param connection: in autocommit; the transaction is opened here.
    :param advance: called with the number of bytes sent, as they are.
    :raises LoadError: the file cannot be loaded; names a fault by line and column.
    """
    check_columns(table, csv_file.header.columns, csv_file.name)
    check_dates(table, csv_file)
    advance(csv_file.header.size)
    try:
        with connection.transaction():
            rows = _copy(connection, table, csv_file, advance)
            _advance_sequences(connection, table, csv_file.header.columns)
    except psycopg.Error as error:
        if (fault := diagnose(connection, error, table, csv_file)) is None:
            raise
        raise fault from None
    return rows


def check_columns(table: Table, columns: tuple[str, ...], name: str) -> None:
    """Raise unless the header names columns of ``table``, each once, including all without a default.

    :raises LoadError: the message lists every wrong name.
    """
    if unknown := tuple(dict.fromkeys(column for column in columns if column not in table.columns)):
        separators = "a comma, a semicolon or a tab, the same in every line"
        hint = f" The separator must be {separators}." if any(mark in "".join(unknown) for mark in ";\t|") else ""
        listed = ", ".join(repr(column) for column in unknown)
        problem = f"{table.name} has no column {listed}; it has {', '.join(table.columns)}.{hint}"
        raise LoadError(name, problem, 1)
    if twice := tuple(dict.fromkeys(column for column in columns if columns.count(column) > 1)):
        raise LoadError(name, "the header names a column twice.", 1, twice)
    if missing := tuple(column for column in table.required if column not in columns):
        raise LoadError(name, f"{table.name} needs it, and it has no default.", 1, missing)


def _copy(connection: Connection, table: Table, csv_file: CsvFile, advance: Callable[[int], None]) -> int:
    """Send the file; return the number of rows."""
    suspicious, tail = False, b""
    with connection.cursor() as cursor:
        with cursor.copy(copy_statement(table.identifier, csv_file.header)) as copy:
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


def _advance_sequences(connection: Connection, table: Table, columns: Iterable[str]) -> None:
    """Move the sequences of the columns that the file gave past their largest values, never backwards."""
    quoted = table.identifier.as_string(connection)
    for column, sequence in connection.execute(_SEQUENCES, (list(columns), quoted)).fetchall():
        state = sql.SQL(
            "SELECT (SELECT max({}) FROM {}), last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {}"
        ).format(sql.Identifier(column), table.identifier, sql.SQL(sequence))
        largest, taken = connection.execute(state).fetchone() or (None, 0)
        behind = 0 if largest is None else largest - taken
        if behind > _STEPWISE:
            connection.execute("SELECT setval(%s::regclass, %s)", (sequence, largest))
        elif behind > 0:
            connection.execute("SELECT count(nextval(%s::regclass)) FROM generate_series(1, %s)", (sequence, behind))
