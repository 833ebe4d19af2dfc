"""What the parts of a declaration mean by a name: measures, metrics, views, lists, dimensions and their labels.

Invariant: a name that is declared, but cannot be used, is no fault of those who refer to it: it has faults of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from views_sql.declaration.application import Application, View
from views_sql.declaration.dashboards import LabelledDimension, Listing
from views_sql.declaration.formula import parsed
from views_sql.declaration.proven import measures_in
from views_sql.declaration.words import LONGEST_NAME, nearest, snake

_OF_LABEL = re.compile(r"([a-z][a-z0-9_]*)\.([^.]+)")


@dataclass(frozen=True)
class References:
    """Everything that can be referred to.

    :param names: of all tables of each kind, those included that cannot be used.
    """

    application: Application
    names: Mapping[str, frozenset[str]]

    def view(self, name: str) -> View | None:
        """Return the view of that name, if it can be used."""
        return next((it for it in self.application.views if it.name == name), None)

    def listing(self, name: str) -> Listing | None:
        """Return the list of that name, if it can be used."""
        return next((it for it in self.application.lists if it.name == name), None)

    def missing(self, kind: str, name: str) -> str | None:
        """Return why there is nothing of that name."""
        if name in self.names[kind]:
            return None
        return f"no {kind} has this name; {nearest(name, self.names[kind])}"

    def measure_fault(self, text: str, *, hidden: bool = False) -> str | None:
        """Return why a text is no measure, written ``view.measure``.

        :param hidden: whether it may be a hidden one.
        """
        name, _, measure = text.partition(".")
        if fault := self.missing("view", name):
            return fault
        if (view := self.view(name)) is None:
            return None
        if measure not in view.measures:
            return f"the view {name} has no measure {_short(measure)}; {nearest(measure, view.measures)}"
        if view.measures[measure].hidden and not hidden:
            return f"{text} is hidden: it may stand in the formula of a metric, and is shown nowhere"
        return None

    def shown_fault(self, text: str) -> str | None:
        """Return why a text is neither a measure that may be shown nor a metric."""
        if "." in text:
            return self.measure_fault(text)
        if text in self.names["metric"]:
            return None
        if of := [view.name for view in self.application.views if text in view.measures]:
            return f"a measure is written with its view: {of[0]}.{text}"
        return self.missing("metric", text)

    def formula_fault(self, text: str) -> str | None:
        """Return why a text is no formula over measures."""
        try:
            of = [f"{it.view}.{it.measure}" for it in measures_in(parsed(text))]
        except ValueError as error:
            return str(error)
        return next((fault for it in of if (fault := self.measure_fault(it, hidden=True))), None)

    def views_of(self, text: str) -> Iterator[View]:
        """Yield the views from which a measure or metric is computed, as far as they can be used."""
        metric = next((it for it in self.application.metrics if it.name == text), None)
        names = [text.partition(".")[0]] if "." in text else []
        if metric is not None and self.formula_fault(metric.formula) is None:
            names = [it.view for it in measures_in(parsed(metric.formula))]
        for name in dict.fromkeys(names):
            if (view := self.view(name)) is not None:
                yield view

    def dimensions_of(self, listing: Listing) -> dict[str, str]:
        """Return the dimensions of a list: its own, or those of the views over its table."""
        return dimensions_of(listing, self.application)


def dimensions_of(listing: Listing, application: Application) -> dict[str, str]:
    """Return the dimensions of a list: its own, or those that all views over its table understand alike."""
    if listing.dimensions is not None:
        return dict(listing.dimensions)
    found: dict[str, list[str]] = {}
    for view in sorted(application.views, key=lambda it: it.name):
        if view.select is None and with_schema(view.table) == with_schema(listing.table):
            for name, expression in view.dimensions.items():
                found.setdefault(name, []).append(expression)
    return {name: expressions[0] for name, expressions in found.items() if len(set(expressions)) == 1}


def with_schema(table: str) -> str:
    """Return a table's name with its schema."""
    return table if "." in table else f"public.{table}"


def label_of(text: str, dimensions: frozenset[str]) -> tuple[str, str] | None:
    """Return the dimension and the column for an expression of a list that means a label.

    :param dimensions: the names of all declared ones.
    """
    found = _OF_LABEL.fullmatch(text)
    return (found[1], found[2]) if found and found[1] in dimensions else None


def label_columns(dimension: LabelledDimension) -> dict[str, str]:
    """Return how answers call the columns of a label, by the catalog's spelling; long names by their beginning."""
    names = (it.rpartition(".")[2] for it in dimension.label)
    return {it: snake(it)[:LONGEST_NAME].rstrip("_") for it in names}


def label_names(application: Application, dimension: str) -> list[str]:
    """Return the names of a dimension's label in an answer."""
    declared = (it for it in application.dimensions if it.name == dimension)
    return [f"{it.name}_{column}" for it in declared for column in label_columns(it).values()]


def label_table(dimension: LabelledDimension) -> str:
    """Return the table of a label's first column."""
    return dimension.label[0].rpartition(".")[0]


def _short(name: str) -> str:
    return name if name.isidentifier() and len(name) <= 40 else "of this name"
