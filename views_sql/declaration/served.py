"""What an installed declaration serves: its views as the endpoints, their documentation and the pages need them.

Invariant: a name in it that stands in a statement, that of a view's function, has passed a pattern.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from models.errors import CatalogError
from views_sql.declaration.proven import KeyKind, PanelKind
from views_sql.declaration.ranking import ranks

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")
LONGEST_USER_NAME = 200  # Characters of the name that answers show; each entry of the cache keeps one.
DEFAULT_DAYS = 30  # The range of a request that names no day, where the view may be asked for as many.


@dataclass(frozen=True, slots=True)
class ServedDimension:
    """A dimension; ``type`` is PostgreSQL's, as ``format_type`` prints it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class ServedMeasure:
    """A measure, and what pages show beside its figures.

    :param type: of its argument.
    """

    name: str
    verb: str
    type: str
    decimals: int | None = None
    unit: str | None = None
    label: str | None = None
    better: str | None = None
    hidden: bool = False
    live: bool = False

    @property
    def ranks(self) -> bool:
        """Whether groups and rows can be ordered by it."""
        return ranks(self.verb, self.type)


class _Numbered:
    """What may be asked, with the number of the declaration that made it."""

    __slots__ = ()
    number: int

    @property
    def user_shown(self) -> str:
        """The function that says what answers show of their user."""
        return f"frontview.user_{self.number}_shown"


@dataclass(frozen=True, slots=True)
class ServedView(_Numbered):
    """A view that may be asked.

    :param daily: whether its rows have days.
    :param zone: the zone whose days are counted; None: each user's own.
    :param sources: the captured sources that its answers depend on.
    :param users_source: the one that says whether a user exists; None without a table of users.
    """

    name: str
    number: int
    daily: bool
    zone: str | None
    longest_days: int
    region: str
    ttl_seconds: int
    sources: tuple[str, ...]
    dimensions: tuple[ServedDimension, ...]
    measures: tuple[ServedMeasure, ...]
    users_source: str | None = None

    @property
    def function(self) -> str:
        """The function that answers questions about it."""
        return f"frontview.{self.name}_{self.number}_read"

    @property
    def shown(self) -> tuple[str, ...]:
        """The measures that are not hidden."""
        return tuple(measure.name for measure in self.measures if not measure.hidden)

    @property
    def ranking(self) -> tuple[str, ...]:
        """The shown measures that answers can be ordered by."""
        return tuple(measure.name for measure in self.measures if measure.ranks and not measure.hidden)

    @property
    def default_days(self) -> int:
        """How many days a request without ``from`` asks for."""
        return min(DEFAULT_DAYS, self.longest_days)


@dataclass(frozen=True, slots=True)
class ServedColumn:
    """A column of a list, of facts or of a label; ``type`` is PostgreSQL's, as ``format_type`` prints it."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class ServedPanel:
    """A panel of a dashboard, as its documentation and the pages need it.

    :param heeds: names of parameters, filters included.
    :param measures: under their names in the answer; a metric has the verb ``metric``.
    :param dimensions: of groups, in the order of their columns.
    :param columns: of facts or of a list; of groups those of labels, as ``<dimension>_<column>``.
    """

    name: str
    kind: PanelKind
    heeds: tuple[str, ...]
    label: str | None = None
    measures: tuple[ServedMeasure, ...] = ()
    dimensions: tuple[ServedDimension, ...] = ()
    columns: tuple[ServedColumn, ...] = ()
    periods: tuple[str, ...] = ()
    compared_with: str | None = None
    totals: bool = False
    sparkline: ServedMeasure | None = None
    order: str | None = None
    limit: int = 100

    @property
    def figures(self) -> tuple[ServedMeasure, ...]:
        """The measures whose values are in the answer, that of a sparkline included."""
        return (*self.measures, *((self.sparkline,) if self.sparkline else ()))

    @property
    def orders(self) -> tuple[str, ...]:
        """Of groups: what they can be ordered by."""
        return (*(it.name for it in self.dimensions), *(it.name for it in self.measures if it.ranks))

    @property
    def own_order(self) -> str | None:
        """Of groups: how they are ordered where a request does not say."""
        return self.order or (f"-{self.measures[0].name}" if self.measures else None)


@dataclass(frozen=True, slots=True)
class ServedDashboard(_Numbered):
    """A dashboard that may be asked.

    :param filters: dimensions; a request may give values of each.
    :param sources: the captured sources that its answer depends on.
    :param zone: the zone whose days are counted; None: each user's own.
    """

    name: str
    number: int
    zone: str | None
    longest_days: int
    region: str
    ttl_seconds: int
    filters: tuple[ServedDimension, ...]
    panels: tuple[ServedPanel, ...]
    sources: tuple[str, ...]
    label: str | None = None
    users_source: str | None = None

    @property
    def function(self) -> str:
        """The function that answers it."""
        return f"frontview.{self.name}_{self.number}_dashboard"

    @property
    def groups(self) -> tuple[ServedPanel, ...]:
        """The panels of groups."""
        return tuple(panel for panel in self.panels if panel.kind == "groups")

    @property
    def default_days(self) -> int:
        """How many days a request without ``from`` asks for."""
        return min(DEFAULT_DAYS, self.longest_days)

    def heeds(self, parameter: str) -> bool:
        """Return whether some panel heeds a parameter."""
        return any(parameter in panel.heeds for panel in self.panels)


@dataclass(frozen=True, slots=True)
class ServedList(_Numbered):
    """A list that may be asked for itself.

    :param filters: the dimensions that its table has.
    """

    name: str
    number: int
    zone: str | None
    limit: int
    region: str
    ttl_seconds: int
    filters: tuple[ServedDimension, ...]
    columns: tuple[ServedColumn, ...]
    sources: tuple[str, ...]
    label: str | None = None
    users_source: str | None = None

    @property
    def function(self) -> str:
        """The function that answers it."""
        return f"frontview.{self.name}_{self.number}_list"


@dataclass(frozen=True, slots=True)
class ServedApplication:
    """Everything that an installed declaration serves; ``fingerprint`` names the declaration.

    :param zone: whose days are counted; None: each user's own.
    :param number: that under which the declaration is installed; 0: under none.
    :param claim: the claim of a token that holds the user's key, as a dotted path.
    :raises CatalogError: a name is none.
    """

    fingerprint: str
    key_kind: KeyKind
    zone: str | None
    views: tuple[ServedView, ...]
    claim: str = "sub"
    dashboards: tuple[ServedDashboard, ...] = ()
    lists: tuple[ServedList, ...] = ()
    number: int = 0

    def __post_init__(self) -> None:
        for name in self._names():
            if not _NAME.fullmatch(name):
                raise CatalogError(f"{name!r} is no name of a dashboard, list, view, dimension or measure")

    def _names(self) -> Iterator[str]:
        for view in self.views:
            yield from (view.name, *(it.name for it in view.dimensions), *(it.name for it in view.measures))
        for dashboard in self.dashboards:
            yield from (dashboard.name, *(it.name for it in dashboard.filters))
        for rows in self.lists:
            yield from (rows.name, *(it.name for it in rows.filters))

    def view(self, name: str) -> ServedView | None:
        """Return the view of that name, or None."""
        return next((view for view in self.views if view.name == name), None)
