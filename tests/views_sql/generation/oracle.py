"""What a grouped read must answer, computed in Python from a user's plain rows.

Invariant: nothing of what is generated is used; numbers are Decimal, and rows have the order of the contract.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from views_sql.declaration.proven import ProvenMeasure, ProvenView

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """A question about a view; ``filters`` hold values and None for NULL."""

    first: date = date(2026, 1, 1)
    last: date = date(2026, 1, 31)
    granularity: str = "day"
    group_by: tuple[str, ...] = ()
    filters: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    measures: tuple[str, ...] = ()
    order: str | None = None
    limit: int = 100
    other: bool = False
    compare: str | None = None


def expected(view: ProvenView, question: Question, rows: Iterable[Row]) -> Row:
    """Return the answer that the rows of one user give."""
    asked = [it for it in view.measures if it.name in question.measures]
    daily = view.source.time_kind is not None
    kept = [row for row in rows if _passes(view, question, row)]
    now = [row for row in kept if not daily or question.first <= row["day"] <= question.last]
    earlier = _earlier(question, kept) if question.compare else []
    groups = defaultdict[Any, tuple[list[Row], list[Row]]](lambda: ([], []))
    for side, of in enumerate((now, earlier)):
        for row in of:
            groups[tuple(row[view.dimensions[name].name] for name in _grouped(view, question))][side].append(row)
    if not question.group_by:
        groups[()]  # It is there without rows.
    ranked = sorted(groups, key=lambda key: _rank(view, question, key, groups[key][0]))
    shown: list[tuple[Row, tuple[list[Row], list[Row]]]] = [
        (dict(zip(_grouped(view, question), key, strict=True)), groups[key]) for key in ranked[: question.limit]
    ]
    if question.other and ranked[question.limit :]:
        rest = [groups[key] for key in ranked[question.limit :]]
        shown.append(({"other": True}, ([r for a, _ in rest for r in a], [r for _, b in rest for r in b])))
    answer: Row = {}
    if daily:
        answer = {
            "from": str(question.first),
            "to": str(question.last),
            "granularity": question.granularity,
        }
    return answer | {
        "rows": _rows(view, question, asked, shown) if daily else [r | _members(asked, question, *s) for r, s in shown],
        "totals": _members(asked, question, now, earlier),
        "truncated": len(ranked) > question.limit,
    }


def _rows(view: ProvenView, question: Question, asked: list[ProvenMeasure], shown: Any) -> list[Row]:
    listed: list[tuple[Any, Row]] = []
    by_period = question.order in (None, "period", "-period")
    sign = -1 if (question.order or "").startswith("-") else 1
    for place, (group, sides) in enumerate(shown):
        periods = defaultdict[date, tuple[list[Row], list[Row]]](lambda: ([], []))
        if not question.group_by:
            for number in range((question.last - question.first).days + 1):
                periods[_period(question, question.first + timedelta(number))]
        for side, rows in enumerate(sides):
            for row in rows:
                periods[_period(question, row["day"])][side].append(row)
        for period, (now, earlier) in periods.items():
            row = group | _members(asked, question, now, earlier)
            if question.granularity != "total":
                row = {"period": str(period)} | row
            key: tuple[Any, ...] = (place, period)
            if by_period:
                key = (sign * period.toordinal(), *key)
            elif not question.group_by:
                measure = next(it for it in view.measures if it.name == (question.order or "").lstrip("-"))
                key = (_ordered(value_of(measure, now), sign), *key)
            listed.append((key, row))
    return [row for _, row in sorted(listed, key=lambda it: it[0])]


def _grouped(view: ProvenView, question: Question) -> list[str]:
    return [name for name in view.dimensions if name in question.group_by]


def _passes(view: ProvenView, question: Question, row: Row) -> bool:
    if view.source.time_kind is not None and row["day"] is None:
        return False
    return all(row[view.dimensions[name].name] in values for name, values in question.filters)


def _earlier(question: Question, rows: list[Row]) -> list[Row]:
    """Return the rows of the earlier range, each with the day that it is compared with."""
    length = (question.last - question.first).days + 1
    found = []
    for row in rows:
        if question.compare == "previous_period":
            day = row["day"] + timedelta(length)
            inside = question.first <= day <= question.last
        else:
            first, end = year_before(question.first), year_before(question.last + timedelta(1))
            inside = first <= row["day"] < max(end, first + timedelta(1))
            day = min(max(_year_after(row["day"]), question.first), question.last)
        if inside:
            found.append(row | {"day": day})
    return found


def year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _year_after(day: date) -> date:
    return day.replace(year=day.year + 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _period(question: Question, day: date) -> date:
    starts: dict[str, Callable[[], date]] = {
        "total": lambda: question.first,
        "day": lambda: day,
        "week": lambda: day - timedelta(day.weekday()),
        "month": lambda: day.replace(day=1),
        "quarter": lambda: day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": lambda: day.replace(month=1, day=1),
    }
    return max(starts[question.granularity](), question.first)


def _rank(view: ProvenView, question: Question, key: tuple[Any, ...], rows: list[Row]) -> Any:
    names, order = _grouped(view, question), (question.order or "").lstrip("-")
    sign = -1 if (question.order or "").startswith("-") else 1
    canonical = tuple((value is None, _ordinal(view, name, value)) for name, value in zip(names, key, strict=True))
    if order in names:
        value = key[names.index(order)]
        number = _ordinal(view, order, value)
        return ((value is None, _reversible(number, sign)), canonical)
    measure = next((it for it in view.measures if it.name == order), None)
    return ((_ordered(value_of(measure, rows), sign) if measure else (False, 0)), canonical)


def _ordinal(view: ProvenView, name: str, value: Any) -> Any:
    if value is None:
        return 0
    if view.dimensions[name].type == '"Shop"."Status"':
        return ("paid", "refunded", "draft").index(value)
    return value


def _reversible(value: Any, sign: int) -> Any:
    if sign == 1:
        return value
    return (*(-ord(letter) for letter in value), 1) if isinstance(value, str) else -value


def _ordered(value: Any, sign: int) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else sign * value)


def _members(asked: list[ProvenMeasure], question: Question, now: list[Row], earlier: list[Row]) -> Row:
    members = {it.name: value_of(it, now) for it in asked}
    if question.compare:
        members["previous"] = {it.name: value_of(it, earlier) for it in asked}
        members["change"] = {it.name: change_of(members[it.name], members["previous"][it.name]) for it in asked}
    return members


def change_of(now: Any, earlier: Any) -> Decimal | None:
    if now is None or not earlier or isinstance(now, str):
        return None
    return rounded((Decimal(now) - Decimal(earlier)) / Decimal(earlier), 4)


def value_of(measure: ProvenMeasure, rows: list[Row]) -> Any:
    counted = [row for row in rows if measure.where is None or row[measure.where]]
    values = [row[measure.argument] for row in counted if row.get(measure.argument) is not None]  # type: ignore[arg-type]
    if measure.verb in ("count", "sum", "distinct"):
        return sum(values) if measure.verb == "sum" else len(counted if measure.verb == "count" else set(values))
    return _one_of(measure, values) if values else None


def _one_of(measure: ProvenMeasure, values: list[Any]) -> Any:
    if measure.verb == "avg":
        return rounded(Decimal(sum(values)) / len(values), 2 if measure.decimals is None else measure.decimals)
    if measure.verb == "percentile":
        return sorted(values)[max(math.ceil((measure.at or 0) * len(values)), 1) - 1]
    return (min if measure.verb == "min" else max)(values)


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def all_measures(view: ProvenView, question: Question) -> Question:
    """Return the question with every measure of the view."""
    return replace(question, measures=tuple(it.name for it in view.measures))
