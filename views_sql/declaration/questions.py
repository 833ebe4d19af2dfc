"""The questions about what is served, as dashboards of the core: so cache, warming and reads treat them alike.

Invariant: the arguments of a question are in the order in which the generated function takes them, and questions that
mean the same have equal arguments (:func:`canonical`).
"""

from collections.abc import Hashable, Mapping
from datetime import date, timedelta
from typing import Any

from views_sql.declaration.filter_arguments import canonical_filters, filter_arguments
from views_sql.declaration.maintained_view import Dashboard
from views_sql.declaration.panel_questions import dashboard_question, list_question
from views_sql.declaration.served import ServedApplication, ServedView

DEFAULT_LIMIT = 100


def questions(application: ServedApplication) -> tuple[Dashboard, ...]:
    """Return a dashboard of the core for each declared one, each list and each view."""
    declaration = application.fingerprint
    return (
        *(dashboard_question(it, declaration) for it in application.dashboards),
        *(list_question(it, declaration) for it in application.lists),
        *(question(it, declaration) for it in application.views),
    )


def question_name(view: str) -> str:
    """Return the name of the dashboard that stands for questions about a view; no dashboard has a dot in its name."""
    return f"view.{view}"


def question(view: ServedView, declaration: str) -> Dashboard:
    """Return the dashboard that stands for questions about a view of a declaration, which its hash names."""
    sources = frozenset(view.sources if view.users_source is None else (*view.sources, view.users_source))
    return Dashboard(
        question_name(view.name),
        view.region,
        view.ttl_seconds,
        view.function,
        arguments(view),
        sources,
        defaults=canonical(view, {}),
        zone=view.zone,
        shown=view.user_shown,
        resolved=lambda given, today: resolved(view, given, today),
        live=lambda given: live_measures(view, given),
        declaration=declaration,
    )


def arguments(view: ServedView) -> tuple[str, ...]:
    """Return the names of the function's parameters between the user and ``p_base``, as clients spell them."""
    range_, compare = (("from", "to", "granularity"), ("compare",)) if view.daily else ((), ())
    filters = filter_arguments(view.dimensions)
    return (*range_, "group_by", *filters, "measures", "order", "limit", "other", *compare)


def canonical(view: ServedView, given: Mapping[str, Hashable]) -> dict[str, Hashable]:
    """Return the arguments that stand for all questions that mean the same as ``given``, without those that are None.

    Values of lists come in any order. ``limit`` and ``other`` mean nothing where nothing is grouped.
    """
    made = dict(given) | canonical_filters(view.dimensions, given)
    grouped = _in_order([it.name for it in view.dimensions], made.get("group_by"))
    measures = _in_order([it.name for it in view.measures], made.get("measures") or view.shown)
    made["group_by"] = grouped or None
    made["measures"] = None if len(measures) == len(view.measures) else measures
    made["order"] = None if made.get("order") == "period" else made.get("order")
    made["limit"] = (made.get("limit") or DEFAULT_LIMIT) if grouped else None
    made["other"] = made.get("other") or None if grouped else None
    if view.daily:
        made["granularity"] = made.get("granularity") or "day"
    return {name: value for name, value in made.items() if value is not None}


def resolved(view: ServedView, given: Mapping[str, Any], today: date | None) -> dict[str, Any]:
    """Return the parameters of an answer, with the values that the request left open; filters only where given."""
    shown = {name: value for name, value in given.items() if value is not None}
    if view.daily and (last_day := given["to"] or today) is not None:
        days = timedelta(days=view.default_days - 1)
        shown |= {"from": given["from"] or last_day - days, "to": last_day}
    shown["group_by"] = given["group_by"] or ()
    shown["measures"] = given["measures"] or view.shown
    return {name: shown[name] for name in arguments(view) if name in shown}


def live_measures(view: ServedView, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the measures in an answer that were computed from base rows."""
    asked = given["measures"] or view.shown
    return tuple(it.name for it in view.measures if it.live and it.name in asked)


def _in_order(names: list[str], chosen: Any) -> tuple[str, ...]:
    return tuple(name for name in names if name in (chosen or ()))
