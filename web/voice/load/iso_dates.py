"""Dates and times of a file must be written as ISO 8601 says, before any is sent.

PostgreSQL reads more: `03/04/2026`, which is one day or another by a setting, and words such as `today`.
"""

import re

import sqlalchemy as sa

from web.voice.load.csv_file import CsvFile
from web.voice.load.fault import LoadError, shown

_DATE = rb"\d{4}-\d\d-\d\d"
_TIME = _DATE + rb"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?"
_FORMS = {"Date": _DATE, "DateTime": _TIME}
EXPECTED = {
    "Date": "a date such as 2026-01-31 (ISO 8601)",
    "DateTime": "a time such as 2026-01-31T09:30:00+00:00 (ISO 8601)",
}


def check_dates(table: sa.Table, csv_file: CsvFile) -> None:
    """Raise unless every date and time of the file is written as ISO 8601 says, or is NULL.

    Records that do not fit the header are passed over: PostgreSQL refuses them.

    :raises LoadError: names the first fault by line and column.
    """
    columns = csv_file.header.columns
    kinds = [type(table.columns[column].type).__name__ for column in columns]
    if not _FORMS.keys() & kinds:
        return
    field = _field(csv_file.header.separator)
    whole = _record([field] * len(columns), csv_file.header.separator)
    right = _record([_field_of(_FORMS[kind]) if kind in _FORMS else field for kind in kinds], csv_file.header.separator)
    for record in csv_file.records():
        if right.fullmatch(record.raw) or not (found := whole.fullmatch(record.raw)):
            continue
        for column, kind, raw in zip(columns, kinds, found.groups(), strict=True):
            value = raw.rstrip(b"\r\n").replace(b'"', b"")
            if kind in _FORMS and raw and not re.fullmatch(rb" *%b *" % _FORMS[kind], value):
                problem = f"{shown(value.decode(errors='replace'))} is not {EXPECTED[kind]}."
                raise LoadError(csv_file.name, problem, record.line, (column,))


def _field(separator: str) -> bytes:
    """Return the pattern of any field, for COPY: every quotation mark opens or closes."""
    plain = rb'[^%b"]*+' % re.escape(separator.encode())
    return rb'%b(?:"[^"]*+"%b)*+' % (plain, plain)


def _field_of(form: bytes) -> bytes:
    return rb'(?: *%b *|" *%b *")?' % (form, form)


def _record(fields: list[bytes], separator: str) -> re.Pattern[bytes]:
    return re.compile(re.escape(separator.encode()).join(b"(%b)" % field for field in fields) + rb"[\r\n]*")
