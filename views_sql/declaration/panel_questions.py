"""The questions about served dashboards and lists, as dashboards of the core: a dashboard under its own name, a list as
``list.<name>``.

Invariant: as in :mod:`views_sql.declaration.questions`. The days that an answer shows are resolved from the user's day
in the statement that computed it, so what a request left open means the same in data and parameters.
"""

from collections.abc import Hashable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from views_sql.declaration.filter_arguments import canonical_filters, filter_arguments
from views_sql.declaration.maintained_view import Dashboard
from views_sql.declaration.served import ServedDashboard, ServedList, ServedPanel

GRANULARITY = "day"


def list_name(name: str) -> str:
    """Return the name of the core's dashboard that stands for questions about a list."""
    return f"list.{name}"


def dashboard_question(asked: ServedDashboard, declaration: str) -> Dashboard:
    """Return the core's dashboard of a declared one."""
    return Dashboard(
        asked.name,
        asked.region,
        asked.ttl_seconds,
        asked.function,
        dashboard_arguments(asked),
        _sources(asked),
        defaults=canonical_of_dashboard(asked, {}),
        zone=asked.zone,
        shown=asked.user_shown,
        resolved=lambda given, today: resolved_of_dashboard(asked, given, today),
        live=lambda _given: live_in_panels(asked),
        declaration=declaration,
    )


def list_question(asked: ServedList, declaration: str) -> Dashboard:
    """Return the core's dashboard of a list."""
    return Dashboard(
        list_name(asked.name),
        asked.region,
        asked.ttl_seconds,
        asked.function,
        (*filter_arguments(asked.filters), "limit"),
        _sources(asked),
        defaults=canonical_of_list(asked, {}),
        zone=asked.zone,
        shown=asked.user_shown,
        resolved=lambda given, _today: {name: value for name, value in given.items() if value is not None},
        declaration=declaration,
    )


def dashboard_arguments(asked: ServedDashboard) -> tuple[str, ...]:
    """Return the names of the function's parameters between the user and ``p_base``, as clients spell them."""
    days = ("from", "to") if asked.heeds("from") else ()
    granularity = ("granularity",) if asked.heeds("granularity") else ()
    groups = ("order", "limit") if asked.groups else ()
    return (*days, *granularity, *filter_arguments(asked.filters), *groups)


def canonical_of_dashboard(asked: ServedDashboard, given: Mapping[str, Any]) -> dict[str, Hashable]:
    """Return the arguments that stand for all questions that mean the same as ``given``, without those that are None.

    An order or a limit that every panel it concerns has anyway is as good as none.
    """
    made: dict[str, Any] = dict(given) | canonical_filters(asked.filters, given)
    if asked.heeds("granularity"):
        made["granularity"] = made.get("granularity") or GRANULARITY
    if made.get("order") and all(panel.own_order == made["order"] for panel in ordered_by(asked, made["order"])):
        made["order"] = None
    if made.get("limit") and all(panel.limit == made["limit"] for panel in asked.groups):
        made["limit"] = None
    return {name: value for name, value in made.items() if value is not None}


def ordered_by(asked: ServedDashboard, order: str) -> Iterator[ServedPanel]:
    """Yield the groups that an order concerns: those with that measure or dimension."""
    return (panel for panel in asked.groups if order.removeprefix("-") in panel.orders)


def canonical_of_list(asked: ServedList, given: Mapping[str, Any]) -> dict[str, Hashable]:
    """Return the same of a list."""
    made = canonical_filters(asked.filters, given) | {"limit": given.get("limit") or asked.limit}
    return {name: value for name, value in made.items() if value is not None}


def resolved_of_dashboard(asked: ServedDashboard, given: Mapping[str, Any], today: date | None) -> dict[str, Any]:
    """Return the parameters of an answer, with the values that the request left open; filters only where given."""
    shown = {name: value for name, value in given.items() if value is not None}
    last_day = given.get("to") or today
    if asked.heeds("from") and last_day is not None:
        shown |= {"from": given["from"] or last_day - timedelta(days=asked.default_days - 1), "to": last_day}
    if "limit" not in shown and len(limits := {panel.limit for panel in asked.groups}) == 1:
        shown["limit"] = limits.pop()
    return {name: shown[name] for name in dashboard_arguments(asked) if name in shown}


def live_in_panels(asked: ServedDashboard) -> tuple[str, ...]:
    """Return the measures in an answer that are computed from base rows, each name once."""
    return tuple(dict.fromkeys(it.name for panel in asked.panels for it in panel.figures if it.live))


def _sources(asked: ServedDashboard | ServedList) -> frozenset[str]:
    return frozenset(asked.sources if asked.users_source is None else (*asked.sources, asked.users_source))
