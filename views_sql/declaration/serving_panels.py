"""From proven dashboards and lists to those that are served.

Invariant: a panel heeds exactly what changes it, and a dashboard depends on every captured source that one of its
panels shows something of, and on no other; so a write to something that it does not show makes nothing stale.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from views_sql.declaration.application import Application
from views_sql.declaration.proven import (
    MeasureOf,
    PanelKind,
    ProvenApplication,
    ProvenDashboard,
    ProvenList,
    ProvenPanel,
    ShownMeasure,
)
from views_sql.declaration.served import (
    ServedDashboard,
    ServedDimension,
    ServedList,
    ServedMeasure,
    ServedPanel,
    ServedView,
)
from views_sql.declaration.shown_columns import ShownColumns, named

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
        declared = named(self.application.dashboards, dashboard.name)
        return ServedDashboard(
            dashboard.name,
            self.number,
            self._zone(dashboard),
            dashboard.longest_days,
            dashboard.region,
            dashboard.ttl_seconds,
            tuple(self._filter(name, dashboard.panels) for name in dashboard.filters),
            tuple(self._panel(it, declared.panels[it.name].label) for it in dashboard.panels),
            tuple(dict.fromkeys(name for panel in dashboard.panels for name in self._sources(panel))),
            declared.label,
        )

    def listed(self, rows: ProvenList) -> ServedList:
        """Return what is served of a list."""
        return ServedList(
            rows.name,
            self.number,
            self.users_zone,
            rows.limit,
            rows.region,
            rows.ttl_seconds,
            tuple(_dimensions(rows)),
            tuple(self._columns.of_list(rows)),
            tuple(dict.fromkeys(self._columns.sources_of_list(rows))),
            named(self.application.lists, rows.name).label,
        )

    @property
    def _columns(self) -> ShownColumns:
        return ShownColumns(self.proven)

    @property
    def users_zone(self) -> str | None:
        """The zone whose days are counted; None: each user's own."""
        return None if self.proven.zone_column else self.proven.zone

    def _zone(self, dashboard: ProvenDashboard) -> str | None:
        """Return the zone whose days its views count, which is one; without any, the one of users."""
        views = (self.views[name] for panel in dashboard.panels for name in panel.views)
        return next((view.zone for view in views if view.daily), self.users_zone)

    def _panel(self, panel: ProvenPanel, label: str | None) -> ServedPanel:
        rows = self._columns.listed(panel)
        has_days = any(self.views[name].daily for name in panel.views)
        heeded = [name for name in _HEEDED[panel.kind] if has_days or name not in ("from", "to")]
        return ServedPanel(
            panel.name,
            panel.kind,
            (*heeded, *panel.filters),
            label,
            tuple(map(self._measure, panel.measures)),
            tuple(self._dimension(name, (panel,)) for name in panel.by),
            tuple(self._columns.of_panel(panel)),
            panel.periods,
            panel.compared_with,
            panel.totals,
            self._measure(panel.sparkline) if panel.sparkline else None,
            panel.order,
            rows.limit if rows else panel.limit,
        )

    def _measure(self, shown: ShownMeasure) -> ServedMeasure:
        measures = [named(self.views[it.view].measures, it.measure) for it in shown.measures]
        if isinstance(shown.value, MeasureOf):
            return replace(measures[0], name=shown.name)
        metric = named(self.application.metrics, shown.name)
        live = any(it.live for it in measures)
        return ServedMeasure(
            shown.name, "metric", "numeric", shown.decimals, metric.unit, metric.label, metric.better, live=live
        )

    def _filter(self, name: str, panels: Iterable[ProvenPanel]) -> ServedDimension:
        return self._dimension(name, (panel for panel in panels if name in panel.filters))

    def _dimension(self, name: str, panels: Iterable[ProvenPanel]) -> ServedDimension:
        """Return a dimension as views and lists of panels have it: it may be NULL where it may be in one of them."""
        found = [it for panel in panels for it in self._dimensions_of(panel) if it.name == name]
        return replace(found[0], nullable=any(it.nullable for it in found))

    def _dimensions_of(self, panel: ProvenPanel) -> Iterator[ServedDimension]:
        for view in panel.views:
            yield from self.views[view].dimensions
        if (rows := self._columns.listed(panel)) is not None:
            yield from _dimensions(rows)

    def _sources(self, panel: ProvenPanel) -> Iterator[str]:
        for name in panel.views:
            yield from self.views[name].sources
        yield from self._columns.sources_of_panel(panel)


def _dimensions(rows: ProvenList) -> Iterator[ServedDimension]:
    return (ServedDimension(name, it.type, it.nullable) for name, it in rows.dimensions.items())
