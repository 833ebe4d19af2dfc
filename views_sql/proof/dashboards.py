"""Dashboards over proven views, labels and lists: what their panels compute, and whether the types of it meet.

Invariant: no database is asked; a view, list or label that has faults of its own adds none here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from views_sql.declaration.answer_names import answer_names
from views_sql.declaration.application import Application
from views_sql.declaration.dashboards import Dashboard, Panel
from views_sql.declaration.formula import parsed
from views_sql.declaration.home import is_made, left_out
from views_sql.declaration.long_texts import longest_bytes, may_be_long
from views_sql.declaration.proven import (
    MeasureOf,
    ProvenDashboard,
    ProvenLabel,
    ProvenList,
    ProvenMeasure,
    ProvenPanel,
    ProvenView,
    ShownMeasure,
    measures_in,
    zone_of,
)
from views_sql.declaration.ranking import ranks
from views_sql.proof.findings import Findings, Place
from views_sql.proof.keys import Users
from views_sql.proof.value_types import kind_of_name

EXACT_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric"})
GROUPS_LIMIT = 100


@dataclass(frozen=True)
class Accepted:
    """What PostgreSQL has accepted, by name."""

    application: Application
    views: dict[str, ProvenView]
    labels: dict[str, ProvenLabel]
    lists: dict[str, ProvenList]
    users: Users

    def shown(self, text: str, name: str) -> ShownMeasure:
        """Return a measure or metric under its name in the answer."""
        if "." in text:
            view, _, measure = text.partition(".")
            return ShownMeasure(name, MeasureOf(view, measure))
        metric = next(it for it in self.application.metrics if it.name == text)
        return ShownMeasure(name, parsed(metric.formula), metric.decimals)

    def measure(self, measure: MeasureOf) -> ProvenMeasure | None:
        """Return a measure of an accepted view."""
        view = self.views.get(measure.view)
        return next((it for it in view.measures if it.name == measure.measure), None) if view else None


def judge_metrics(accepted: Accepted, findings: Findings) -> None:
    """Refuse metrics over measures that are no numbers."""
    for metric in accepted.application.metrics:
        place = findings.at(metric.file, f"metric.{metric.name}") / "formula"
        for measure in dict.fromkeys(measures_in(parsed(metric.formula))):
            _check_number(accepted, measure, place)


def _check_number(accepted: Accepted, measure: MeasureOf, place: Place) -> None:
    of = accepted.measure(measure)
    if of is not None and of.type.partition("(")[0] not in EXACT_NUMBERS:
        place.refuse(f"{measure.view}.{measure.measure} is of type {of.type}, and a number is needed here")


def judge_labels(accepted: Accepted, findings: Findings) -> None:
    """Refuse labels whose keys are of another kind than the dimensions that they label."""
    for dimension in accepted.application.dimensions:
        if (label := accepted.labels.get(dimension.name)) is None:
            continue
        place = findings.at(dimension.file, f"dimension.{dimension.name}") / "key"
        for of, type_name in _types(accepted, dimension.name, accepted.views, accepted.lists):
            if kind_of_name(type_name) != kind_of_name(label.key_type):
                place.refuse(
                    f"it is of type {label.key_type}, and the dimension is of type {type_name} in {of}: equal values "
                    "would not be found; give both the same type"
                )


def _types(
    accepted: Accepted, dimension: str, views: Iterable[str], lists: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield the type that a dimension has in each of some views and lists that have it."""
    for kind, names, known in (("view", views, accepted.views), ("list", lists, accepted.lists)):
        for name in names:
            if (it := known.get(name)) is not None and dimension in it.dimensions:
                yield f"the {kind} {name}", it.dimensions[dimension].type


def judge_dashboard(accepted: Accepted, dashboard: Dashboard, findings: Findings) -> ProvenDashboard:
    """Return a dashboard; what does not meet in it has added faults."""
    place = findings.at(dashboard.file, f"dashboard.{dashboard.name}")
    if is_made(accepted.application) and (left := left_out(accepted.application)):
        place.warn(
            f"it is made of every view, and shows nothing of {', '.join(left[:5])}{' and others' * (len(left) > 5)}: "
            "their names clash there, or there is no room; declare a dashboard to show them"
        )
    panels = tuple(
        _panel(accepted, dashboard, name, panel, place / "panels" / name) for name, panel in dashboard.panels.items()
    )
    for number, name in enumerate(dashboard.filters):
        heeding = [panel for panel in panels if name in panel.filters]
        views = [view for panel in heeding for view in panel.views]
        lists = [panel.listed for panel in heeding if panel.listed is not None]
        _check_types(accepted, name, views, lists, place / f"filters[{number}]")
    _check_zones(accepted, panels, place)
    return ProvenDashboard(
        name=dashboard.name,
        filters=dashboard.filters,
        panels=panels,
        longest_days=dashboard.longest_days,
        region=dashboard.region,
        ttl_seconds=dashboard.ttl_seconds,
    )


def _panel(accepted: Accepted, dashboard: Dashboard, name: str, panel: Panel, place: Place) -> ProvenPanel:
    names = answer_names(panel.measures)
    spark = panel.sparkline
    proven = ProvenPanel(
        name=name,
        kind=panel.kind,
        measures=tuple(accepted.shown(text, called) for text, called in names.items()),
        of=panel.of,
        compared_with=panel.compared_with,
        periods=panel.periods,
        totals=panel.totals,
        by=panel.by,
        sparkline=None if spark is None else accepted.shown(spark, spark.rpartition(".")[2]),
        order=panel.order,
        limit=panel.limit or GROUPS_LIMIT,
        listed=panel.listed,
        filters=() if panel.kind == "facts" else tuple(it for it in dashboard.filters if it not in panel.ignores),
    )
    if proven.sparkline is not None:
        for measure in proven.sparkline.measures:
            _check_number(accepted, measure, place / "sparkline")
    for number, dimension in enumerate(panel.by):
        _check_types(accepted, dimension, proven.views, (), place / f"by[{number}]")
        _warn_of_lengths(accepted, dimension, proven.views, place / f"by[{number}]")
        label = accepted.labels.get(dimension)
        if label is not None and label.all and len(panel.by) > 1:
            (place / f"by[{number}]").warn(
                f"groups by several dimensions are those of rows: that dimension.{dimension} has all = true changes "
                "nothing in this panel"
            )
    return _with_facts(accepted, _with_order(accepted, proven, place) if panel.kind == "groups" else proven)


def _with_order(accepted: Accepted, panel: ProvenPanel, place: Place) -> ProvenPanel:
    """Return a panel of groups with an order that is possible: text, for example, does not rank groups."""
    able = {it.name: _ranks(accepted, it) for it in panel.measures}
    if panel.order is not None and not able.get(name := panel.order.removeprefix("-"), True):
        (place / "order").refuse(f"{name} is neither a number nor a time, by which groups are ordered")
    elif panel.order is None and not able[panel.measures[0].name]:
        return replace(panel, order=next((f"-{name}" for name, ranked in able.items() if ranked), panel.by[0]))
    return panel


def _ranks(accepted: Accepted, shown: ShownMeasure) -> bool:
    """Return whether groups can be ordered by a measure; one of a view with faults of its own can."""
    of = accepted.measure(shown.value) if isinstance(shown.value, MeasureOf) else None
    return of is None or ranks(of.verb, of.type)


def _with_facts(accepted: Accepted, panel: ProvenPanel) -> ProvenPanel:
    """Return a panel of a view's facts with the measures that the view shows."""
    declared = next((it for it in accepted.application.views if it.name == panel.of), None)
    if panel.kind != "facts" or panel.of == "user" or declared is None:
        return panel
    shown = (name for name, measure in declared.measures.items() if not measure.hidden)
    return replace(panel, measures=tuple(ShownMeasure(it, MeasureOf(declared.name, it)) for it in shown))


def _check_types(accepted: Accepted, dimension: str, views: Iterable[str], lists: Iterable[str], place: Place) -> None:
    """Refuse a dimension that has several types in what one panel or filter puts together."""
    (of, first), *others = [*_types(accepted, dimension, views, lists)] or [("", "")]
    for other, type_name in others:
        if type_name != first:
            place.refuse(
                f"{dimension} is of type {first} in {of}, and of type {type_name} in {other}: write it with a cast in "
                "one of them, so that both are the same"
            )
            return


def _warn_of_lengths(accepted: Accepted, dimension: str, views: Iterable[str], place: Place) -> None:
    """Warn where what stands for a long text is not the same in all views of a panel."""
    found = [it for name in views if (it := accepted.views.get(name)) and dimension in it.dimensions]
    if any(may_be_long(it.dimensions[dimension]) for it in found) and len(bytes_ := set(map(longest_bytes, found))) > 1:
        place.warn(
            f"texts of more than {min(bytes_)} bytes are shortened to another length in each of these views, which "
            "have different numbers of text dimensions: such a text is a group for each length"
        )


def _check_zones(accepted: Accepted, panels: Iterable[ProvenPanel], place: Place) -> None:
    """Refuse views whose days are those of several zones."""
    column = accepted.users.zone_column.name if accepted.users.zone_column else None
    first: dict[str | None, str] = {}
    for panel in panels:
        for name in panel.views:
            view = accepted.views.get(name)
            if view is None or view.source.time_column is None:
                continue
            zone = zone_of(view.source, accepted.users.zone, column)
            first.setdefault(zone, name)
            if len(first) > 1:
                (one, of), (two, other) = list(first.items())[:2]
                (place / "panels" / panel.name).refuse(
                    f"{of} has the days of {one or 'each user'}, and {other} those of {two or 'each user'}: today is "
                    "not the same day in both; show them in dashboards of their own"
                )
                return
