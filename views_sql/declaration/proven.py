"""What PostgreSQL says about a declaration: every name resolved, every expression as PostgreSQL spells it.

Invariant: no text of the author's is in here. What stands in DDL was deparsed by PostgreSQL from a parse tree, with
schema-qualified names; names of columns are the catalog's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# A row with a time outside of these days has none: conversions of later and earlier instants raise errors in some zone.
FIRST_DAY, LAST_DAY = "0001-01-02", "9999-12-30"
KeyKind = Literal["integer", "text", "uuid"]
TimeKind = Literal["date", "timestamp", "timestamptz"]
TableKind = Literal["plain", "partitioned", "inherited"]
PanelKind = Literal["facts", "compare", "periods", "series", "groups", "list"]
Period = Literal[
    "today",
    "yesterday",
    "last_7_days",
    "last_30_days",
    "last_90_days",
    "last_365_days",
    "this_week",
    "this_month",
    "this_year",
    "all_time",
]


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
    :param user_column: holds the user key; None: a change of a row concerns every user.
    :param time_column: None: the source has no day.
    :param zone: the zone whose days are counted; None for a date column.
    :param stored_zone: the zone that a timestamp without time zone is in.
    :param long_keys: whether the user column may hold a text that is longer than any user key. Such rows have no user.
    :param default_zone: None, or where days are those of each user's own zone: the zone of users who have none. Then
        ``zone`` is UTC, whose days are logged, so that no log row depends on what a user's zone was.
    """

    name: str
    table: ProvenTable
    user_column: str | None
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
class ProvenLabel:
    """What answers show of a dimension's values beside them: columns of another table, read by its key.

    :param dimension: its name; views, lists and filters that call a dimension so mean this one.
    :param source: what is captured of the table; without a day.
    :param select: the deparsed SELECT of ``label_key``, ``user_key`` if the table has one, and the shown columns, each
        called ``l_<name>``.
    :param columns: the shown columns under these names; an answer calls them ``<dimension>_<name>``.
    :param key_type: of the dimension and of ``label_key``, as ``format_type`` prints it.
    :param all: whether groups by this dimension also have those of the user's values that no row has.
    """

    dimension: str
    source: ProvenSource
    select: str
    columns: tuple[RowColumn, ...]
    key_type: str
    all: bool = False


@dataclass(frozen=True, slots=True)
class ProvenFacts:
    """Columns of the user's own row.

    :param select: the deparsed SELECT of ``user_key`` and the facts, each called ``f_<name>``.
    """

    source: ProvenSource
    select: str
    columns: tuple[RowColumn, ...]


@dataclass(frozen=True, slots=True)
class ProvenOrder:
    """A column of a list's row view by which its rows are ordered; NULL comes where PostgreSQL puts it."""

    column: str
    descending: bool


@dataclass(frozen=True, slots=True)
class ProvenList:
    """The newest, largest or next rows of one table.

    :param source: without a day; it watches everything that the list shows, filters or is ordered by.
    :param select: the deparsed SELECT of ``user_key``, shown columns ``c_<name>``, dimensions ``d_<name>`` that can be
        filtered by or whose labels are shown, and columns ``o_<place>`` of the order.
    :param columns: those shown that are columns or expressions of the row; in the order of ``shown``.
    :param shown: the name in the answer and where the value is: the name of a column of ``select``, or
        ``<dimension>.<label column>``.
    :param order: ends in a unique key, so that it is total.
    :param limit: how many rows a request that says nothing gets.
    """

    name: str
    source: ProvenSource
    select: str
    columns: tuple[RowColumn, ...]
    shown: tuple[tuple[str, str], ...]
    dimensions: dict[str, RowColumn]
    order: tuple[ProvenOrder, ...]
    limit: int
    region: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class MeasureOf:
    """A measure of a view, in a panel or a formula."""

    view: str
    measure: str


@dataclass(frozen=True, slots=True)
class Formula:
    """An operation on two values, of which a text is a number; NULL where a divisor is 0 or an operand is NULL."""

    operator: Literal["+", "-", "*", "/"]
    left: "Formula | MeasureOf | str"
    right: "Formula | MeasureOf | str"


@dataclass(frozen=True, slots=True)
class ShownMeasure:
    """A measure or metric in a panel.

    :param name: in the answer: its own, or ``<view>_<name>`` where two in the panel would have the same.
    :param value: a measure, or the formula of a metric.
    :param decimals: of a metric: it is rounded to them.
    """

    name: str
    value: MeasureOf | Formula
    decimals: int | None = None

    @property
    def measures(self) -> tuple[MeasureOf, ...]:
        """The measures that it is computed from, each once."""
        return tuple(dict.fromkeys(measures_in(self.value)))


def measures_in(value: "Formula | MeasureOf | str") -> Iterator[MeasureOf]:
    """Yield the measures of a formula, as often as it has them."""
    if isinstance(value, MeasureOf):
        yield value
    elif isinstance(value, Formula):
        yield from measures_in(value.left)
        yield from measures_in(value.right)


@dataclass(frozen=True, slots=True)
class ProvenPanel:
    """One part of a dashboard's answer.

    :param of: of ``facts``: ``user``, or the name of a view without time and dimensions.
    :param compared_with: of ``compare``.
    :param periods: of ``periods``.
    :param by: of ``groups``: dimensions that all views of its measures have with the same type.
    :param sparkline: of ``groups``: a measure whose values of each day each group has.
    :param order: of ``groups``, where a request names none: a measure's name in the answer or a dimension, ``-`` first
        where it descends.
    :param limit: of ``groups``: how many there are where a request does not say.
    :param listed: of ``list``: the list's name.
    :param filters: those filters of the dashboard that it heeds.
    """

    name: str
    kind: PanelKind
    measures: tuple[ShownMeasure, ...] = ()
    of: str | None = None
    compared_with: Literal["previous_period", "previous_year"] | None = None
    periods: tuple[str, ...] = ()
    totals: bool = False
    by: tuple[str, ...] = ()
    sparkline: ShownMeasure | None = None
    order: str | None = None
    limit: int = 100
    listed: str | None = None
    filters: tuple[str, ...] = ()

    @property
    def views(self) -> tuple[str, ...]:
        """The views that it is computed from, each once."""
        shown = (*self.measures, *((self.sparkline,) if self.sparkline else ()))
        of = (self.of,) if self.of not in (None, "user") else ()
        return tuple(dict.fromkeys([*(it.view for one in shown for it in one.measures), *of]))


@dataclass(frozen=True, slots=True)
class ProvenDashboard:
    """Panels that are answered together, in one snapshot.

    :param filters: dimensions by which a request may filter; the same type in every panel that heeds them.
    """

    name: str
    filters: tuple[str, ...]
    panels: tuple[ProvenPanel, ...]
    longest_days: int
    region: str
    ttl_seconds: int


def zone_of(source: ProvenSource, zone: str, zone_column: str | None) -> str | None:
    """Return the zone whose days a view counts; None: each user's own.

    :param source: of the view.
    :param zone: of ``[user]``, with ``zone_column`` that of users who have none there.
    """
    if source.default_zone or (source.zone is None and zone_column):
        return None
    return source.zone or zone


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
    labels: tuple[ProvenLabel, ...] = ()
    facts: ProvenFacts | None = None
    lists: tuple[ProvenList, ...] = ()
    dashboards: tuple[ProvenDashboard, ...] = ()
