"""The day of a row, as SQL: the one spelling, from which row views and capture are made alike.

Invariant: it raises for no time: one outside of the days that a row may have has no day, for conversions of such times
raise errors in some zone.
"""

from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, TimeKind


def day_of_time(time: str, kind: TimeKind, zone: str | None, stored_zone: str) -> str:
    """Return the expression of the local day of a time; NULL for a row that has none.

    :param time: the time, as SQL.
    :param zone: the zone whose days are counted; not asked for of a date.
    :param stored_zone: the zone that a timestamp without time zone is in.
    """
    zone = zone or "UTC"
    if kind == "date":
        day = time
    elif kind == "timestamptz":
        day = f"({time} AT TIME ZONE {_literal(zone)})::date"
    elif zone == stored_zone == "UTC":
        day = f"{time}::date"
    else:
        day = f"(({time} AT TIME ZONE {_literal(stored_zone)}) AT TIME ZONE {_literal(zone)})::date"
    first, last = (_bound(day, kind) for day in (FIRST_DAY, LAST_DAY))
    return f"CASE WHEN {time} BETWEEN {first} AND {last} THEN {day} END"


def _bound(day: str, kind: TimeKind) -> str:
    return f"'{day} 00:00:00+00'::timestamptz" if kind == "timestamptz" else f"'{day}'::{kind}"


def _literal(zone: str) -> str:
    return "'" + zone.replace("'", "''") + "'"
