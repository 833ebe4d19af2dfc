"""Turns a database error into the line, the column and a plain sentence.

Invariant: a fault in the data is always reported with the line on which its record begins. PostgreSQL names a line
for all faults but those of foreign keys, which it checks at the end: see :mod:`web.load.orphans`.
"""

import re
from dataclasses import dataclass, replace

import psycopg
from psycopg import errors, sql

from models.connection import Connection
from web.load.constraints import find_constraint
from web.load.csv_file import SEPARATORS, CsvFile, Record
from web.load.fault import LoadError, shown
from web.load.iso_dates import EXPECTED
from web.load.orphans import first_orphan
from web.load.tables import Table

# The other words are translated on servers that use another language.
_CONTEXT = r"^COPY {table}, \S+ (\d+)(?:, \S+ ({columns})(?=[:,]))?"
_DATA_FAULTS = ("22", "23", "P0001", "54")
_UNREADABLE = ("22P02", "22007", "22008")
_EXPECTED = {
    "bigint": "a whole number",
    "integer": "a whole number",
    "smallint": "a whole number",
    "numeric": "a number",
    "double precision": "a number",
    "real": "a number",
    "boolean": "true or false",
    "uuid": "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    **EXPECTED,
}
_RANGES = {
    "bigint": "-9223372036854775808 to 9223372036854775807",
    "integer": "-2147483648 to 2147483647",
    "smallint": "-32768 to 32767",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the file a fault is, as far as PostgreSQL says.

    :param record: the record that COPY was at.
    :param column: the column it named.
    """

    table: Table
    columns: tuple[str, ...]
    record: Record | None
    column: str | None

    def value(self, column: str | None = None) -> str:
        """Return the record's value of a column as a message shows it."""
        column = column or self.column
        values = self.record.values() if self.record else None
        if not values or column not in self.columns:
            return "the value"
        place = self.columns.index(column)
        return shown(values[place] if place < len(values) else None)


def diagnose(connection: Connection, error: psycopg.Error, table: Table, csv_file: CsvFile) -> LoadError | None:
    """Return the fault that ``error`` reports; None if it is not about the file's content.

    :param connection: rolled back and usable.
    """
    if not (error.sqlstate or "").startswith(_DATA_FAULTS):
        return None
    place = _place(error, table, csv_file)
    match error:
        case errors.ForeignKeyViolation():
            return _missing_reference(connection, error, table, csv_file)
        case errors.CharacterNotInRepertoire() | errors.UntranslatableCharacter():
            record = _first_undecodable(csv_file) or place.record
            columns, problem = _encoding(csv_file.header.columns, record)
            return LoadError(csv_file.name, problem, record.line if record else None, columns)
        case errors.BadCopyFileFormat():
            columns, problem = (), _format(error, place)
        case errors.IntegrityError():
            columns, problem = _broken_rule(connection, error, place)
        case _:
            columns, problem = _bad_value(error, place)
    return LoadError(csv_file.name, problem, place.record.line if place.record else None, columns)


def _place(error: psycopg.Error, table: Table, csv_file: CsvFile) -> Place:
    columns, record = csv_file.header.columns, None
    names = "|".join(map(re.escape, columns))
    context = _CONTEXT.format(table=re.escape(table.name), columns=names)
    found = re.search(context, error.diag.context or "", re.MULTILINE)
    if found:
        for record in csv_file.records():  # An open quotation: COPY counts the file's end.
            if record.copy_line >= int(found[1]):
                break
    return Place(table, columns, record, found[2] if found else None)


def _bad_value(error: psycopg.Error, place: Place) -> tuple[tuple[str, ...], str]:
    """Return the column and why its value cannot be read."""
    if wrong_count := _wrong_count(place):
        return (), wrong_count
    column = place.column
    kind = place.table.columns[column].type if column else ""
    if column and isinstance(error, errors.NumericValueOutOfRange):
        return (column,), f"{place.value()} is out of range ({_RANGES.get(kind, kind)})."
    if column and kind in _EXPECTED and error.sqlstate in _UNREADABLE:
        return (column,), f"{place.value()} is not {_EXPECTED[kind]}."
    return ((column,) if column else ()), f"{error.diag.message_primary or error}."


def _broken_rule(connection: Connection, error: psycopg.Error, place: Place) -> tuple[tuple[str, ...], str]:
    """Return the columns of the constraint that a record violates, and its rule with the record's values."""
    if isinstance(error, errors.NotNullViolation):
        column = error.diag.column_name or "?"
        return (column,), "a value is needed; an empty field without quotes means none."
    table = sql.Identifier(error.diag.schema_name or place.table.schema, error.diag.table_name or place.table.name)
    constraint = find_constraint(connection, table, error.diag.constraint_name or "")
    values = ", ".join(place.value(column) for column in constraint.columns) or "the row"
    if isinstance(error, errors.UniqueViolation):
        problem = f"{values} is there already, in the table or earlier in this file ({constraint.name})."
    else:
        problem = f"{values} is not allowed: {constraint.rule} ({constraint.name})."
    return constraint.columns, problem


def _format(error: psycopg.Error, place: Place) -> str:
    """Return the problem of a record that does not fit the header."""
    record = place.record
    if record is not None and record.raw.count(b'"') % 2:
        return "a quotation mark opens here and is never closed."
    if record is not None and not record.raw.strip():
        return "the line is empty."
    if wrong_count := _wrong_count(place):
        return wrong_count
    return f"{error.diag.message_primary}; every line must end as the first one does."


def _wrong_count(place: Place) -> str | None:
    """Return what is wrong with the number of values of the record, None if it is the header's."""
    values = place.record.values() if place.record else None
    if place.record is None or values is None or len(values) == len(place.columns):
        return None
    found = f"{len(values)} value{'s' * (len(values) != 1)}"
    separated = SEPARATORS[place.record.separator]
    return f"{found}, where the header names {len(place.columns)} columns, separated by {separated}."


def _first_undecodable(csv_file: CsvFile) -> Record | None:
    for record in csv_file.records():
        try:
            record.raw.decode("utf-8")
        except UnicodeDecodeError:
            return record
    return None


def _encoding(columns: tuple[str, ...], record: Record | None) -> tuple[tuple[str, ...], str]:
    """Return the column and the byte that cannot be stored."""
    try:
        (record.raw if record else b"").decode("utf-8")
    except UnicodeDecodeError as error:
        assert record is not None  # noqa: S101  nothing else can fail to decode
        before = record.raw[: error.start]
        fields = replace(record, raw=before + b'"' * (before.count(b'"') % 2)).values() or [""]
        byte = record.raw[error.start]
        return columns[len(fields) - 1 : len(fields)], f"the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8."
    return (), "there is a character that the database cannot store, such as a zero byte."


def _missing_reference(connection: Connection, error: psycopg.Error, table: Table, csv_file: CsvFile) -> LoadError:
    """Return the first record that refers to a missing row."""
    try:
        found = first_orphan(connection, table, csv_file)
    except psycopg.Error:  # The role may not create temporary tables.
        found = None
    if found is None:
        return LoadError(csv_file.name, f"{error.diag.message_detail or error.diag.message_primary}")
    number, constraint = found
    record = next(record for record in csv_file.records() if record.number == number)
    place = Place(table, csv_file.header.columns, record, None)
    values = ", ".join(place.value(column) for column in constraint.columns)
    problem = f"{constraint.refers_to[-1]} has no row {values} ({constraint.name})."
    return LoadError(csv_file.name, problem, record.line, constraint.columns)
