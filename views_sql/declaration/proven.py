"""What PostgreSQL says about a declaration: every name resolved, every expression as PostgreSQL spells it.

Invariant: no text of the author's is in here. What stands in DDL was deparsed by PostgreSQL from a parse tree, with
schema-qualified names; names of columns are the catalog's.
"""

from dataclasses import dataclass
from typing import Literal

# A row with a time outside of these days has none: conversions of later and earlier instants raise errors in some zone.
FIRST_DAY, LAST_DAY = "0001-01-02", "9999-12-30"
KeyKind = Literal["integer", "text", "uuid"]
TimeKind = Literal["date", "timestamp", "timestamptz"]
TableKind = Literal["plain", "partitioned", "inherited"]


@dataclass(frozen=True, slots=True)
class ProvenTable:
    """A captured table in the catalog's spelling, unquoted."""

    schema: str
    name: str
    kind: TableKind


@dataclass(frozen=True, slots=True)
class Watched:
    """A column that a consumer shows or computes from.

    :param as_text: whether values are compared as text, since equality misses a difference or does not exist.
    """

    column: str
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class ProvenSource:
    """What is captured of one table for one consumer.

    :param name: of the source: that of its consumer.
    :param user_column: holds the user key.
    :param time_column: None: the source has no day.
    :param zone: the zone whose days are counted; None for a date column.
    :param stored_zone: the zone that a timestamp without time zone is in.
    :param long_keys: whether the user column may hold a text that is longer than any user key. Such rows have no user.
    :param default_zone: None, or where days are those of each user's own zone: the zone of users who have none. Then
        ``zone`` is UTC, whose days are logged, so that no log row depends on what a user's zone was.
    """

    name: str
    table: ProvenTable
    user_column: str
    time_column: str | None
    time_kind: TimeKind | None
    zone: str | None
    stored_zone: str
    watched: tuple[Watched, ...]
    long_keys: bool = False
    default_zone: str | None = None

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones by whose rules its days are taken, but for users' own."""
        if self.time_kind in (None, "date"):
            return ()
        stored = self.stored_zone if self.time_kind == "timestamp" else None
        return tuple(dict.fromkeys(zone for zone in (self.default_zone or self.zone, stored) if zone))

    @property
    def day_slack(self) -> int:
        """How many days before and after a logged day a change may count on: no zone is a day away from UTC."""
        return 0 if self.default_zone is None else 1


@dataclass(frozen=True, slots=True)
class RowColumn:
    """A column of the row view.

    :param name: its fixed name there: a dimension's own name behind ``d_``, a measure's argument behind ``m_``, the
        rows that a measure counts behind ``w_``.
    :param type: as ``format_type`` prints it.
    """

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class ProvenMeasure:
    """A measure of a view; ``argument`` and ``where`` are names of columns of the row view."""

    name: str
    verb: str
    argument: str | None
    where: str | None
    type: str
    at: float | None = None
    decimals: int | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class ProvenView:
    """A view whose row view PostgreSQL has accepted.

    :param row_select: the definition of the row view, deparsed: columns ``user_key``, ``at`` (the time; absent without
        one), ``day`` (the guarded local day), and ``columns``; only rows for which the view's ``where`` is true.
    :param trusted: functions outside pg_catalog that the author vouches for and that it calls, with their arguments.
    :param dimensions: columns of the row view by the dimension's name.
    :param select: the file of the author's SELECT from which its rows come; None: they are the table's.
    :param more_sources: what is captured of the other tables that a SELECT of the author's reads; empty without one.
    """

    name: str
    source: ProvenSource
    row_select: str
    dimensions: dict[str, RowColumn]
    columns: tuple[RowColumn, ...]
    measures: tuple[ProvenMeasure, ...]
    longest_days: int
    region: str
    ttl_seconds: int
    trusted: tuple[str, ...] = ()
    more_sources: tuple[ProvenSource, ...] = ()
    select: str | None = None

    @property
    def sources(self) -> tuple[ProvenSource, ...]:
        """Every table whose changes make rows of the view stale, first that of its rows."""
        return (self.source, *self.more_sources)


@dataclass(frozen=True, slots=True)
class ProvenApplication:
    """A declaration that may be installed.

    :param users: the table of users, if one is declared.
    :param zone: whose days are counted, or of users who have no zone of their own.
    :param users_select: where users have names: the deparsed SELECT of ``user_key``, ``name`` and, if users have zones
        of their own, ``zone_name`` of each.
    :param users_watched: the columns that a user's name and zone depend on.
    :param zone_column: the column of the table of users with each user's own zone, if there is one.
    """

    key_kind: KeyKind
    claim: str
    users: ProvenTable | None
    user_key: str | None
    zone: str
    views: tuple[ProvenView, ...]
    users_select: str | None = None
    users_watched: tuple[Watched, ...] = ()
    zone_column: str | None = None
