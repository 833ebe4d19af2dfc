"""What a dashboard must answer, computed in Python from a user's plain rows of every table.

Invariant: nothing of what is generated is used; a panel's values are computed from the rows that it is about.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.views_sql.generation.oracle import Row, change_of, rounded, value_of, year_before
from views_sql.declaration.proven import Formula, MeasureOf, ProvenPanel, ProvenView, ShownMeasure

STARTS: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(day.weekday()),
    "month": lambda day: day.replace(day=1),
    "quarter": lambda day: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
    "year": lambda day: day.replace(month=1, day=1),
}


@dataclass(frozen=True)
class Asked:
    """A question; ``products`` are the values that count, None for NULL; not given: all."""

    first: date
    last: date
    granularity: str = "day"
    products: tuple[Any, ...] | None = None
    order: str | None = None
    limit: int | None = None


@dataclass
class DashboardOracle:
    """The rows of one user.

    :param rows: of each view.
    :param labels: of products: key, name, active.
    """

    views: Mapping[str, ProvenView]
    rows: Mapping[str, list[Row]]
    labels: Mapping[int, tuple[Any, Any]]
    today: date

    def panel(self, panel: ProvenPanel, asked: Asked) -> Any:
        rows = self._kept(panel, asked)
        return getattr(self, f"_{panel.kind}")(panel, asked, rows)

    def _kept(self, panel: ProvenPanel, asked: Asked) -> dict[str, list[Row]]:
        if "product" not in panel.filters or asked.products is None:
            return {name: list(self.rows[name]) for name in panel.views}
        return {name: [r for r in self.rows[name] if r["d_product"] in asked.products] for name in panel.views}

    def _facts(self, panel: ProvenPanel, _: Asked, rows: dict[str, list[Row]]) -> Row:
        return self._members(panel.measures, rows)

    def _compare(self, panel: ProvenPanel, asked: Asked, rows: dict[str, list[Row]]) -> Row:
        before = (asked.first - timedelta((asked.last - asked.first).days + 1), asked.first - timedelta(1))
        if panel.compared_with == "previous_year":
            start, end = year_before(asked.first), year_before(asked.last + timedelta(1)) - timedelta(1)
            before = (start, max(start, end))
        now, earlier = (
            {"from": str(first), "to": str(last)} | self._members(panel.measures, between(rows, first, last))
            for first, last in ((asked.first, asked.last), before)
        )
        change = {it.name: change_of(now[it.name], earlier[it.name]) for it in panel.measures}
        return {"current": now, "previous": earlier, "change": change}

    def _periods(self, panel: ProvenPanel, _: Asked, rows: dict[str, list[Row]]) -> Row:
        back = {"today": 0, "last_7_days": 6, "last_30_days": 29, "last_90_days": 89, "last_365_days": 364}
        answer = {}
        for period in panel.periods:
            first, last = date.min, date.max
            if period in back:
                first, last = self.today - timedelta(back[period]), self.today
            elif period == "yesterday":
                first = last = self.today - timedelta(1)
            elif period != "all_time":
                first, last = STARTS[period.removeprefix("this_")](self.today), self.today
            answer[period] = self._members(panel.measures, between(rows, first, last))
        return answer

    def _series(self, panel: ProvenPanel, asked: Asked, rows: dict[str, list[Row]]) -> Row:
        rows = between(rows, asked.first, asked.last)
        days = [asked.first + timedelta(n) for n in range((asked.last - asked.first).days + 1)]

        def start(day: date) -> date:
            return max(STARTS[asked.granularity](day), asked.first)

        listed = [
            {"period": str(period)}
            | self._members(panel.measures, only(rows, lambda row, period=period: start(row["day"]) == period))  # type: ignore[misc]
            for period in sorted({start(day) for day in days})
        ]
        return {"rows": listed} | ({"totals": self._members(panel.measures, rows)} if panel.totals else {})

    def _groups(self, panel: ProvenPanel, asked: Asked, rows: dict[str, list[Row]]) -> Row:
        rows = between(rows, asked.first, asked.last)
        names = {name: f"d_{name}" for name in panel.by}
        shown = {view for one in panel.measures for view in (it.view for it in one.measures)}
        keys = {tuple(row[it] for it in names.values()) for view in shown for row in rows[view]}
        if panel.by == ("product",):
            keys |= {(key,) for key in self.labels if asked.products is None or key in asked.products}
        found = []
        for key in keys:
            wanted = dict(zip(names.values(), key, strict=True))
            own = only(rows, lambda row, wanted=wanted: all(row[it] == value for it, value in wanted.items()))  # type: ignore[misc]
            row: Row = dict(zip(panel.by, key, strict=True))
            if "product" in row:
                row["product_name"], row["product_active"] = self.labels.get(row["product"], (None, None))
            row |= self._members(panel.measures, own)
            if panel.sparkline:
                days = [asked.first + timedelta(n) for n in range((asked.last - asked.first).days + 1)]
                row["sparkline"] = [self._shown(panel.sparkline, between(own, day, day)) for day in days]
            found.append(row)
        order = panel.order or f"-{panel.measures[0].name}"
        if asked.order and asked.order.lstrip("-") in {*panel.by, *(it.name for it in panel.measures)}:
            order = asked.order
        found.sort(key=lambda row: ranked(row, order, panel.by))
        return {"rows": found[: asked.limit or panel.limit]}

    def _members(self, shown: Iterable[ShownMeasure], rows: Mapping[str, list[Row]]) -> Row:
        return {it.name: self._shown(it, rows) for it in shown}

    def _shown(self, shown: ShownMeasure, rows: Mapping[str, list[Row]]) -> Any:
        value = self._computed(shown.value, rows)
        if isinstance(shown.value, MeasureOf) or value is None:
            return value
        return rounded(value, 4 if shown.decimals is None else shown.decimals)

    def _computed(self, value: Formula | MeasureOf | str, rows: Mapping[str, list[Row]]) -> Any:
        if isinstance(value, str):
            return Decimal(value)
        if isinstance(value, MeasureOf):
            measure = next(it for it in self.views[value.view].measures if it.name == value.measure)
            return value_of(measure, rows[value.view])
        left, right = (self._computed(it, rows) for it in (value.left, value.right))
        if left is None or right is None or (value.operator == "/" and right == 0):
            return None
        left, right = Decimal(left), Decimal(right)
        return {"+": left + right, "-": left - right, "*": left * right}.get(value.operator) or (
            left / right if value.operator == "/" else Decimal(0)
        )


def only(rows: Mapping[str, list[Row]], passes: Callable[[Row], bool]) -> dict[str, list[Row]]:
    return {name: [row for row in them if passes(row)] for name, them in rows.items()}


def between(rows: Mapping[str, list[Row]], first: date, last: date) -> dict[str, list[Row]]:
    """Return the rows of some days; those of a view without days are all there."""
    return only(rows, lambda row: row["day"] is None or first <= row["day"] <= last)


def ranked(row: Row, order: str, by: tuple[str, ...]) -> Any:
    name, sign = order.lstrip("-"), -1 if order.startswith("-") else 1
    value = row[name]
    if isinstance(value, str):
        value = [sign * ord(letter) for letter in value] + [sign * -1]
    else:
        value = None if value is None else sign * value
    groups = [(row[it] is None, row[it] or ("" if it == "country" else 0)) for it in by]
    return (value is None, 0 if value is None else value, groups)


__all__ = ["Asked", "DashboardOracle"]
