"""From proven dashboards and lists to those that are served.

Invariant: names of measures, columns and sources are those of the answer and of the change log; nothing is looked up
later.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from views_sql.declaration.application import Application
from views_sql.declaration.proven import (
    MeasureOf,
    PanelKind,
    ProvenApplication,
    ProvenDashboard,
    ProvenLabel,
    ProvenList,
    ProvenPanel,
    RowColumn,
    ShownMeasure,
)
from views_sql.declaration.served import (
    ServedColumn,
    ServedDashboard,
    ServedDimension,
    ServedList,
    ServedMeasure,
    ServedPanel,
    ServedView,
)


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_HasName)
_HEEDED: dict[PanelKind, tuple[str, ...]] = {
    "facts": (),
    "compare": ("from", "to"),
    "periods": (),
    "series": ("from", "to", "granularity"),
    "groups": ("from", "to", "order", "limit"),
    "list": (),
}


@dataclass(frozen=True)
class Panels:
    """Makes what is served of the dashboards and lists of one declaration.

    :param number: of the declaration.
    :param views: those served, by name.
    """

    application: Application
    proven: ProvenApplication
    number: int
    views: Mapping[str, ServedView]

    def dashboard(self, dashboard: ProvenDashboard) -> ServedDashboard:
        """Return what is served of a dashboard."""
        declared = _named(self.application.dashboards, dashboard.name)
        panels = tuple(self._panel(it, declared.panels[it.name].label) for it in dashboard.panels)
        return ServedDashboard(
            dashboard.name,
            self.number,
            self._zone(dashboard),
            dashboard.longest_days,
            dashboard.region,
            dashboard.ttl_seconds,
            tuple(self._dimension(name, _heeding(dashboard.panels, name)) for name in dashboard.filters),
            panels,
            tuple(dict.fromkeys(name for panel in dashboard.panels for name in self._sources(panel))),
            declared.label,
        )

    def listed(self, rows: ProvenList) -> ServedList:
        """Return what is served of a list."""
        return ServedList(
            rows.name,
            self.number,
            self._users_zone,
            rows.limit,
            rows.region,
            rows.ttl_seconds,
            tuple(ServedDimension(name, it.type, it.nullable) for name, it in rows.dimensions.items()),
            tuple(self._columns_of(rows)),
            tuple(dict.fromkeys(self._sources_of(rows))),
            _named(self.application.lists, rows.name).label,
        )

    @property
    def _users_zone(self) -> str | None:
        return None if self.proven.zone_column else self.proven.zone

    def _zone(self, dashboard: ProvenDashboard) -> str | None:
        """Return the zone whose days its views count, which is one; without any, the one of users."""
        views = (self.views[name] for panel in dashboard.panels for name in panel.views)
        return next((view.zone for view in views if view.daily), self._users_zone)

    def _panel(self, panel: ProvenPanel, label: str | None) -> ServedPanel:
        rows = self._list(panel)
        heeded = [name for name in _HEEDED[panel.kind] if name not in ("from", "to") or self._has_days(panel)]
        return ServedPanel(
            panel.name,
            panel.kind,
            (*heeded, *panel.filters),
            label,
            tuple(map(self._measure, panel.measures)),
            tuple(self._dimension(name, (panel,)) for name in panel.by),
            tuple(self._columns(panel)),
            panel.periods,
            panel.compared_with,
            panel.totals,
            self._measure(panel.sparkline) if panel.sparkline else None,
            panel.order,
            rows.limit if rows else panel.limit,
        )

    def _has_days(self, panel: ProvenPanel) -> bool:
        return any(self.views[name].daily for name in panel.views)

    def _measure(self, shown: ShownMeasure) -> ServedMeasure:
        measures = [self._measure_of(it) for it in shown.measures]
        if isinstance(shown.value, MeasureOf):
            return replace(measures[0], name=shown.name)
        metric = _named(self.application.metrics, shown.name)
        words = {word: getattr(metric, word) for word in ("unit", "label", "better")}
        live = any(it.live for it in measures)
        return ServedMeasure(shown.name, "metric", "numeric", shown.decimals, live=live, **words)

    def _measure_of(self, value: MeasureOf) -> ServedMeasure:
        return _named(self.views[value.view].measures, value.measure)

    def _dimension(self, name: str, panels: Iterable[ProvenPanel]) -> ServedDimension:
        """Return a dimension as views and lists of panels have it: it may be NULL where it may be in one of them."""
        panels = tuple(panels)
        found = [it for panel in panels for view in panel.views for it in self.views[view].dimensions]
        lists = [rows for panel in panels if (rows := self._list(panel))]
        found += [ServedDimension(key, it.type, it.nullable) for rows in lists for key, it in rows.dimensions.items()]
        alike = [it for it in found if it.name == name]
        return ServedDimension(name, alike[0].type, any(it.nullable for it in alike))

    def _columns(self, panel: ProvenPanel) -> Iterator[ServedColumn]:
        if rows := self._list(panel):
            yield from self._columns_of(rows)
        elif panel.kind == "facts" and panel.of == "user" and self.proven.facts:
            yield from (_column(it.name, it) for it in self.proven.facts.columns)
        for name in panel.by:
            for label in self._labels((name,)):
                for it in label.columns:
                    yield ServedColumn(f"{name}_{it.name}", it.type, nullable=True)  # NULL where it has no row.

    def _columns_of(self, rows: ProvenList) -> Iterator[ServedColumn]:
        own = {it.name: it for it in rows.columns}
        for name, value in rows.shown:
            dimension, dot, column = value.partition(".")
            if not dot:
                yield _column(name, own[value])
                continue
            for label in self._labels((dimension,)):
                found = _named(label.columns, column)
                yield ServedColumn(name, found.type, nullable=True)

    def _list(self, panel: ProvenPanel) -> ProvenList | None:
        return _named(self.proven.lists, panel.listed) if panel.listed else None

    def _labels(self, dimensions: Iterable[str]) -> Iterator[ProvenLabel]:
        return (it for name in dimensions for it in self.proven.labels if it.dimension == name)

    def _sources(self, panel: ProvenPanel) -> Iterator[str]:
        for name in panel.views:
            yield from self.views[name].sources
        if rows := self._list(panel):
            yield from self._sources_of(rows)
        if panel.of == "user" and self.proven.facts:
            yield self.proven.facts.source.name
        yield from (label.source.name for label in self._labels(panel.by))

    def _sources_of(self, rows: ProvenList) -> Iterator[str]:
        yield rows.source.name
        shown = (value.partition(".")[0] for _, value in rows.shown if "." in value)
        yield from (label.source.name for label in self._labels(shown))


def _heeding(panels: Iterable[ProvenPanel], filter_: str) -> tuple[ProvenPanel, ...]:
    return tuple(panel for panel in panels if filter_ in panel.filters)


def _named(among: Iterable[Named], name: str) -> Named:
    return next(it for it in among if it.name == name)


def _column(name: str, column: RowColumn) -> ServedColumn:
    return ServedColumn(name, column.type, column.nullable)
