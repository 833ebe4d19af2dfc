"""The parameters of a question about a declared view, made from what the view serves.

Invariant: questions that mean the same become equal arguments.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from views_sql.declaration.questions import DEFAULT_LIMIT, canonical
from views_sql.declaration.served import ServedView
from web.http.filter_values import parse_flag
from web.http.problems import Fault
from web.http.question_parameters import (
    FLAG,
    USER,
    Question,
    QuestionParameter,
    choice,
    days,
    either_way,
    fault,
    faults_of_range,
    filters,
    granularity,
    limit,
    parse_values,
)

GRANULARITIES = ("total", "day", "week", "month", "quarter", "year")
COMPARISONS = ("previous_period", "previous_year")


def parse_question(view: ServedView, query: bytes) -> Question:
    """Return the question in a request's query.

    :raises Problem: 422, with every fault.
    """
    values = parse_values(parameters_of(view), query, lambda given, faulty: _disagreements(view, given, faulty))
    user = values.pop("user_id", None)
    return Question(user, canonical(view, values))


@lru_cache(1_024)
def parameters_of(view: ServedView) -> dict[str, QuestionParameter]:
    """Return the parameters of questions about a view, by name, in the order in which they are documented."""
    of_days = _of_days(view) if view.daily else ()
    return {it.name: it for it in (*of_days, *_of_groups(view), *filters(view.dimensions), USER)}


def _of_days(view: ServedView) -> Iterator[QuestionParameter]:
    yield from days(view)
    yield granularity(GRANULARITIES)
    text = "Each row and the totals also have `previous` and `change`, the share by which they differ."
    yield choice("compare", COMPARISONS, text)


def _of_groups(view: ServedView) -> Iterator[QuestionParameter]:
    if view.dimensions:
        text = "Dimensions of the rows, separated by commas. Default: none."
        yield choice("group_by", [it.name for it in view.dimensions], text, "commas")
    yield choice("measures", view.shown, "Measures, separated by commas. Default: all.", "commas")
    names = [*(["period"] if view.daily else []), *(it.name for it in view.dimensions), *view.ranking]
    text = "`period`, a dimension of the rows or a measure of the answer; `-` before it: descending."
    if names:
        yield choice("order", either_way(names), text)
    yield limit(f"The most groups. Default: {DEFAULT_LIMIT}.")
    yield QuestionParameter("other", parse_flag, "`true`: one more group, `other`, has the rest.", FLAG)


def _disagreements(view: ServedView, values: Mapping[str, Any], faulty: set[str]) -> Iterator[Fault]:
    """Yield what is wrong with parameters that are well-formed each, but do not fit each other."""
    yield from faults_of_range(view, values)
    if "order" not in values or faulty & {"group_by", "measures"}:
        return
    measures = [it for it in values.get("measures", view.shown) if it in view.ranking]
    able = [*(["period"] if view.daily else []), *values.get("group_by", ()), *measures]
    if values["order"].removeprefix("-") not in able:
        yield fault("order", f"the answer can be ordered by {', '.join(able)}")
