"""What dashboards, panels, lists, labels and metrics say about views and about each other.

Invariant: only well-formed values are compared here; what needs a column's type is for :mod:`views_sql.proof` to judge.
"""

from collections.abc import Iterable, Iterator

from views_sql.declaration.answer_names import answer_names, unusable
from views_sql.declaration.application import View
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing, Panel
from views_sql.declaration.fault import Fault
from views_sql.declaration.references import References, label_columns, label_names, label_of, label_table, with_schema
from views_sql.declaration.sentences import dotted
from views_sql.declaration.words import name as checked_name
from views_sql.declaration.words import nearest

MOST_DIMENSIONS = 8  # Of a view: its key has up to two columns a dimension, and an index at most 32 columns.
MOST_PANELS = 60
MOST_SHOWN = 50
FIELDS = {  # Of each kind of panel, by what they are for.
    "facts": ("of",),
    "compare": ("measures", "compared_with"),
    "periods": ("periods", "measures"),
    "series": ("measures", "totals"),
    "groups": ("by", "measures", "sparkline", "order", "limit"),
    "list": ("listed",),
}
OPTIONAL = ("totals", "sparkline", "order", "limit")
DAILY = ("compare", "periods", "series")
EVERY_KIND = ("kind", "ignores", "label")
Found = Iterator[tuple[str, str]]


def disagreements_of_panels(known: References) -> Iterator[Fault]:
    """Return what is wrong between dashboards, lists, labels, metrics and the views."""
    of = known.application
    for dimension in of.dimensions:
        yield from _faults(dimension.file, ("dimension", dimension.name), _of_label(dimension, known))
    for metric in of.metrics:
        if fault := known.formula_fault(metric.formula):
            yield from _faults(metric.file, ("metric", metric.name), iter([("formula", fault)]))
    for listing in of.lists:
        yield from _faults(listing.file, ("list", listing.name), _of_list(listing, known))
    for dashboard in of.dashboards:
        yield from _faults(dashboard.file, ("dashboard", dashboard.name), _of_dashboard(dashboard, known))


def _faults(file: str, path: tuple[str, str], found: Found) -> Iterator[Fault]:
    for place, sentence in found:
        yield Fault(file, f"{dotted(path)}.{place}" if place else dotted(path), sentence)


def _of_label(dimension: LabelledDimension, known: References) -> Found:
    views = {name for view in known.application.views for name in view.dimensions}
    used = views.union(*(known.dimensions_of(it) for it in known.application.lists))
    if dimension.name not in used:
        yield "", f"no view and no list has a dimension of this name; {nearest(dimension.name, used)}"
    if not dimension.label:
        yield "label", 'it is empty; for example label = ["public.Product.name"]'
    for place, column in enumerate(dimension.label):
        table, _, name = column.rpartition(".")
        if not table or not name:
            yield f"label[{place}]", 'expected a column with its table, such as "public.Product.name"'
        elif with_schema(table) != with_schema(label_table(dimension)):
            first = label_table(dimension)
            yield f"label[{place}]", f"all columns of a label are of one table, and the first is of {first}"
        elif sentence := _no_name(label_columns(dimension)[name]):
            yield f"label[{place}]", sentence
    yield from _repeated("label", [label_columns(dimension)[it.rpartition(".")[2]] for it in dimension.label])
    if dimension.shared:
        for field in ("user", "all"):
            if field in dimension.model_fields_set:
                yield field, "it is about the rows of one user, and shared = true shows those of everybody"


def _no_name(text: str) -> str | None:
    try:
        checked_name(f"x_{text}"[:40])
    except ValueError:
        text = ""
    if text:
        return None
    return "answers call a column in a to z, 0 to 9 and _, and nothing is left of this one; show it under another name"


def _of_list(listing: Listing, known: References) -> Found:
    dimensions = known.dimensions_of(listing)
    if known.application.user.table is None and listing.user is None:
        yield "user", "the field is missing: there is no user.table to which a foreign key could lead"
    if not listing.columns:
        yield "columns", 'it is empty; for example columns = { at = "createdAt" }'
    if len(listing.columns) > MOST_SHOWN:
        yield "columns", f"a list shows at most {MOST_SHOWN} columns, and this one has {len(listing.columns)}"
    if len(dimensions) > MOST_DIMENSIONS:
        yield (
            "dimensions",
            f"a list has at most {MOST_DIMENSIONS} dimensions, and this one has {len(dimensions)}; name some",
        )
    for name, text in listing.columns.items():
        if (label := label_of(text, known.names["dimension"])) and (fault := _label_fault(*label, dimensions, known)):
            yield f"columns.{name}", fault
    if fault := known.missing("region", listing.region):
        yield "region", fault


def _label_fault(dimension: str, column: str, of: Iterable[str], known: References) -> str | None:
    if dimension not in of:
        return f"the list has no dimension {dimension}, whose label this is; declare it in dimensions"
    declared = next((it for it in known.application.dimensions if it.name == dimension), None)
    if declared is None or column in (columns := label_columns(declared)):
        return None
    return f"the label of {dimension} has no column of this name; there are {', '.join(sorted(columns))}"


def _of_dashboard(dashboard: Dashboard, known: References) -> Found:
    if fault := known.missing("region", dashboard.region):
        yield "region", fault
    if len(dashboard.panels) > MOST_PANELS:
        yield "panels", f"a dashboard has at most {MOST_PANELS} panels, and this one has {len(dashboard.panels)}"
    if len(dashboard.filters) > MOST_DIMENSIONS:
        yield "filters", f"a dashboard has at most {MOST_DIMENSIONS} filters, and this one has {len(dashboard.filters)}"
    yield from _repeated("filters", dashboard.filters)
    there = {name for view in known.application.views for name in view.dimensions}
    there = there.union(*(known.dimensions_of(it) for it in known.application.lists))
    for place, name in enumerate(dashboard.filters):
        if name not in there:
            yield f"filters[{place}]", f"no view has a dimension of this name; {nearest(name, there)}"
        elif dashboard.panels and all(it.kind == "facts" or name in it.ignores for it in dashboard.panels.values()):
            yield f"filters[{place}]", "no panel heeds it; leave it out"
    for name, panel in dashboard.panels.items():
        for inside, sentence in _of_panel(panel, [it for it in dashboard.filters if it in there], dashboard, known):
            yield f"panels.{name}{'.' * bool(inside)}{inside}", sentence


def _of_panel(panel: Panel, filters: list[str], dashboard: Dashboard, known: References) -> Found:
    spelled = {field: spelling for spelling, field in Panel.fields_in_file().items()}
    for field, spelling in spelled.items():
        fits, given = field in FIELDS[panel.kind], field in panel.model_fields_set
        if given and not fits and field not in EVERY_KIND:
            kinds = [kind for kind, fields in FIELDS.items() if field in fields]
            yield spelling, f"it belongs to panels of the kind {_or(kinds)}, and this one is {panel.kind}"
        elif fits and field not in OPTIONAL and not getattr(panel, field):
            yield spelling, f"the field is missing; for example {spelling} = {Panel.model_fields[field].examples[0]}"  # type: ignore[index]
    for place, name in enumerate(panel.ignores):
        if name not in dashboard.filters:
            yield f"ignores[{place}]", f"the dashboard has no filter of this name; {nearest(name, dashboard.filters)}"
    heeded = [it for it in filters if it not in panel.ignores]
    if panel.kind == "facts":
        yield from _of_facts(panel, known)
    elif panel.kind == "list":
        yield from _of_listed(panel, heeded, known)
    else:
        yield from _of_figures(panel, heeded, known)


def _of_facts(panel: Panel, known: References) -> Found:
    if panel.of == "user":
        if not known.application.user.facts:
            yield "of", '[user] declares no facts; for example facts = { plan = "plan" }'
    elif panel.of is not None and (fault := known.missing("view", panel.of)):
        yield "of", fault
    elif panel.of is not None and (view := known.view(panel.of)) and (view.time is not None or view.dimensions):
        yield "of", f"the view {view.name} has days or dimensions, and facts are one row a user"


def _of_listed(panel: Panel, heeded: list[str], known: References) -> Found:
    if panel.listed is None:
        return
    if fault := known.missing("list", panel.listed):
        yield "list", fault
    elif listing := known.listing(panel.listed):
        for name in heeded:
            if name not in known.dimensions_of(listing):
                yield "", _no_filter(f"list {listing.name}", name)


def _of_figures(panel: Panel, heeded: list[str], known: References) -> Found:
    """Return what is wrong with a panel of measures."""
    if len(panel.measures) > MOST_SHOWN:
        yield "measures", f"a panel has at most {MOST_SHOWN} measures, and this one has {len(panel.measures)}"
    shown = [(f"measures[{place}]", text) for place, text in enumerate(panel.measures)]
    shown += [("sparkline", panel.sparkline)] if panel.sparkline is not None and panel.kind == "groups" else []
    views: dict[str, View] = {}
    for place, text in shown:
        if fault := known.shown_fault(text):
            yield place, fault
            continue
        of = {view.name: view for view in known.views_of(text)}
        views |= of
        for view in of.values():
            if view.time is None and (panel.kind in DAILY or place == "sparkline"):
                yield place, f"the view {view.name} has no time, so it has no figure of some days"
    yield from _repeated("measures", panel.measures)
    yield from _repeated("periods", panel.periods)
    names = list(answer_names(panel.measures).values())
    yield from _of_groups(panel, names, views, known) if panel.kind == "groups" else _in_the_answer(names)
    for view in views.values():
        for name in heeded:
            if name not in view.dimensions:
                yield "", _no_filter(f"view {view.name}", name)


def _no_filter(of: str, name: str) -> str:
    way_out = f'declare it there, or add ignores = ["{name}"]'
    return f"the {of} has no dimension {name}, by which the dashboard filters; {way_out}"


def _of_groups(panel: Panel, names: list[str], views: dict[str, View], known: References) -> Found:
    if len(panel.by) > MOST_DIMENSIONS:
        yield "by", f"at most {MOST_DIMENSIONS} dimensions are possible, and these are {len(panel.by)}"
    yield from _repeated("by", panel.by)
    for place, name in enumerate(panel.by):
        for view in views.values():
            if name not in view.dimensions:
                yield (
                    f"by[{place}]",
                    f"the view {view.name} has no dimension of this name; {nearest(name, view.dimensions)}",
                )
    labels = [name for by in dict.fromkeys(panel.by) for name in label_names(known.application, by)]
    yield from _in_the_answer([*dict.fromkeys(panel.by), *labels, *names])
    if panel.order is not None and (by := panel.order.removeprefix("-")) not in (*panel.by, *names):
        yield "order", f"it is neither a dimension nor a measure of the panel; {nearest(by, [*panel.by, *names])}"


def _in_the_answer(names: list[str]) -> Found:
    for _, sentence in unusable(names):
        yield "measures", f"{sentence}; rename a measure, view or dimension"


def _repeated(field: str, names: Iterable[str]) -> Found:
    names = list(names)
    for name in dict.fromkeys(it for it in names if names.count(it) > 1):
        yield field, f"{name[:60]} is named twice"


def _or(kinds: list[str]) -> str:
    return " or ".join([", ".join(kinds[:-1]), kinds[-1]]) if len(kinds) > 1 else kinds[0]
