"""What is captured of a table: the column of its user, that of its time, and the columns that a view reads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from views_sql.declaration.proven import ProvenSource, Watched
from views_sql.proof.columns import Column
from views_sql.proof.findings import Place
from views_sql.proof.tables import Table, no_column
from views_sql.proof.value_types import TIMES

NAME = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class ViewZones:
    """The zones of a view's times.

    :param counted: whose days are counted, or of users who have no zone of their own.
    :param stored: the one that a timestamp without time zone is in.
    :param own: whether days are those of each user's own zone.
    """

    counted: str
    stored: str
    own: bool


NO_DAYS = ViewZones("UTC", "UTC", own=False)  # Of what has no time.


def source_of(
    name: str, table: Table, user: Column | None, time: Column | None, zones: ViewZones, read: Iterable[str]
) -> ProvenSource:
    """Return what is captured of a table.

    :param user: None: a change of a row concerns every user.
    :param read: names of columns on which rows of the view depend.
    """
    kind = TIMES[time.type.base] if time else None
    own = zones.own and kind not in {None, "date"}
    return ProvenSource(
        name=name,
        table=table.proven,
        user_column=user.name if user else None,
        time_column=time.name if time else None,
        time_kind=kind,
        zone=None if kind in {None, "date"} else "UTC" if own else zones.counted,
        stored_zone=zones.stored,
        watched=watched_columns(table, read),
        long_keys=user is not None and user.type.long,
        default_zone=zones.counted if own else None,
    )


def watched_columns(table: Table, read: Iterable[str]) -> tuple[Watched, ...]:
    """Return columns with how their values are compared, in the table's order."""
    names = set(read)
    return tuple(Watched(name, as_text=it.type.compared_as_text) for name, it in table.columns.items() if name in names)


def time_column(table: Table, declared: str, zone: str, place: Place) -> Column | None:
    """Return the column of a row's time, or None after a fault was added."""
    column = table.columns.get(declared)
    if column is None:
        meant = [name for name in NAME.findall(declared) if name in table.columns]
        if NAME.fullmatch(declared) or not meant:
            place.refuse(no_column(table, declared))
        else:
            place.refuse(
                f"{declared} is an expression, which may depend on the session's TimeZone: "
                f"name the column {meant[0]}, its day is taken in {zone}"
            )
    elif column.type.base not in TIMES:
        place.refuse(f"{column.name} is of type {column.type.name}: a time is a date, timestamp or timestamptz")
    elif column.generated == "v":
        place.refuse(f"{column.name} is a virtual generated column, which triggers see as NULL; name a stored column")
    else:
        return column
    return None
