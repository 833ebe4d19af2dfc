"""The parameters of questions about declared dashboards and lists: what some panel heeds, filters, and whose data.

Invariant: questions that mean the same become equal arguments.
"""

from collections.abc import Iterator
from functools import lru_cache

from views_sql.declaration.panel_questions import canonical_of_dashboard, canonical_of_list
from views_sql.declaration.served import ServedDashboard, ServedList
from web.http.question_parameters import (
    USER,
    Question,
    QuestionParameter,
    choice,
    days,
    either_way,
    faults_of_range,
    filters,
    granularity,
    limit,
    parse_values,
)

GRANULARITIES = ("day", "week", "month", "quarter", "year")


def parse_dashboard_question(dashboard: ServedDashboard, query: bytes) -> Question:
    """Return the question in a request's query.

    :raises Problem: 422, with every fault.
    """
    known = parameters_of_dashboard(dashboard)
    values = parse_values(known, query, lambda given, _faulty: faults_of_range(dashboard, given))
    user = values.pop("user_id", None)
    return Question(user, canonical_of_dashboard(dashboard, values))


def parse_list_question(rows: ServedList, query: bytes) -> Question:
    """Return the question in a request's query.

    :raises Problem: 422, with every fault.
    """
    values = parse_values(parameters_of_list(rows), query, lambda _given, _faulty: ())
    user = values.pop("user_id", None)
    return Question(user, canonical_of_list(rows, values))


@lru_cache(1_024)
def parameters_of_dashboard(dashboard: ServedDashboard) -> dict[str, QuestionParameter]:
    """Return the parameters by name, in the order in which they are documented."""
    return {it.name: it for it in (*_of_panels(dashboard), *filters(dashboard.filters), USER)}


@lru_cache(1_024)
def parameters_of_list(rows: ServedList) -> dict[str, QuestionParameter]:
    """Return the same of a list."""
    at_most = limit(f"The most rows. Default: {rows.limit}.")
    return {it.name: it for it in (at_most, *filters(rows.filters), USER)}


def _of_panels(dashboard: ServedDashboard) -> Iterator[QuestionParameter]:
    if dashboard.heeds("from"):
        yield from days(dashboard)
    if dashboard.heeds("granularity"):
        yield granularity(GRANULARITIES)
    if not dashboard.groups:
        return
    names = dict.fromkeys(name for panel in dashboard.groups for name in panel.orders)
    text = "A dimension or measure of groups, `-` before it: descending. Panels without it keep their own order."
    yield choice("order", either_way(names), text)
    own = {panel.limit for panel in dashboard.groups}
    default = str(own.pop()) if len(own) == 1 else "each panel's own"
    yield limit(f"The most groups of each panel that has groups. Default: {default}.")
