"""Whether a name is a time zone with rules of its own: the full name of a place, or UTC or GMT.

``CET`` is in pg_timezone_names and knows no summer time as abbreviation, so names that are abbreviations are refused.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property

from models.errors import CatalogError
from views_sql.declaration.application import UserZone
from views_sql.loader import read_sql
from views_sql.proof.columns import Column
from views_sql.proof.findings import Place
from views_sql.proof.nearest import there_are
from views_sql.proof.session import Connection, quoted, rows
from views_sql.proof.tables import Table, no_column
from views_sql.proof.value_types import TEXTS

# How zones' names may not begin or be: files of the system that are no places, fixed offsets with the reversed sign.
NO_PLACE = re.compile(r"(posix|right)/.*|Etc/GMT[-+]\d+|Factory|localtime|posixrules")
ALWAYS = frozenset({"UTC", "GMT"})
NAMES = "SELECT name FROM pg_timezone_names"
ABBREVIATIONS = "SELECT abbrev FROM pg_timezone_abbrevs"
OF_RAILS = re.compile(r"\('((?:[^']|'')+)', '([A-Za-z_/+0-9-]+)'\)")
MOST_USERS = 1_000_000  # At most this number of users is looked at, for zones that nobody knows.
UNKNOWN_SHARE = 0.01  # More users with such a zone than this share are a fault.


@dataclass
class Zones:
    """The zones of a server, asked for when a name other than UTC is declared: PostgreSQL reads every file for them."""

    connection: Connection

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that may be declared."""
        abbreviations = {row[0] for row in rows(self.connection, ABBREVIATIONS)}
        names = {row[0] for row in rows(self.connection, NAMES)}
        return frozenset(name for name in names - abbreviations if not NO_PLACE.fullmatch(name)) | ALWAYS

    def known(self, name: str) -> bool:
        """Return whether a name may be declared."""
        return name in ALWAYS or name in self.names

    def check(self, name: str, place: Place) -> None:
        """Refuse a name that is no zone, with the nearest names."""
        if not self.known(name):
            place.refuse(_sentence(name, self.names))

    def column(self, table: Table, declared: UserZone, place: Place) -> Column | None:
        """Return the column with each user's own zone, or None after a fault was added."""
        column = table.columns.get(declared.column or "")
        if column is None:
            (place / "column").refuse(no_column(table, declared.column or ""))
        elif column.generated == "v" or column.type.base not in TEXTS:
            (place / "column").refuse(
                f"{column.name} is of type {column.type.name}: the zone of a user is a text, in a stored column"
            )
        else:
            self._count_unknown(table, column, declared, place)
            return column
        return None

    def _count_unknown(self, table: Table, column: Column, declared: UserZone, place: Place) -> None:
        """Say how many users have a zone that is none; refuse them if they are more than one in a hundred."""
        some = f"SELECT {quoted(column.name)}::text AS zone FROM {table.sql} LIMIT {MOST_USERS}"  # nosec B608  # names are quoted
        counted = f"SELECT u.zone, count(*) FROM ({some}) u GROUP BY u.zone ORDER BY count(*) DESC, u.zone"  # nosec B608  # names are quoted
        found = rows(self.connection, counted)
        known = self.names | rails_zones().keys()
        users = sum(count for _, count in found)
        unknown = [(zone, count) for zone, count in found if zone is not None and zone not in known]
        if not unknown:
            return
        number = sum(count for _, count in unknown)
        named = ", ".join(f"{zone[:40]!r}" for zone, _ in unknown[:3])
        said = (
            f"{number:,} of {users:,} users have a time zone that is no full name of PostgreSQL ({named}); their days "
            f"are those of {declared.default}"
        )
        if number > users * UNKNOWN_SHARE and declared.unknown == "refused":
            (place / "column").refuse(f'{said}, if zone.unknown = "default" says so')
        else:
            (place / "column").warn(said)


@cache
def rails_zones() -> dict[str, str]:
    """Return the zones of names that only Rails uses, which the bookkeeping knows as well."""
    found = {name.replace("''", "'"): zone for name, zone in OF_RAILS.findall(read_sql("rails_zone", 1))}
    if not found:
        raise CatalogError("the file of Rails' time zones holds none")
    return found


def _sentence(name: str, known: frozenset[str]) -> str:
    if (meant := rails_zones().get(name)) in known:
        return f"{name} is Rails' own name of a time zone; write the one of pg_timezone_names, {meant}"
    if NO_PLACE.fullmatch(name) or re.fullmatch(r"[A-Z]{2,5}", name):
        return (
            f"{name} is no place with rules of its own (an abbreviation, a fixed offset or a file of the system); "
            "write the full name, for example Europe/Paris, or UTC"
        )
    return f"there is no time zone {name} in pg_timezone_names (capitals count){there_are(name, known)}"
