"""From a declaration and what PostgreSQL says about it to what is served: views, dashboards and lists.

Invariant: a dashboard depends on every captured source that one of its panels shows something of, and on no other; so a
write to something that it does not show makes nothing stale.
"""

from views_sql.declaration.application import Application, View
from views_sql.declaration.proven import ProvenApplication, ProvenView, zone_of
from views_sql.declaration.served import ServedApplication, ServedDimension, ServedMeasure, ServedView
from views_sql.declaration.serving_panels import Panels


def served(application: Application, proven: ProvenApplication, number: int, fingerprint: str) -> ServedApplication:
    """Return what a declaration serves once it is installed under ``number``."""
    declared = {view.name: view for view in application.views}
    zones = {it.name: zone_of(it.source, proven.zone, proven.zone_column) for it in proven.views}
    views = tuple(_view(declared[it.name], it, zones[it.name], number) for it in proven.views)
    panels = Panels(application, proven, number, {view.name: view for view in views})
    return ServedApplication(
        fingerprint,
        proven.key_kind,
        panels.users_zone,
        views,
        proven.claim,
        tuple(map(panels.dashboard, proven.dashboards)),
        tuple(map(panels.listed, proven.lists)),
        number,
    )


def _view(declared: View, proven: ProvenView, zone: str | None, number: int) -> ServedView:
    words = ("unit", "label", "better", "hidden")
    return ServedView(
        proven.name,
        number,
        proven.source.time_kind is not None,
        zone,
        proven.longest_days,
        proven.region,
        proven.ttl_seconds,
        tuple(source.name for source in proven.sources),
        tuple(ServedDimension(name, it.type, it.nullable) for name, it in proven.dimensions.items()),
        tuple(
            ServedMeasure(
                it.name,
                it.verb,
                it.type,
                it.decimals,
                live=it.live or it.verb == "percentile",
                **{word: getattr(declared.measures[it.name], word) for word in words},
            )
            for it in proven.measures
        ),
    )
