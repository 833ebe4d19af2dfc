"""The dashboard ``home`` of an application that declares none: everything that its views count.

Invariant: it is made of declared values alone, tables in the order of their names, so that equal declarations have
equal ones.
"""

from collections.abc import Iterable, Iterator, Sequence

from views_sql.declaration.answer_names import answer_names, unusable
from views_sql.declaration.application import Application, View
from views_sql.declaration.dashboards import Dashboard, Panel
from views_sql.declaration.panels import MOST_PANELS, MOST_SHOWN
from views_sql.declaration.references import label_names
from views_sql.declaration.words import LONGEST_NAME, RESERVED

HOME = "home"


def home(application: Application) -> Dashboard:
    """Return the dashboard."""
    panels: dict[str, Panel] = {}
    for name, panel in _panels(application):
        if len(panels) < MOST_PANELS:
            panels[_free(name, panels)] = panel
    return Dashboard(name=HOME, panels=panels)


def is_made(application: Application) -> bool:
    """Return whether the application's dashboards are this one, since it declares none."""
    return application.dashboards == (home(application),)


def left_out(application: Application) -> list[str]:
    """Return the measures of views that go together which it shows nowhere: names clash there, or there is no room.

    Hidden ones are none of them, and no live ones of views that have others.
    """
    panels = home(application).panels.values()
    shown = {measure for panel in panels for measure in panel.measures}
    facts = {panel.of for panel in panels if panel.kind == "facts"}
    views = [view for view in together(application) if view.name not in facts]
    return sorted(it for view in views for it in _shown(view) if it not in shown)


def _panels(application: Application) -> Iterator[tuple[str, Panel]]:
    views = together(application)
    if application.user.facts:
        yield "user", Panel(kind="facts", of="user")
    if daily := _measures(view for view in views if view.time is not None):
        yield "glance", Panel(kind="compare", measures=daily, compared_with="previous_period")
        yield "daily", Panel(kind="series", measures=daily)
    dimensions = [name for view in views for name in view.dimensions]
    for view in views:
        if view.time is None and not view.dimensions:
            yield view.name, Panel(kind="facts", of=view.name)
        for name in view.dimensions:
            called = name if dimensions.count(name) == 1 else f"{view.name}_{name}"
            measures = _measures([view], beside=(name, *label_names(application, name)))
            yield called, Panel(kind="groups", by=(name,), measures=measures)
    for listing in sorted(application.lists, key=lambda it: it.name):
        yield listing.name, Panel(kind="list", listed=listing.name)


def together(application: Application) -> list[View]:
    """Return the views that one dashboard can show: those whose days are of one zone, that of ``[user]`` if any is."""
    zone, views = application.user.zone, sorted(application.views, key=lambda it: it.name)
    own = [view for view in views if view.zone is None or (zone.column is None and view.zone == zone.default)]
    daily = [view for view in own if view.time is not None]
    first = next((view for view in views if view.time is not None), None)
    if daily or first is None:
        return own
    return [view for view in views if view.time is None or view.zone == first.zone]


def _measures(views: Iterable[View], beside: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the measures of views that fit into one panel; live ones only of a view that has no other.

    :param beside: what else the answer names.
    """
    found: list[str] = []
    for view in views:
        found += _shown(view)
    names = answer_names(found)
    bad = {name for name, _ in unusable([*beside, *names.values()])}
    return tuple(it for it in found if names[it] not in bad)[:MOST_SHOWN]


def _shown(view: View) -> list[str]:
    """Return the measures of a view that are shown if there is room."""
    shown = {name: measure for name, measure in view.measures.items() if not measure.hidden}
    stored = [name for name, measure in shown.items() if not measure.live]
    return [f"{view.name}.{name}" for name in stored or shown]


def _free(name: str, taken: Iterable[str]) -> str:
    """Return a name that no other panel has."""
    taken, number, called = {*taken, *RESERVED}, 1, name[:LONGEST_NAME]
    while called in taken:
        number += 1
        called = f"{name[: LONGEST_NAME - 4]}_{number}"
    return called
