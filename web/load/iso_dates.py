"""Dates and times of a file must be written as ISO 8601 says, before any is sent.

PostgreSQL reads more: `03/04/2026`, which is one day or another by a setting, and words such as `today`.
"""

import re

from web.load.csv_file import CsvFile
from web.load.fault import LoadError, shown
from web.load.tables import Table

_DATE = rb"\d{4}-\d\d-\d\d"
_CLOCK = rb"\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
_OFFSET = rb"(?:Z|[+-]\d\d(?::?\d\d)?)?"
_TIME = rb"%b(?:[T ]%b%b)?" % (_DATE, _CLOCK, _OFFSET)
_FORMS = {
    "date": _DATE,
    "timestamp without time zone": _TIME,
    "timestamp with time zone": _TIME,
    "time without time zone": _CLOCK,
    "time with time zone": _CLOCK + _OFFSET,
}
EXPECTED = {
    "date": "a date such as 2026-01-31 (ISO 8601)",
    **dict.fromkeys(list(_FORMS)[1:3], "a time such as 2026-01-31T09:30:00+00:00 (ISO 8601)"),
    **dict.fromkeys(list(_FORMS)[3:], "a time of day such as 09:30:00 (ISO 8601)"),
}


def check_dates(table: Table, csv_file: CsvFile) -> None:
    """Raise unless every date and time of the file is written as ISO 8601 says, or is NULL.

    Records that do not fit the header are passed over: PostgreSQL refuses them.

    :raises LoadError: names the first fault by line and column.
    """
    columns = csv_file.header.columns
    kinds = [table.columns[column].type for column in columns]
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
