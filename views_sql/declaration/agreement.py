"""What the parts of a declaration say about each other: regions that exist, names that do not meet, fields in place.

Invariant: only well-formed values are compared here; what a table alone cannot say is not repeated.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from views_sql.declaration.application import Application, Measure, Region, View
from views_sql.declaration.dashboards import Dashboard, LabelledDimension, Listing
from views_sql.declaration.fault import Fault
from views_sql.declaration.home import home
from views_sql.declaration.panels import MOST_DIMENSIONS, disagreements_of_panels
from views_sql.declaration.references import References
from views_sql.declaration.sentences import dotted

MOST_MEASURES = 50
MOST_SOURCES = 8  # The name of the last one's capture has room for one digit.
DEFAULT_REGION = Region(name="default")


def disagreements(application: Application, names: Mapping[str, frozenset[str]]) -> Iterator[Fault]:
    """Return what is wrong between tables.

    :param application: what of the tables can be used.
    :param names: of the tables of each kind, those included that cannot be used.
    """
    known = References(application, {**names, "region": names["region"] | {DEFAULT_REGION.name}})
    user = application.user
    if user.table is None:
        given = (
            ("key", user.key),
            ("name", user.name),
            ("zone.column", user.zone.column),
            ("facts", user.facts or None),
        )
        for field, value in given:
            if value is not None:
                yield Fault(user.file, f"user.{field}", "it belongs to the table of users, and user.table is missing")
    for view in application.views:
        path = dotted(("view", view.name))
        if view.user is None and user.table is None:
            sentence = "the field is missing: there is no user.table to which a foreign key could lead"
            yield Fault(view.file, f"{path}.user", sentence)
        if fault := known.missing("region", view.region):
            yield Fault(view.file, f"{path}.region", fault)
        for place, sentence in (*_of_view(view), *_of_measures(view)):
            yield Fault(view.file, f"{path}.{place}", sentence)
    yield from _of_names(application)
    yield from disagreements_of_panels(known)


def completed(application: Application) -> Application:
    """Return the application with the region that every declaration has, and with a dashboard."""
    regions, dashboards = application.regions, application.dashboards
    if all(region.name != DEFAULT_REGION.name for region in regions):
        regions = (*regions, DEFAULT_REGION)
    return application.model_copy(update={"regions": regions, "dashboards": dashboards or (home(application),)})


def _of_view(view: View) -> Iterator[tuple[str, str]]:
    if view.time is None:
        for field in ("zone", "stored_zone", "longest_days"):
            if field in view.model_fields_set:
                yield field, "it belongs to days, and the view has no time; declare time, or leave this out"
    yield from _of_select(view)
    if len(view.dimensions) > MOST_DIMENSIONS:
        yield "dimensions", f"a view has at most {MOST_DIMENSIONS} dimensions, and this one has {len(view.dimensions)}"
    if len(view.measures) > MOST_MEASURES:
        yield "measures", f"a view has at most {MOST_MEASURES} measures, and this one has {len(view.measures)}"
    if view.measures and all(measure.hidden for measure in view.measures.values()):
        yield "measures", "all of them are hidden, so no answer would have a figure; show at least one of them"


def _of_select(view: View) -> Iterator[tuple[str, str]]:
    if view.select is not None and view.locality is None:
        yield "locality", 'the field is missing: only the author knows what a SELECT reads; write locality = "asserted"'
    tables = [view.table, *(source.table for source in view.sources)]
    if repeated := sorted({table for table in tables if tables.count(table) > 1}):
        yield "sources", f"{', '.join(repeated)} is named twice; name each table once, and table not among the sources"
    if len(view.sources) > MOST_SOURCES:
        yield "sources", f"a SELECT has at most {MOST_SOURCES} sources, and this one has {len(view.sources)}"
    for place, source in enumerate(view.sources):
        if view.time is None and source.time is not None:
            yield f"sources[{place}].time", "it belongs to days, and the view has no time; leave it out"
    if view.select is None:
        for field in ("sources", "locality"):
            if field in view.model_fields_set:
                yield field, "it belongs to select, and the view has none"


def _of_measures(view: View) -> Iterator[tuple[str, str]]:
    for name in view.measures:
        if name in view.dimensions:
            yield f"measures.{name}", "a dimension of the view has this name too; rename one of them"
    for name, measure in view.measures.items():
        for field, sentence in _of_measure(view, measure):
            yield f"measures.{name}.{field}", sentence


def _of_measure(view: View, measure: Measure) -> Iterator[tuple[str, str]]:
    if measure.verb == "percentile":
        if measure.at is None:
            yield "at", "the field is missing; for example at = 0.95"
        if not measure.live:
            yield "live", "a percentile cannot be added up, so it is never stored: write live = true"
    elif measure.at is not None:
        yield "at", f"it belongs to percentile, and the verb is {measure.verb}"
    if measure.decimals is not None and measure.verb != "avg":
        yield "decimals", f"it belongs to avg, and the verb is {measure.verb}"
    if measure.live and view.time is None:
        yield "live", "a live measure is computed from the rows of some days, and the view has no time"


def _of_names(application: Application) -> Iterator[Fault]:
    """Return names that two relations or functions of the database would have.

    Each kind's objects are called after it, the declaration's number and a word.
    """
    named = [(kind, it.name, it.file) for kind, of in _with_objects(application) for it in of]
    for kind, name, file in named:
        path = f"{kind}.{name}" + ".table" * (kind == "view")
        for other, owner, _ in named:
            if re.fullmatch(rf"{owner}_[0-9]+_[a-z].*", name):
                sentence = f"a {kind} called {name} would meet parts of the {other} {owner}; rename one of them"
                yield Fault(file, path, sentence)
            if re.fullmatch(rf"{owner}_[0-9]+", name):
                sentence = f"{name} is also a name under which the {other} {owner} may be stored; rename one of them"
                yield Fault(file, path, sentence)


def _with_objects(
    application: Application,
) -> list[tuple[str, Sequence[View | Listing | LabelledDimension | Dashboard]]]:
    """Return what has objects of its own in the database, by kind."""
    return [
        ("view", application.views),
        ("list", application.lists),
        ("dimension", application.dimensions),
        ("dashboard", application.dashboards),
    ]
