"""The DDL of the functions that answer dashboards and lists, from their templates.

Invariant: a function's text is static; what a request says reaches it as values of parameters and nowhere else.
"""

from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenDashboard,
    ProvenList,
    ProvenPanel,
    RowColumn,
)
from views_sql.declaration.served import DEFAULT_DAYS
from views_sql.generation.dashboard_groups import order_names, order_variables
from views_sql.generation.dashboard_panels import Panels
from views_sql.generation.dashboard_values import Values
from views_sql.generation.names import identifier
from views_sql.generation.read_groups import LIMIT_CHECK, filter_checks, filter_parameters
from views_sql.generation.read_range import (
    ASKED_DAYS,
    DEFAULT_STEP,
    RANGE_CHECK,
    STEP,
    STEP_CHECK,
    has_own_zone,
    no_user,
    zone_variables,
)
from views_sql.generation.rights import function_of_web
from views_sql.generation.short_text import shortened_filters
from views_sql.generation.shown_rows import Numbers, list_array, object_of
from views_sql.generation.stored_columns import TEMPLATE_VERSION
from views_sql.loader import fill_in, read_sql

_PERIOD = """period AS MATERIALIZED (
    SELECT GREATEST(t.start::date, first_day) AS period
    FROM generate_series(date_trunc(p_granularity, first_day::timestamp), last_day::timestamp, step) t (start)
)"""
_TOO_LARGE = """IF body IS NULL THEN
        RAISE EXCEPTION 'the answer would have more than 10000 values of single days: groups times days'
            USING ERRCODE = 'FV002', COLUMN = 'limit';
    END IF;"""


def create_dashboard(
    application: ProvenApplication, dashboard: ProvenDashboard, number: int, numbers: Numbers
) -> list[str]:
    """Return the DDL of the function that answers a dashboard; web workers may call it.

    :param number: of the declaration that made it; the users' view of that number is there.
    """
    name = f"{dashboard.name}_{number}"
    names = {"name": name, **_Dashboard(application, dashboard, number, numbers).names()}
    return function_of_web(f"{name}_dashboard", fill_in(read_sql("dashboard", TEMPLATE_VERSION), names))


def create_list(application: ProvenApplication, listed: ProvenList, number: int, numbers: Numbers) -> list[str]:
    """Return the DDL of the function that answers a list."""
    name = f"{listed.name}_{number}"
    days = "'-infinity', 'infinity', frontview.end_of_day(now(), zone)"
    names = {
        "name": name,
        "parameters": filter_parameters(listed.dimensions),
        "zone": zone_variables(application, None, number),
        "limit": str(int(listed.limit)),
        "checks": LIMIT_CHECK + filter_checks(listed.dimensions),
        "no_user": no_user(application, number, days, own_zone=has_own_zone(application, None)),
        "array": list_array(application, listed, numbers, dict.fromkeys(listed.dimensions, ()), "p_limit"),
    }
    return function_of_web(f"{name}_list", fill_in(read_sql("list", TEMPLATE_VERSION), names))


class _Dashboard:
    """What the template of a dashboard leaves open."""

    def __init__(self, application: ProvenApplication, dashboard: ProvenDashboard, number: int, numbers: Numbers):
        self.application, self.dashboard, self.number = application, dashboard, number
        self.panels = Panels(application, dashboard, numbers)
        self.expressions = self.panels.expressions()
        daily = [
            view for panel in dashboard.panels for name in panel.views
            if (view := self.panels.views[name]).source.time_kind is not None
        ]  # fmt: skip
        self.zoned = daily[0] if daily else None
        self.ranged = any(self._is_ranged(panel) for panel in dashboard.panels)
        self.series = any(panel.kind == "series" for panel in dashboard.panels)
        self.groups = {
            place: panel for place, panel in enumerate(dashboard.panels, 1) if panel.kind == "groups"
        }  # fmt: skip

    def names(self) -> dict[str, str]:
        first, last = self.panels.readings.days()
        parts = [*([_PERIOD] if self.series else []), *self.panels.readings.texts(), *self.panels.parts]
        sparks = any(panel.sparkline for panel in self.groups.values())
        return {
            "parameters": self._parameters(),
            "variables": "\n    ".join(self._variables()),
            "checks": "\n    ".join(self._checks()),
            "views": ",".join(self.panels.readings.maintained),
            "days_read": f"{first}, {last}",
            "no_user": no_user(
                self.application,
                self.number,
                f"{first}, {last}, frontview.end_of_day(now(), zone)",
                own_zone=has_own_zone(self.application, self.zoned),
            ),
            "with": f"WITH {', '.join(parts)}\n    " if parts else "",
            "body": object_of(self.expressions) if not sparks else _object_or_null(self.expressions),
            "too_large": _TOO_LARGE if sparks else "",
        }

    def _is_ranged(self, panel: ProvenPanel) -> bool:
        if panel.kind != "groups":
            return panel.kind in ("compare", "series")
        return any(self.panels.views[name].source.time_kind is not None for name in panel.views)

    def _parameters(self) -> str:
        days = "p_from date, p_to date, " if self.ranged else ""
        days += "p_granularity text, " if self.series else ""
        order = "p_order text, p_limit integer, " if self.groups else ""
        return f"{days}{filter_parameters(self._filters())}{order}"

    def _variables(self) -> list[str]:
        zone = zone_variables(self.application, self.zoned, self.number)
        lines = [zone, "today CONSTANT date := (now() AT TIME ZONE zone)::date;"]
        if self.ranged:
            lines.append(ASKED_DAYS.format(default_days=min(DEFAULT_DAYS, int(self.dashboard.longest_days))))
        if self.series:
            lines.append(STEP)
        for place, panel in self.groups.items():
            lines += order_variables(panel, place, self._order_names(panel))
        return lines

    def _checks(self) -> list[str]:
        lines = []
        if self.series:
            lines.append(DEFAULT_STEP)
        if self.ranged:
            lines.append(RANGE_CHECK.format(longest_days=int(self.dashboard.longest_days)))
        if self.series:
            lines.append(STEP_CHECK)
        if self.groups:
            known = dict.fromkeys(name for panel in self.groups.values() for name in self._order_names(panel))
            listed = ", ".join(f"'{identifier(name)}'" for name in known)
            lines.append(
                f"IF ltrim(p_order, '-') NOT IN ({listed}) THEN\n"
                "        RAISE EXCEPTION 'nothing in the answer can be ordered by \"%\"', p_order\n"
                "            USING ERRCODE = 'FV002', COLUMN = 'order';\n    END IF;"
            )
            lines.append(LIMIT_CHECK)
        shortening = shortened_filters({name: self.panels.heeding(name) for name in self.dashboard.filters})
        return [*lines, (filter_checks(self._filters()) + shortening).strip()]

    def _order_names(self, panel: ProvenPanel) -> list[str]:
        return order_names(panel, Values(self.panels.views, panel.measures, ()))

    def _filters(self) -> dict[str, RowColumn]:
        """Return the dimensions of the filters, as the first view or list has them that heeds them."""
        listed = [it for it in self.application.lists if it.name in {one.listed for one in self.dashboard.panels}]
        found = {}
        for name in self.dashboard.filters:
            dimensions = [*(it.dimensions for it in self.panels.heeding(name)), *(it.dimensions for it in listed)]
            found[name] = next(it[name] for it in dimensions if name in it)
        return found


def _object_or_null(members: list[tuple[str, str]]) -> str:
    """Return the text of a JSON object that is NULL where a member is."""
    return (
        "'{' || " + " || ',' || ".join(f"""'"{identifier(name)}":' || {json}""" for name, json in members) + " || '}'"
    )
