"""What dashboards, lists, labels and facts an accepted declaration has, in words for a terminal."""

from collections.abc import Iterator

from views_sql.declaration.application import Application
from views_sql.declaration.home import HOME, is_made, together
from views_sql.declaration.proven import ProvenApplication, ProvenDashboard, ProvenLabel, ProvenList, ProvenSource


def shown_lines(application: Application, proven: ProvenApplication) -> Iterator[str]:
    """Yield lines about everything that is shown beside the views themselves."""
    for dashboard in proven.dashboards:
        yield ""
        yield from _dashboard(dashboard, application)
    orders = {listing.name: listing.order for listing in application.lists}
    for listing in proven.lists:
        yield from ("", *_list(listing, orders[listing.name]))
    for label in proven.labels:
        yield from ("", *_label(label))
    if proven.facts:
        names = ", ".join(column.name for column in proven.facts.columns)
        yield from ("", f"facts of a user: {names}", f"  a change of {_watched(proven.facts.source)} counts")


def _dashboard(dashboard: ProvenDashboard, application: Application) -> Iterator[str]:
    yield f"{dashboard.name}: a dashboard of {', '.join(f'{panel.name} ({panel.kind})' for panel in dashboard.panels)}"
    if dashboard.filters:
        yield f"  filtered by {', '.join(dashboard.filters)}"
    if dashboard.name == HOME and is_made(application):
        yield "  made of every view, since no dashboard is declared"
        shown = together(application)
        if out := sorted(view.name for view in application.views if view not in shown):
            yield f"  without {', '.join(out)}, whose days are of another zone"


def _list(listing: ProvenList, order: str) -> Iterator[str]:
    yield f"{listing.name}: a list of {_table(listing.source)} by {listing.source.user_column}, ordered by {order}"
    yield f"  shows {', '.join(name for name, _ in listing.shown)}"
    if listing.dimensions:
        yield f"  filtered by {', '.join(listing.dimensions)}"
    yield f"  a change of {_watched(listing.source)} counts"


def _label(label: ProvenLabel) -> Iterator[str]:
    user = label.source.user_column
    whose = f"to the user in {user} alone" if user else "to everybody"
    names = ", ".join(f"{label.dimension}_{column.name}" for column in label.columns)
    yield f"{label.dimension}: labels {names} of {_table(label.source)}, shown {whose}"
    yield f"  a change of {_watched(label.source)} concerns {'that user' if user else 'every user'}"


def _table(source: ProvenSource) -> str:
    return f"{source.table.schema}.{source.table.name}"


def _watched(source: ProvenSource) -> str:
    return ", ".join(watched.column for watched in source.watched)
