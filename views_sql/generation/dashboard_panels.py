"""The panels of a dashboard: the expression of each one's JSON, over readings that all panels share.

Invariant: a panel aggregates each source once; it joins aggregated rows by its own key (none, a period, a group), so
measures of several views meet there, and where one has no rows its values are those of no rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from views_sql.declaration.proven import (
    MeasureOf,
    ProvenApplication,
    ProvenDashboard,
    ProvenPanel,
    ProvenView,
    ShownMeasure,
)
from views_sql.generation.dashboard_groups import groups
from views_sql.generation.dashboard_rows import ASKED, ASKED_AND_BEFORE, EVER, Interval, Readings, Source, is_sum
from views_sql.generation.dashboard_values import Values, wanted
from views_sql.generation.names import identifier
from views_sql.generation.read_measures import NeverNull
from views_sql.generation.read_range import EARLIER
from views_sql.generation.shown_rows import Numbers, facts_object, list_array, object_of
from views_sql.generation.stored_columns import is_live

_SINCE = {
    "today": "today",
    "last_7_days": "(today - 6)",
    "last_30_days": "(today - 29)",
    "last_90_days": "(today - 89)",
    "last_365_days": "(today - 364)",
    "this_week": "date_trunc('week', today::timestamp)::date",
    "this_month": "date_trunc('month', today::timestamp)::date",
    "this_year": "date_trunc('year', today::timestamp)::date",
}
_PERIOD = "GREATEST(date_trunc(p_granularity, r.day::timestamp)::date, first_day)"


@dataclass
class Panels:
    """What the panels of a dashboard are compiled with; they add readings and common table expressions to it."""

    application: ProvenApplication
    dashboard: ProvenDashboard
    numbers: Numbers
    views: dict[str, ProvenView] = field(init=False)
    readings: Readings = field(init=False)
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.views = {it.name: it for it in self.application.views}
        self.readings = Readings(self.views, dict(self.numbers.views), self._ever())

    def expressions(self) -> list[tuple[str, str]]:
        """Return the name and the JSON of each panel."""
        kinds = {
            "facts": self._facts,
            "compare": self._compare,
            "periods": self._periods,
            "series": self._series,
            "groups": self._groups,
            "list": self._list,
        }
        return [(it.name, kinds[it.kind](place, it)) for place, it in enumerate(self.dashboard.panels, 1)]

    def heeding(self, name: str) -> list[ProvenView]:
        """Return the views of which a panel heeds a filter."""
        names = dict.fromkeys(it for panel in self.dashboard.panels if name in panel.filters for it in panel.views)
        return [self.views[it] for it in names]

    def _ever(self) -> set[tuple[str, tuple[str, ...]]]:
        """Return the views, with filters, of which a panel shows sums of all time."""
        return {
            (view, panel.filters)
            for panel in self.dashboard.panels
            if panel.kind == "periods" and "all_time" in panel.periods
            for view, name in wanted(panel.measures)
            for it in self.views[view].measures
            if it.name == name and not is_live(it) and is_sum(it)
        }

    def _facts(self, _: int, panel: ProvenPanel) -> str:
        facts = self.application.facts
        if panel.of == "user" and facts is not None and self.numbers.facts is not None:
            return facts_object(facts, self.numbers.facts)
        view = self.views[panel.of or ""]
        shown = panel.measures or tuple(ShownMeasure(it.name, MeasureOf(view.name, it.name)) for it in view.measures)
        values = self._values(panel, shown, [])
        return _one_row(values, [("", "")], object_of(values.members()))

    def _compare(self, _: int, panel: ProvenPanel) -> str:
        earlier = EARLIER[panel.compared_with or "previous_period"]
        intervals = [ASKED_AND_BEFORE] if panel.compared_with == "previous_period" else [ASKED, earlier]
        values = self._values(panel, panel.measures, intervals, daily=panel.compared_with == "previous_period")
        sides = [("n_", ASKED), ("e_", earlier)]
        now, before = (
            object_of([("from", _day_json(first)), ("to", _day_json(last)), *values.members(prefix)])
            for prefix, (first, last) in sides
        )
        change = object_of(values.changes("n_", "e_"))
        text = object_of([("current", now), ("previous", before), ("change", change)])
        return _one_row(values, [(prefix, _between(it)) for prefix, it in sides], text)

    def _periods(self, place: int, panel: ProvenPanel) -> str:
        """Return the expression of periods: rows are joined with them, since an aggregate of each costs each read more.

        All time has no first day: it holds the row of days that are summed, too.
        """
        periods = {period: _interval(period) for period in panel.periods}
        since = list(dict.fromkeys(first for first, last in periods.values() if (first, last) != EVER))
        intervals = [(f"LEAST({', '.join(since)})" if len(since) > 1 else since[0], "today")] if since else []
        values = self._values(panel, panel.measures, [*intervals, *([EVER] if EVER in periods.values() else [])])
        rows = ", ".join(
            f"({number}, '{identifier(period)}', {'NULL::date' if it == EVER else it[0]}, {it[1]})"
            for number, (period, it) in enumerate(periods.items())
        )
        name = f"panel_{place}"
        self.parts.append(f"{name} (place, name, since, until) AS MATERIALIZED (\n    VALUES {rows}\n)")
        inside = "(p.since IS NULL OR (c.day >= p.since AND c.day <= p.until))"
        sums = {
            it.alias: f"(SELECT p.place, p.name, {it.aggregates()} FROM {name} p"  # nosec B608  # names are checked
            f" {'LEFT' if it.stored else 'INNER'} JOIN {it.rows} c ON {inside} GROUP BY p.place, p.name) {it.alias}"
            for it in values.sources
        }
        # The sums of stored columns are there for every period.
        spine = next((it.alias for it in values.sources if it.stored), "p")
        joined = "".join(
            f"\n            LEFT JOIN {item} ON {alias}.place = {spine}.place"
            for alias, item in sums.items()
            if alias != spine
        )
        row = f"""'"' || f.name || '":' || {object_of(values.members())}"""
        columns = ", ".join([f"{spine}.place", f"{spine}.name", *values.columns()])
        return (
            f"(SELECT '{{' || string_agg({row}, ',' ORDER BY f.place) || '}}'\n"  # nosec B608  # names are checked
            f"        FROM (\n            SELECT {columns}\n"
            f"            FROM {sums.get(spine, f'{name} p')}{joined}\n            OFFSET 0\n        ) f)"
        )

    def _series(self, place: int, panel: ProvenPanel) -> str:
        values = self._values(panel, panel.measures, [ASKED])
        sources = [replace(it, alias="t", prefix=f"{it.alias}_") if it.stored else it for it in values.sources]
        values = replace(values, sources=tuple(sources))
        spine = self._stored_by_period(place, [it for it in sources if it.stored], totals=panel.totals)
        joined = "".join(
            f"\n            LEFT JOIN {_counted_by_period(it, totals=panel.totals)} ON {it.alias}.period = t.period"
            for it in sources
            if not it.stored
        )
        row = object_of([("period", _day_json("f.period")), *values.members()])
        rows = f"string_agg({row}, ',' ORDER BY f.period) FILTER (WHERE f.period > '-infinity')"
        totals = ""
        if panel.totals:
            totals = f""" || ',"totals":' || max({object_of(values.members())}) FILTER (WHERE f.period = '-infinity')"""
        columns = ", ".join(["t.period", *values.columns()])
        return (
            f"""(SELECT '{{"rows":[' || {rows} || ']'{totals} || '}}'\n"""
            f"        FROM (\n            SELECT {columns}\n"  # nosec B608  # names are checked
            f"            FROM {spine}{joined}\n            OFFSET 0\n        ) f)"
        )

    def _stored_by_period(self, place: int, sources: list[Source], *, totals: bool) -> str:
        """Return the item of every period with the sums of stored columns; the totals are those of period -infinity.

        Rows of all sources, and one of each period, are grouped together: joins of their sums take longer.
        """
        nulls = [[f"NULL::{kind} AS {name}" for name, kind in it.columns()] for it in sources]
        rows = [f"SELECT {', '.join(['t.period', *(null for them in nulls for null in them)])} FROM period t"]  # nosec B608  # names are checked
        for at, source in enumerate(sources):
            own = [f"r.{name.removeprefix(source.prefix)}" for name, _ in source.columns()]
            columns = [it for them in (*nulls[:at], own, *nulls[at + 1 :]) for it in them]
            rows.append(
                f"SELECT {', '.join([_PERIOD, *columns])} FROM {source.rows} r WHERE {_between(ASKED, 'r')}"  # nosec B608  # names are checked
            )
        sums = "".join(f", {it.aggregates()}" for it in sources)
        every = "\n                UNION ALL ".join(rows)
        by_period = f"SELECT c.period{sums} FROM (\n                {every}\n            ) c GROUP BY c.period"  # nosec B608  # names are checked
        if not totals:
            return f"({by_period}) t"
        name = f"panel_{place}"
        self.parts.append(f"{name} AS MATERIALIZED (\n    {by_period}\n)")
        return f"(SELECT c.* FROM {name} c UNION ALL SELECT '-infinity'{sums} FROM {name} c) t"  # nosec B608  # names are checked

    def _groups(self, place: int, panel: ProvenPanel) -> str:
        shown = self._values(panel, panel.measures, [ASKED], by=panel.by, every_group=True)
        sparks = None
        if panel.sparkline is not None:
            sparks = self._values(panel, (panel.sparkline,), [ASKED], by=panel.by, prefix="k")
        text, parts = groups(self.application, self.numbers, panel, place, shown, sparks)
        self.parts += parts
        return text

    def _list(self, _: int, panel: ProvenPanel) -> str:
        listed = next(it for it in self.application.lists if it.name == panel.listed)
        return list_array(
            self.application,
            listed,
            self.numbers,
            {it: self.heeding(it) for it in panel.filters},
            str(int(listed.limit)),
        )

    def _values(
        self, panel: ProvenPanel, shown: tuple[ShownMeasure, ...], intervals: Sequence[Interval],
        by: Sequence[str] = (), *, daily: bool = True, every_group: bool = False, prefix: str = "s",
    ) -> Values:  # fmt: skip
        sources = self.readings.sources(
            wanted(shown), panel.filters, intervals, by, daily=daily, every_group=every_group, prefix=prefix
        )
        return Values(self.views, shown, tuple(sources))


def _one_row(values: Values, sides: list[tuple[str, str]], text: str) -> str:
    """Return the expression of a panel whose values are one row: rows are read once, for all sides."""
    flags = ", ".join(f"{condition} AS in_{prefix}" for prefix, condition in sides if condition)
    marked = [(prefix, f"c.in_{prefix}" if condition else "") for prefix, condition in sides]
    items = [
        f"(SELECT {it.aggregates(marked)}\n            FROM "  # nosec B608  # names are checked
        + (f"(SELECT r.*, {flags} FROM {it.rows} r OFFSET 0) c" if flags else f"{it.rows} c")  # nosec B608  # names are checked
        + f") {it.alias}"
        for it in values.sources
    ]
    columns = ", ".join(values.columns([prefix for prefix, _ in sides]))
    joined = "\n            CROSS JOIN ".join(items)
    return f"(SELECT {text}\n        FROM (SELECT {columns}\n            FROM {joined} OFFSET 0) f)"  # nosec B608  # names are checked


def _counted_by_period(source: Source, *, totals: bool) -> str:
    """Return the item of the results by period of what is counted from rows; the totals as with stored columns."""
    rows = f"(SELECT r.*, {_PERIOD} AS period FROM {source.rows} r WHERE {_between(ASKED, 'r')}) c"  # nosec B608  # names are checked
    sets = "GROUPING SETS ((c.period), ())" if totals else "c.period"
    return (
        f"(SELECT COALESCE(c.period, '-infinity') AS period, {source.aggregates()} FROM {rows}"  # nosec B608  # names are checked
        f" GROUP BY {sets}) {source.alias}"
    )


def _between(interval: Interval, rows: str = "r") -> str:
    """Return the condition that rows have one of the days of an interval; empty where it holds for all."""
    return "" if interval == EVER else f"{rows}.day >= {interval[0]} AND {rows}.day <= {interval[1]}"


def _day_json(day: str) -> str:
    """Return the JSON of a first or last day, which every range has."""
    return NeverNull(f"to_json({day})::text")


def _interval(period: str) -> Interval:
    if period == "all_time":
        return EVER
    return ("(today - 1)", "(today - 1)") if period == "yesterday" else (_SINCE[period], "today")
