"""What an application declares: sources, maintained views, cache regions and dashboards.

Everything here is plain values, checked when they are made. The core works on the :class:`Catalog` that is passed to it
and knows no table by name.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from models.errors import CatalogError

if TYPE_CHECKING:
    from views_sql.declaration.served import ServedApplication

ARCHIVE_TIERS = ("archive", "total")  # Tables; the other tiers are materialized views.
DAILY_TIERS = (*ARCHIVE_TIERS, "recent", "by_day")  # Oldest days first; a refresh takes its gates in this order.
PLAIN_TIERS = ("whole",)


@dataclass(frozen=True, slots=True)
class Source:
    """One stream of captured changes of one table.

    :param name: how the change log names it; usually the table's name.
    :param table: the table, schema-qualified or found in ``public``.
    :param user_column: the column that holds the user key; None: a change concerns every user.
    :param day_column: the column that holds the day (a ``date``), or None when changes have no day.
    """

    name: str
    table: str
    user_column: str | None = "user_id"
    day_column: str | None = None


@dataclass(frozen=True, slots=True)
class MaintainedView:
    """A view that is stored as materialized tiers and merged with live rows when it is read.

    Locality: a row (user, day) depends only on rows that ``sources`` capture under that user and day, or
    under that user without a day.

    :param sources: names of the sources whose changes make its keys stale.
    :param unique_key: columns that identify a row, first the user key and then the day.
    :param measures: of a daily view, the columns that are sums: integers or numerics that may be summed over days.
    :param extremes: of a daily view, its other columns: a smallest or greatest value, which no difference corrects.
    :param day_column: None for a view with one row a user, kept in a single tier.
    """

    name: str
    version: int
    sources: tuple[str, ...]
    unique_key: tuple[str, ...]
    measures: tuple[str, ...] = ()
    day_column: str | None = "day"
    extremes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a daily view, in order."""
        return tuple(dict.fromkeys((*self.unique_key, *self.measures, *self.extremes)))

    @property
    def tiers(self) -> tuple[str, ...]:
        """Names of its tiers, oldest days first."""
        return DAILY_TIERS if self.day_column else PLAIN_TIERS


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the front cache with limits of its own; sizes in bytes, times in seconds."""

    name: str
    max_entries: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One question a user may ask, answered by one SQL function in one statement.

    :param function: schema-qualified; takes the user key, then ``arguments`` in this order, then
        ``p_base boolean`` (True: read base tables only); returns ``frontview.answer``.
    :param sources: names of the sources that the answer depends on.
    :param defaults: values of arguments that a request does not give, where these are not None.
    :param shown: a function of the user key that returns what the answer shows of its user: ``name``, ``zone`` and the
        day that it is there, ``today``; None: the answer shows nothing of the user.
    :param zone: shown in place of the user's own zone; None: that one is.
    :param resolved: returns the parameters of an answer from its arguments and the user's day.
    :param live: names the measures that are computed from base rows, given the arguments.
    :param declaration: the hash of the declaration that says what the question means.
    """

    name: str
    region: str
    ttl_seconds: int
    function: str
    arguments: tuple[str, ...]
    sources: frozenset[str]
    defaults: Mapping[str, Hashable] = field(default_factory=dict, hash=False)
    zone: str | None = None
    shown: str | None = None
    resolved: Callable[[Mapping[str, Any], date | None], Mapping[str, Any]] = lambda given, _today: given
    live: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _given: ()
    declaration: str = ""

    @property
    def plain_arguments(self) -> tuple[Hashable, ...]:
        """The arguments of a request without parameters."""
        return tuple(self.defaults.get(name) for name in self.arguments)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything one application declares, with names that agree with each other.

    :param dashboards: the questions about what is served.
    :param building: names of the views that only a declaration has that waits until they have contents.
    :raises CatalogError: a view or dashboard names something that is not declared, or breaks locality.
    """

    sources: tuple[Source, ...]
    views: tuple[MaintainedView, ...]
    regions: tuple[Region, ...]
    dashboards: tuple[Dashboard, ...]
    served: "ServedApplication"
    building: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        known = {source.name: source for source in self.sources}
        for view in self.views:
            _check_view(view, known)
        regions = {region.name for region in self.regions}
        for dashboard in self.dashboards:
            if dashboard.region not in regions:
                raise CatalogError(f"dashboard {dashboard.name}: region {dashboard.region} is not declared")
            if unknown := dashboard.defaults.keys() - set(dashboard.arguments):
                raise CatalogError(f"dashboard {dashboard.name}: no argument {', '.join(sorted(unknown))}")

    @property
    def declaration(self) -> str:
        """The hash of the installed declaration."""
        return self.served.fingerprint

    def beside(self, other: "Catalog", waits: bool) -> "Catalog":
        """Return this catalog with the sources and views of another declaration that has its objects.

        :param waits: whether the other one waits to be active.
        """
        sources = tuple(it for it in other.sources if it not in self.sources)
        views = tuple(it for it in other.views if it not in self.views)
        building = self.building | {it.name for it in views if waits}
        return replace(self, sources=self.sources + sources, views=self.views + views, building=building)

    def has_view(self, name: str) -> bool:
        """Return whether a view of that name is declared."""
        return any(view.name == name for view in self.views)

    def view(self, name: str) -> MaintainedView:
        """Return the declared view of that name.

        :raises CatalogError: there is none; the message lists the declared ones.
        """
        for view in self.views:
            if view.name == name:
                return view
        raise CatalogError(f"no view {name!r}; there are {', '.join(v.name for v in self.views)}")

    def dashboard(self, name: str) -> Dashboard:
        """Return the declared dashboard of that name.

        :raises CatalogError: there is none.
        """
        for dashboard in self.dashboards:
            if dashboard.name == name:
                return dashboard
        raise CatalogError(f"no dashboard {name!r}; there are {', '.join(d.name for d in self.dashboards)}")


def _check_view(view: MaintainedView, known: Mapping[str, Source]) -> None:
    for name in view.sources:
        if name not in known:
            raise CatalogError(f"view {view.name}: source {name} is not declared")
        if view.day_column is None and known[name].day_column is not None:
            raise CatalogError(
                f"view {view.name} has no day, but its source {name} changes by day: every change "
                "would recompute the user's whole history"
            )
    if not view.unique_key or (view.day_column and view.day_column not in view.unique_key):
        raise CatalogError(f"view {view.name}: the unique key must hold the user key and the day")
    if view.day_column and not view.measures:
        raise CatalogError(f"view {view.name}: a daily view names its measures")
