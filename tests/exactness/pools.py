"""What random applications are made of: zones with odd days, times, keys, types with their values, names.

Invariant: each column's pool holds texts that PostgreSQL reads as its type whatever a session's settings are.
"""

import hashlib

SCHEMA, TABLE, USERS_TABLE, STATE = '"Host 1"', '"Host 1"."Order"', '"Host 1"."User"', '"Host 1"."State"'
TEXT = 'text COLLATE "C"'
# Zones with odd days, each with instants (UTC) at which its clocks or its calendar jump.
ZONES = {
    "America/Havana": ("2025-11-02 05:00", "2026-03-08 05:00"),
    "Atlantic/Azores": ("2025-10-26 01:00", "2026-03-29 01:00"),
    "Australia/Lord_Howe": ("2026-04-04 15:00", "2025-10-04 15:30"),
    "Europe/Dublin": ("2025-10-26 01:00", "2026-03-29 01:00"),  # Its summer is standard time; winter sets clocks back.
    "Pacific/Apia": ("2011-12-30 10:00", "2011-12-30 18:00", "2012-03-31 14:00"),  # There was no 30 December.
    "UTC": ("2026-01-01 00:00",),
}
STORED_ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Europe/Dublin", "Pacific/Apia")
ODD_TIMES = (
    *("infinity", "-infinity", "0001-01-01 00:00", "0001-01-02 00:00", "0001-01-04 00:00"),
    *("9999-12-29 00:00", "9999-12-30 00:00", "9999-12-31 00:00"),
    *("4000-01-01 00:00 BC", "4713-11-24 01:00 BC", "20000-01-01 00:00", "294276-12-31 23:00", None),
)
USER_KEYS = {
    "integer": ("1", "2", "2147483647"),
    "bigint": ("1", "2", "9007199254740993"),
    "text": ("ann'; --", "Bob", "ø"),
    "uuid": tuple(f"00000000-0000-4000-8000-{n:012x}" for n in (1, 2, 3)),
}
KINDS = {"integer": "integer", "bigint": "integer", "text": "text", "uuid": "uuid"}
NO_NUMBERS = {"NaN", "Infinity", "-Infinity"}
# Longer than an index has room for, however it is compressed; two of them begin alike, in characters of two bytes.
_LONG = "ä" * 260 + "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(90))
POOLS: dict[str, tuple[str, ...]] = {
    TEXT: ("a", "B", "", "o'x", "ü", "??", _LONG, f"{_LONG}b"),
    "varchar(20)": ("x", "y", ""),
    "integer": ("0", "1", "2", "-7"),
    "bigint": ("0", "9007199254740993", "-1"),
    "smallint": ("0", "1", "-2"),
    "uuid": tuple(f"00000000-0000-0000-0000-{n:012x}" for n in (0, 1, 2)),
    "boolean": ("true", "false"),
    "date": ("2000-01-01", "2026-01-31", "1999-12-31"),
    "numeric(12, 2)": ("0.00", "10.50", "-3.25", "99.99", "NaN"),
    "numeric": ("1.5", "-2.250", "0", "7", "Infinity", "-Infinity"),
    STATE: ("paid", "sent", "draft"),
    "jsonb": ('{"a": "x"}', '{"a": "x", "b": 1}', '{"a": null}', "[]"),
}
NAMES = (
    *("Größe %", "select", "a'b", "Total", "order by", "x.y", "productId", "user", "day", "period", "limit", "c1"),
    *('double"quote', "at"),
)
GROUPED = (*(TEXT, "varchar(20)", "integer", "bigint", "smallint", "uuid", "boolean", "date", STATE, "numeric(12, 2)"),)
SUMMED = ("integer", "bigint", "smallint", "numeric(12, 2)", "numeric")
RANKED = ("integer", "bigint", "smallint", "date", "numeric(12, 2)", TEXT, STATE)
