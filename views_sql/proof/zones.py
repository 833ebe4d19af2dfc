"""Whether a name is a time zone with rules of its own: the full name of a place, or UTC or GMT.

``CET`` is in pg_timezone_names and knows no summer time as abbreviation, so names that are abbreviations are refused.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from views_sql.proof.findings import Place
from views_sql.proof.nearest import there_are
from views_sql.proof.rails_zones import RAILS_ZONES
from views_sql.proof.session import Connection, rows

# How zones' names may not begin or be: files of the system that are no places, fixed offsets with the reversed sign.
NO_PLACE = re.compile(r"(posix|right)/.*|Etc/GMT[-+]\d+|Factory|localtime|posixrules")
ALWAYS = frozenset({"UTC", "GMT"})
NAMES = "SELECT name FROM pg_timezone_names"
ABBREVIATIONS = "SELECT abbrev FROM pg_timezone_abbrevs"


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


def _sentence(name: str, known: frozenset[str]) -> str:
    if (meant := RAILS_ZONES.get(name)) in known:
        return f"{name} is Rails' own name of a time zone; write the one of pg_timezone_names, {meant}"
    if NO_PLACE.fullmatch(name) or re.fullmatch(r"[A-Z]{2,5}", name):
        return (
            f"{name} is no place with rules of its own (an abbreviation, a fixed offset or a file of the system); "
            "write the full name, for example Europe/Paris, or UTC"
        )
    return f"there is no time zone {name} in pg_timezone_names (capitals count){there_are(name, known)}"
