"""Finds the first record of a file that refers to a missing row.

Foreign keys are checked when COPY has ended, and the error names no line. So the file is loaded again, into a
temporary table with numbered records, which is searched and dropped.
"""

from psycopg import sql

from models.connection import Connection
from web.load.constraints import Constraint, foreign_keys
from web.load.csv_file import CsvFile, Header
from web.load.tables import Table

_STAGING = sql.Identifier("pg_temp", "frontview_load")


def copy_statement(table: sql.Identifier, header: Header) -> sql.Composed:
    """Return the COPY that reads data records as they are in the file."""
    names = sql.SQL(", ").join(map(sql.Identifier, header.columns))
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, ENCODING 'UTF8', DELIMITER {})").format(
        table, names, sql.Literal(header.separator)
    )


def first_orphan(connection: Connection, table: Table, csv_file: CsvFile) -> tuple[int, Constraint] | None:
    """Return the number of the first record that refers to a missing row, and the foreign key."""
    with connection.transaction(force_rollback=True):
        _stage(connection, table, csv_file)
        found = [
            (number, constraint)
            for constraint in foreign_keys(connection, table.identifier)
            if (number := _first_without(connection, constraint)) is not None
        ]
    return min(found, key=lambda one: one[0], default=None)


def _stage(connection: Connection, table: Table, csv_file: CsvFile) -> None:
    columns = csv_file.header.columns
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE frontview_load AS SELECT {} FROM {} WITH NO DATA").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), table.identifier
        )
    )
    connection.execute(
        sql.SQL("ALTER TABLE {} ADD COLUMN record_ bigint GENERATED ALWAYS AS IDENTITY").format(_STAGING)
    )
    with connection.cursor() as cursor, cursor.copy(copy_statement(_STAGING, csv_file.header)) as copy:
        for piece in csv_file.pieces():
            copy.write(piece)


def _first_without(connection: Connection, constraint: Constraint) -> int | None:
    """Return the first staged record that refers to a missing row; None if there is none."""
    pairs = list(zip(constraint.columns, constraint.referred_columns, strict=True))
    matches = sql.SQL(" AND ").join(
        sql.SQL("r.{} = s.{}").format(sql.Identifier(theirs), sql.Identifier(ours)) for ours, theirs in pairs
    )
    given = sql.SQL(" AND ").join(sql.SQL("s.{} IS NOT NULL").format(sql.Identifier(ours)) for ours, _ in pairs)
    query = sql.SQL("SELECT min(s.record_) FROM {} AS s WHERE {} AND NOT EXISTS (SELECT FROM {} AS r WHERE {})").format(
        _STAGING, given, sql.Identifier(*constraint.refers_to), matches
    )
    row = connection.execute(query).fetchone()
    return row[0] if row else None
