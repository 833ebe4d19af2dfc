"""What is asked and written in the simulation: few users, days and dashboards, so that they collide.

Invariant: what a change concerns is said here once, by other code than the product's.
"""

from datetime import date
from fnmatch import fnmatchcase
from typing import NamedTuple

from refresher.front_cache.entry import EntryKey
from tests.neutral.catalog import SERVED
from views_sql.declaration.maintained_view import Catalog, Dashboard, Region

H = 1.0
USERS = (1, 2)
DAYS = tuple(date(2026, 3, day) for day in (1, 2, 3))
TTL_SECONDS = 3
SOURCES = {  # sources and days that each dashboard depends on
    "first": (frozenset({"loans"}), DAYS[0], DAYS[0]),
    "later": (frozenset({"loans", "renewals"}), DAYS[1], DAYS[2]),
    "all": (frozenset({"renewals"}), None, None),
}
REGION = Region("dashboard", 3, 40_000)
CATALOG = Catalog(
    (),
    (),
    (REGION,),
    tuple(
        Dashboard(name, "dashboard", TTL_SECONDS, f"simulated.{name}", (), sources)
        for name, (sources, _, _) in SOURCES.items()
    ),
    SERVED,
)
KEYS = (*(EntryKey("dashboard", 1, name, ()) for name in SOURCES), EntryKey("dashboard", 2, "later", ()))


class Change(NamedTuple):
    """What one transaction changed; ``user`` None: every user, ``day`` None: every day."""

    user: int | None
    source: str
    day: date | None


CHANGES = (
    *(Change(user, source, day) for user in (1, 1, 2) for source in ("loans", "renewals") for day in DAYS),
    *(Change(1, source, None) for source in ("loans", "renewals")),
    Change(None, "loans", DAYS[1]),
    Change(None, "renewals", None),
)
GLOBS = (
    Change(None, "cache:*", None),
    Change(None, "cache:dashboard:*:later", None),
    Change(None, "cache:*:user:1:first", None),
)


def concerns(change: Change, key: EntryKey) -> bool:
    """Return whether an answer to ``key`` without ``change`` is another answer than with it."""
    if change.user not in (None, key.user):
        return False
    if change.source.startswith("cache:"):
        whose, glob = f"{key.region}:user:{key.user}", change.source[len("cache:") :]
        return fnmatchcase(whose, glob) or fnmatchcase(f"{whose}:{key.dashboard}", glob)
    sources, first_day, last_day = SOURCES[key.dashboard]
    if change.source not in sources:
        return False
    return change.day is None or first_day is None or last_day is None or first_day <= change.day <= last_day


CONCERNED = {change: tuple(concerns(change, key) for key in KEYS) for change in (*CHANGES, *GLOBS)}
