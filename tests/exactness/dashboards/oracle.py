"""What a dashboard or a list must answer: each figure is one SELECT of plain SQL over the host's own tables.

Invariant: nothing here comes from the product or reads one of its relations. Local days are casts in a session of the
user's zone, where the product converts each time; which days a panel shows is computed here in Python.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from tests.exactness.dashboards.declared import (
    FACTS,
    LABEL_NAMES,
    Dashboard,
    Declared,
    Figure,
    Listing,
    Metric,
    Panel,
    Tree,
    View,
)
from tests.exactness.dashboards.host import OF_RAILS, UNKNOWN
from tests.exactness.dashboards.questions import Question
from tests.exactness.description import Column, Expression, Measure, cast_type
from tests.exactness.pools import STATE

Session = psycopg.Connection[Any]
Span = tuple[str, str]
"""The expressions of a first and a last day."""
EVER: Span = ("'-infinity'::date", "'infinity'::date")
_BACK = {"today": 0, "last_7_days": 6, "last_30_days": 29, "last_90_days": 89, "last_365_days": 364}


def expected(c: Session, of: Declared, asked: Question) -> Any:
    """Return the answer, in the transaction that is open; None: there is no such user."""
    zone, user = of.zone, None
    if of.users:
        text = f'SELECT u."Time zone" FROM {of.host.users.sql} u WHERE u.id = %s::text::{of.key_type}'
        if (user := c.execute(text.encode(), (asked.user,)).fetchone()) is None:
            return None
        if of.own_zones:
            zone = of.zone if user[0] in UNKNOWN else OF_RAILS.get(user[0], user[0])
    c.execute("SELECT set_config('TimeZone', %s, FALSE)", (zone,))
    row = c.execute("SELECT now()::date").fetchone()
    assert row is not None
    try:
        oracle = Oracle(c, of, asked, row[0])
        if asked.of.startswith("list."):
            return oracle.listed(of.lists[asked.of.removeprefix("list.")], dict(asked.filters), asked.limit)
        return oracle.dashboard(of.dashboards[asked.of])
    finally:
        c.execute("RESET TimeZone")


class Oracle:
    """Answers one question."""

    def __init__(self, c: Session, of: Declared, asked: Question, today: date) -> None:
        self.c, self.of, self.asked, self.today = c, of, asked, today
        self.last = asked.last or today
        self.first = asked.first or self.last - timedelta(29)
        self.values: dict[str, Any] = {"user": asked.user}
        self.user = f"%(user)s::text::{of.key_type}"

    def dashboard(self, dashboard: Dashboard) -> dict[str, Any]:
        return {it.name: getattr(self, f"_{it.kind}")(it) for it in dashboard.panels}

    # What is counted.

    def _run(self, select: str, views: Iterable[str]) -> list[Any]:
        parts = [self._rows(self.of.views[it]) for it in dict.fromkeys(views)]
        text = f"WITH {', '.join(parts)} {select}" if parts else select
        return [json.loads(row[0], parse_float=Decimal) for row in self.c.execute(text.encode(), self.values)]

    def _rows(self, view: View) -> str:
        texts = sum(it.type.startswith("text") for it in view.dimensions.values())
        most = min(500, 1600 // (1 + texts))
        facts = [f"{it.sql} AS x_{name}, {it.shown(most)} AS g_{name}" for name, it in view.dimensions.items()]
        for it in view.measures.values():
            facts += [f"{it.argument.sql} AS a_{it.name}"] if it.argument else []
            facts += [f"{it.where.sql} AS w_{it.name}"] if it.where else []
        where = f" AND ({view.where.sql})" if view.where else ""
        rows = f"SELECT {', '.join([f'{day_of(view)} AS day', *facts])} FROM {view.table.sql} b"
        return f'v_{view.name} AS MATERIALIZED ({rows} WHERE b."customerId" = {self.user}{where})'

    def _cell(self, figure: Figure, panel: Panel, span: Span, more: str = "") -> str:
        """Return the expression of a figure of the days of a span.

        :param more: a further condition of rows ``r``.
        """
        if isinstance(figure.of, Metric):
            return f"round({self._tree(figure.of.tree, panel, span, more)}, {figure.of.decimals})"
        return self._measure(*figure.of, panel, span, more)

    def _tree(self, tree: Tree, panel: Panel, span: Span, more: str) -> str:
        if isinstance(tree, str):
            return f"{tree}::numeric"
        if len(tree) == 2:
            return f"({self._measure(*tree, panel, span, more)})::numeric"
        left, right = (self._tree(it, panel, span, more) for it in tree[1:])
        return f"({left} / NULLIF({right}, 0))" if tree[0] == "/" else f"({left} {tree[0]} {right})"

    def _measure(self, view: str, name: str, panel: Panel, span: Span, more: str) -> str:
        of = self.of.views[view]
        return f"(SELECT {aggregate(of.measures[name])} FROM v_{view} r WHERE {self._counts(of, panel, span)}{more})"

    def _counts(self, view: View, panel: Panel, span: Span) -> str:
        """Return the condition that a row ``r`` counts in a panel."""
        conditions = [f"r.day BETWEEN {span[0]} AND {span[1]}"] if view.daily else ["TRUE"]
        for name in panel.heeded:
            conditions.append(self._passes(name, f"r.x_{name}", view.dimensions[name]))
        return " AND ".join(conditions)

    def _passes(self, name: str, value: str, dimension: Expression) -> str:
        chosen = dict(self.asked.filters).get(name)
        if chosen is None:
            return "TRUE"
        kind = "text" if dimension.type == STATE else cast_type(dimension.type)
        self.values[f"f_{name}"] = [it for it in chosen if it is not None]
        unknown = f" OR {value} IS NULL" if None in chosen else ""
        return f"({value}::{kind} IN (SELECT unnest(%(f_{name})s::text[])::{kind}){unknown})"

    def _views(self, panel: Panel) -> list[str]:
        return sorted({view for it in panel.shown for view in self.of.views_of(it)})

    def _object(self, panel: Panel, span: Span) -> str:
        members = (f"'{it.name}', {self._cell(it, panel, span)}" for it in panel.figures)
        return f"json_build_object({', '.join(members)})"

    # The kinds of panels.

    def _facts(self, panel: Panel) -> Any:
        if panel.of != "user":
            return self._run(f"SELECT {self._object(panel, EVER)}::text", ["balance"])[0]
        members = []
        for name in self.of.facts:
            value = "NOT u.cents <= 0" if name == "rich" else f'u."{FACTS[name]}"'
            members.append(f"'{name}', {in_utc(value) if name == 'seen' else value}")
        of = f"FROM {self.of.host.users.sql} u WHERE u.id = {self.user}"
        return self._run(f"SELECT json_build_object({', '.join(members)})::text {of}", [])[0]

    def _compare(self, panel: Panel) -> Any:
        sides = []
        for first, last in ((self.first, self.last), self._before(panel)):
            found = self._run(f"SELECT {self._object(panel, span(first, last))}::text", self._views(panel))[0]
            sides.append({"from": str(first), "to": str(last)} | found)
        changes = []
        now, before = (span(*it) for it in ((self.first, self.last), self._before(panel)))
        for it in panel.figures:
            one, other = (f"({self._cell(it, panel, side)})" for side in (now, before))
            number = f"CASE WHEN {other} <> 0 THEN round(({one}::numeric - {other}) / {other}::numeric, 4) END"
            changes.append(f"'{it.name}', {number if self.of.is_number(it) else 'NULL'}")
        change = self._run(f"SELECT json_build_object({', '.join(changes)})::text", self._views(panel))[0]
        return {"current": sides[0], "previous": sides[1], "change": change}

    def _before(self, panel: Panel) -> tuple[date, date]:
        if panel.compared_with == "previous_period":
            return self.first - ((self.last - self.first) + timedelta(1)), self.first - timedelta(1)
        first, end = year_before(self.first), year_before(self.last + timedelta(1))
        return first, max(first, end - timedelta(1))

    def _periods(self, panel: Panel) -> Any:
        found = {}
        for name in panel.periods:
            text = f"SELECT {self._object(panel, self._period(name))}::text"
            found[name] = self._run(text, self._views(panel))[0]
        return found

    def _period(self, name: str) -> Span:
        today = self.today
        if name == "all_time":
            return EVER
        if name == "yesterday":
            return span(today - timedelta(1), today - timedelta(1))
        if name in _BACK:
            return span(today - timedelta(_BACK[name]), today)
        return span(start_of(name.removeprefix("this_"), today), today)

    def _series(self, panel: Panel) -> Any:
        days = [self.first + timedelta(n) for n in range((self.last - self.first).days + 1)]
        periods: dict[date, date] = {}
        for day in days:
            periods[max(start_of(self.asked.granularity, day), self.first)] = day
        rows = ", ".join(f"('{first}'::date, '{last}'::date)" for first, last in periods.items())
        text = f"SELECT {self._object(panel, ('p.lo', 'p.hi'))}::text FROM (VALUES {rows}) p (lo, hi) ORDER BY p.lo"
        found = self._run(text, self._views(panel))
        answer = {"rows": [{"period": str(it)} | row for it, row in zip(sorted(periods), found, strict=True)]}
        if panel.totals:
            whole = f"SELECT {self._object(panel, span(self.first, self.last))}::text"
            answer["totals"] = self._run(whole, self._views(panel))[0]
        return answer

    def _groups(self, panel: Panel) -> Any:
        asked, of = span(self.first, self.last), self.of
        shown = sorted({view for it in panel.figures for view in of.views_of(it)})
        names = [f"g_{it}" for it in panel.by]
        keys = [
            f"SELECT {', '.join(f'r.{it}' for it in names)} FROM v_{view} r"
            f" WHERE {self._counts(of.views[view], panel, asked)}"
            for view in shown
        ]
        if panel.by == ("product",) and of.label and of.every_label:
            passes = "TRUE"
            if "product" in panel.heeded:
                passes = self._passes("product", "l.id", of.views[shown[0]].dimensions["product"])
            keys.append(f'SELECT l.id FROM {of.host.products.sql} l WHERE l."ownerId" = {self.user} AND {passes}')
        same = "".join(f" AND r.{it} IS NOT DISTINCT FROM k.{it}" for it in names)
        cells = [f"{self._cell(it, panel, asked, same)} AS c_{n}" for n, it in enumerate(panel.figures)]
        members = [f"'{it}', k.g_{it}" for it in panel.by]
        members += self._label(panel)
        members += [f"'{it.name}', k.c_{n}" for n, it in enumerate(panel.figures)]
        if panel.sparkline:
            value = self._cell(panel.sparkline, panel, ("d.day", "d.day"), same)
            days = f"(SELECT {asked[0]} + n AS day FROM generate_series(0, {(self.last - self.first).days}) n) d"
            members.append(f"'sparkline', (SELECT json_agg({value} ORDER BY d.day) FROM {days})")
        text = f"""SELECT json_build_object({", ".join(members)})::text
            FROM (SELECT k.*, {", ".join(cells)} FROM (SELECT DISTINCT * FROM ({" UNION ALL ".join(keys)}) u) k) k
            {self._joined("product" in panel.by, "k.g_product")}
            ORDER BY {", ".join(self._order(panel))} LIMIT {self.asked.limit or panel.limit or 100}"""
        return {"rows": self._run(text, self._views(panel))}

    def _label(self, panel: Panel) -> list[str]:
        names = self.of.label if "product" in panel.by else ()
        return [f"'product_{LABEL_NAMES[it]}', l.\"{it}\"" for it in names]

    def _joined(self, wanted: bool, key: str) -> str:
        if not wanted or not self.of.label:
            return ""
        own = "" if self.of.shared else f' AND l."ownerId" = {self.user}'
        return f"LEFT JOIN {self.of.host.products.sql} l ON l.id = {key}{own}"

    def _order(self, panel: Panel) -> Iterator[str]:
        able = [it.name for it in panel.figures if self.of.ranks(it)]
        own = panel.order or (f"-{able[0]}" if able else panel.by[0])
        asked = self.asked.order or ""
        order = asked if asked.removeprefix("-") in (*panel.by, *able) else own
        name, sign = order.removeprefix("-"), " DESC" if order.startswith("-") else ""
        if name in panel.by:
            yield f"k.g_{name}{sign} NULLS LAST"
        else:
            place, figure = next((n, it) for n, it in enumerate(panel.figures) if it.name == name)
            if self.of.is_number(figure):
                yield f"k.c_{place}::numeric = 'NaN'"
            yield f"k.c_{place}{sign} NULLS LAST"
        for it in panel.by:
            yield f"k.g_{it} NULLS LAST"

    def _list(self, panel: Panel) -> Any:
        filters = {name: chosen for name, chosen in self.asked.filters if name in panel.heeded}
        return self.listed(self.of.lists[panel.of or ""], filters, None)

    def listed(self, of: Listing, filters: dict[str, Any], limit: int | None) -> Any:
        conditions = [f'b."customerId" = {self.user}', *([f"({of.where.sql})"] if of.where else [])]
        for name in filters:
            conditions.append(self._passes(name, of.dimensions[name].sql, of.dimensions[name]))
        members = []
        for name, it in of.columns.items():
            value = f'l."{it.removeprefix("product.")}"' if isinstance(it, str) else it.sql
            zoned = isinstance(it, Expression) and it.type == "timestamptz"
            members.append(f"'{name}', {in_utc(value) if zoned else value}")
        product = of.dimensions.get("product")
        joined = self._joined(product is not None, product.sql if product else "")
        order = [f"b.{column(of, name).escaped}{' DESC' if down else ''}" for name, down in of.order]
        order.append(f"b.id{' DESC' if of.order[-1][1] else ''}")
        text = f"""SELECT json_build_object({", ".join(members)})::text FROM {of.table.sql} b {joined}
            WHERE {" AND ".join(conditions)} ORDER BY {", ".join(order)} LIMIT {limit or of.limit}"""
        return self._run(text, [])


def column(of: Listing, name: str) -> Column:
    return next(it for it in of.table.written if it.name == name)


def span(first: date, last: date) -> Span:
    return f"'{first}'::date", f"'{last}'::date"


def in_utc(value: str) -> str:
    """Return an instant as JSON has it, whatever the session's zone is."""
    text = f"regexp_replace(to_json(timezone('UTC', {value})) #>> '{{}}', '( BC)?$', '+00:00\\1')"
    return f"CASE WHEN isfinite({value}) THEN {text} ELSE {value}::text END"


def day_of(view: View) -> str:
    """Return a row's day, in a session of the user's zone; a time outside of what is counted has none."""
    if (time := view.table.time) is None:
        return "NULL::date"
    at = f"b.{time.escaped}"
    if time.type == "date":
        return f"CASE WHEN {at} >= '0001-01-02'::date AND {at} <= '9999-12-30'::date THEN {at} END"
    offset = "+00" if time.type == "timestamptz" else ""
    inside = f"{at} >= '0001-01-04 00:00{offset}'::{time.type} AND {at} <= '9999-12-29 00:00{offset}'::{time.type}"
    moment = at if offset else f"timezone('UTC', {at})"
    return f"CASE WHEN {inside} THEN {moment}::date END"


def aggregate(measure: Measure) -> str:
    """Return the aggregate of a measure over rows ``r``."""
    only = f"FILTER (WHERE r.w_{measure.name})" if measure.where else ""
    argument = f"r.a_{measure.name}"
    return {
        "count": f"count(*) {only}",
        "sum": f"COALESCE(sum({argument}) {only}, 0)",
        "avg": f"round(avg({argument}) {only}, {measure.decimals})",
        "min": f"min({argument}) {only}",
        "max": f"max({argument}) {only}",
        "distinct": f"count(DISTINCT {argument}) {only}",
        "percentile": f"percentile_disc({measure.at}) WITHIN GROUP (ORDER BY {argument}) {only}",
    }[measure.verb]


def start_of(period: str, day: date) -> date:
    return {
        "day": day,
        "week": day - timedelta(day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }[period]


def year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
