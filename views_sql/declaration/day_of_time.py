"""The day of a row, as SQL: the one spelling, from which row views and capture are made alike.

Invariant: it raises for no time: one outside of the days that a row may have has no day, for conversions of such times
raise errors in some zone.
"""

from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, TimeKind

# Local days of times between these are days that a row may have: two zones are at most 26 hours apart.
FIRST_OF_TIMES, LAST_OF_TIMES = "0001-01-04", "9999-12-29"


def day_of_time(time: str, kind: TimeKind, zone: str, stored_zone: str) -> str:
    """Return the expression of the local day of a time; NULL for a row that has none.

    :param time: the time, as SQL.
    :param zone: the zone whose days are counted, an expression; not asked for of a date.
    :param stored_zone: the zone that a timestamp without time zone is in.
    """
    if kind == "date":
        day = time
    elif kind == "timestamptz":
        day = f"({time} AT TIME ZONE {zone})::date"
    elif zone == zone_literal(stored_zone) == zone_literal("UTC"):
        day = f"{time}::date"
    else:
        day = f"(({time} AT TIME ZONE {zone_literal(stored_zone)}) AT TIME ZONE {zone})::date"
    days = (FIRST_DAY, LAST_DAY) if kind == "date" else (FIRST_OF_TIMES, LAST_OF_TIMES)
    first, last = (_bound(it, kind) for it in days)
    return f"CASE WHEN {time} BETWEEN {first} AND {last} THEN {day} END"


def _bound(day: str, kind: TimeKind) -> str:
    return f"'{day} 00:00:00+00'::timestamptz" if kind == "timestamptz" else f"'{day}'::{kind}"


def zone_literal(zone: str | None) -> str:
    """Return the name of a zone as an expression; UTC for none."""
    zone = zone or "UTC"
    return "'" + zone.replace("'", "''") + "'"
