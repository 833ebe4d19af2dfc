"""What an answer must be: one plain SELECT over the host's table, and the order of the contract.

Invariant: nothing of the product is used. Which day belongs to which period is computed here in Python; local days are
casts in a session of the view's zone, where the product converts each time.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from tests.exactness.description import Description, Measure, cast_type
from tests.exactness.pools import STATE
from tests.exactness.questions import Question

Answer = dict[str, Any]
_NOW, _EARLIER, _EMPTY = 0, 1, 2
_ZONE = "SELECT set_config('TimeZone', %s, FALSE)"
_SELECT = """
WITH calendar AS (
    SELECT * FROM unnest(%(days)s::date[], %(sides)s::integer[], %(periods)s::date[]) c (day, side, period)
), fact AS MATERIALIZED (
    SELECT {day} AS day{facts} FROM {table} b WHERE b.{user} = %(user)s::{key}{where}
), counted AS MATERIALIZED (
    SELECT c.side, c.period, f.* FROM fact f JOIN calendar c ON {joined}
), grp AS MATERIALIZED (
    SELECT {groups}row_number() OVER (ORDER BY {ranks}) AS place, count(*) OVER () AS all_groups
    FROM (SELECT {groups}{rank_value} AS rank_value FROM counted c {grouping}) c
), placed AS (
    SELECT LEAST(g.place, %(limit)s::bigint + 1) AS place, c.* FROM counted c JOIN grp g ON {same}
    UNION ALL SELECT 1, %(empty)s, c.period, c.day{nulls} FROM calendar c
    WHERE c.side = 0 AND NOT %(grouped)s
), figures AS (
    SELECT grouping(c.place) AS is_total, c.place, c.period{figures}
    FROM placed c GROUP BY GROUPING SETS ((c.place, c.period), ())
)
SELECT s.is_total = 1, s.place, s.period::text, row_number() OVER (PARTITION BY s.is_total ORDER BY {row_order}),
    json_build_object({now})::text, json_build_object({earlier})::text, json_build_object({change})::text,
    (SELECT json_build_object({members})::text FROM grp g WHERE g.place = s.place AND s.place <= %(limit)s),
    COALESCE((SELECT max(g.all_groups) FROM grp g), 0)
FROM figures s
"""


def expected(connection: psycopg.Connection[Any], of: Description, asked: Question) -> Answer | None:
    """Return the answer, in the transaction that is open; None: there is no such user."""
    if of.users:
        there = f"SELECT EXISTS (SELECT FROM {of.users_table} u WHERE u.id = %s::{of.key_type})"
        if connection.execute(there.encode(), (asked.user,)).fetchone() == (False,):
            return None
    connection.execute(_ZONE, (of.zone,))
    rows = connection.execute(*_query(of, asked)).fetchall()
    connection.execute("RESET TimeZone")
    return _answer(of, asked, rows)


def _answer(of: Description, asked: Question, rows: list[tuple[Any, ...]]) -> Answer:
    totals: Answer = {}
    listed = []
    for is_total, place, period, rank, now, earlier, change, group, _ in rows:
        members = _read(now)
        if asked.compare:
            members |= {"previous": _read(earlier), "change": _read(change)}
        if is_total:
            totals = members
            continue
        if asked.group_by and place > asked.limit and not asked.other:
            continue
        named = _read(group) if asked.group_by and group else {"other": True} if asked.group_by else {}
        when = {"period": period} if of.time and asked.granularity != "total" else {}
        listed.append((_place(of, asked, place, period, rank), when | named | members))
    head = {"from": str(asked.first), "to": str(asked.last), "granularity": asked.granularity} if of.time else {}
    shown = [row for _, row in sorted(listed, key=lambda it: it[0])]
    truncated = bool(asked.group_by) and rows[0][-1] > asked.limit
    return head | {"rows": shown, "totals": totals, "truncated": truncated}


def _place(of: Description, asked: Question, place: int, period: str | None, rank: int) -> tuple[Any, ...]:
    number = date.fromisoformat(period).toordinal() if period else 0
    if asked.order in (None, "period", "-period"):
        return (-number if asked.order == "-period" else number, place)
    return (place, number) if asked.group_by else (rank,)


def _read(text: str) -> Answer:
    return dict(json.loads(text, parse_float=Decimal))


def _query(of: Description, asked: Question) -> tuple[bytes, dict[str, Any]]:
    grouped = [name for name in of.dimensions if name in asked.group_by]
    measures = [of.measures[name] for name in of.measures if name in asked.measures]
    order, sign = (asked.order or "").lstrip("-"), " DESC" if (asked.order or "").startswith("-") else ""
    ordered = of.measures.get(order)
    most = min(500, 1600 // (1 + sum(it.type.startswith("text") for it in of.dimensions.values())))
    facts = [f"{it.shown(most)} AS g_{name}" for name, it in of.dimensions.items()]
    for it in of.measures.values():
        facts += [f"{it.argument.sql} AS a_{it.name}"] if it.argument else []
        facts += [f"{it.where.sql} AS w_{it.name}"] if it.where else []
    days = list(_calendar(of, asked))
    filters, values = _filters(of, asked)
    ranks = [f"c.g_{order}{sign} NULLS LAST"] if order in grouped else []
    ranks += [_order(ordered, "c.rank_value", sign)] if ordered else []
    ranks += [f"c.g_{name} NULLS LAST" for name in grouped]
    text = _SELECT.format(
        day=_day(of),
        facts="".join(f", {it}" for it in facts),
        nulls=", NULL" * len(facts),
        table=of.table,
        user=of.user.escaped,
        key=of.key_type,
        where=(f" AND ({of.where.sql})" if of.where else "") + filters,
        joined="c.day = f.day" if of.time else "TRUE",
        groups="".join(f"c.g_{name}, " for name in grouped),
        grouping=f"GROUP BY {', '.join(f'c.g_{name}' for name in grouped)}" if grouped else "GROUP BY ()",
        rank_value=_figure(ordered, _NOW) if ordered else "0",
        ranks=", ".join(ranks) or "1",
        same=" AND ".join(f"g.g_{name} IS NOT DISTINCT FROM c.g_{name}" for name in grouped) or "TRUE",
        figures="".join(
            f", {_figure(it, side)} AS {prefix}_{it.name}"
            for it in {**{m.name: m for m in measures}, **({order: ordered} if ordered else {})}.values()
            for side, prefix in ((_NOW, "n"), (_EARLIER, "e"))
        ),
        row_order=f"{_order(ordered, f's.n_{order}', sign)}, s.period" if ordered else "s.period",
        now=", ".join(f"'{it.name}', s.n_{it.name}" for it in measures),
        earlier=", ".join(f"'{it.name}', s.e_{it.name}" for it in measures),
        change=", ".join(f"'{it.name}', {_change(it)}" for it in measures),
        members=", ".join(f"'{name}', g.g_{name}" for name in grouped),
    )
    values |= {
        "user": asked.user,
        "limit": asked.limit,
        "grouped": bool(grouped),
        "empty": _EMPTY,
        "days": [day for day, _, _ in days],
        "sides": [side for _, side, _ in days],
        "periods": [period for _, _, period in days],
    }
    return text.encode(), values


def _day(of: Description) -> str:
    """Return a row's day, in a session of the view's zone; a time outside of what is counted has none."""
    if of.time is None:
        return "NULL::date"
    at = f"b.{of.time.escaped}"
    if of.time_type == "date":
        return f"CASE WHEN {at} >= '0001-01-02'::date AND {at} <= '9999-12-30'::date THEN {at} END"
    offset = "+00" if of.time_type == "timestamptz" else ""
    kind = of.time_type
    inside = f"{at} >= '0001-01-04 00:00{offset}'::{kind} AND {at} <= '9999-12-29 00:00{offset}'::{kind}"
    moment = at if offset else f"timezone('{of.stored_zone}', {at})"
    return f"CASE WHEN {inside} THEN {moment}::date END"


def _filters(of: Description, asked: Question) -> tuple[str, dict[str, Any]]:
    text, values = "", dict[str, Any]()
    for number, (name, chosen) in enumerate(asked.filters):
        dimension = of.dimensions[name]
        kind = "text" if dimension.type == STATE else cast_type(dimension.type)
        own = f"({dimension.sql})::{kind}"
        unknown = f" OR {own} IS NULL" if None in chosen else ""
        text += f" AND ({own} IN (SELECT unnest(%(f{number})s::text[])::{kind}){unknown})"
        values[f"f{number}"] = [it for it in chosen if it is not None]
    return text, values


def _figure(measure: Measure, side: int) -> str:
    conditions = [f"c.side = {side}"] + ([f"c.w_{measure.name}"] if measure.where else [])
    only, argument = f"FILTER (WHERE {' AND '.join(conditions)})", f"c.a_{measure.name}"
    return {
        "count": f"count(*) {only}",
        "sum": f"COALESCE(sum({argument}) {only}, 0)",
        "avg": f"round(avg({argument}) {only}, {measure.decimals})",
        "min": f"min({argument}) {only}",
        "max": f"max({argument}) {only}",
        "distinct": f"count(DISTINCT {argument}) {only}",
        "percentile": f"percentile_disc({measure.at}) WITHIN GROUP (ORDER BY {argument}) {only}",
    }[measure.verb]


def _order(measure: Measure, value: str, sign: str) -> str:
    """Return the keys of an order by a measure: either way what is no number comes last, but for what is not there."""
    no_number = f"({value})::numeric = 'NaN', " if measure.is_number else ""
    return f"{no_number}{value}{sign} NULLS LAST"


def _change(measure: Measure) -> str:
    if not measure.is_number:
        return "NULL"
    now, earlier = f"s.n_{measure.name}::numeric", f"s.e_{measure.name}::numeric"
    return f"CASE WHEN {earlier} <> 0 THEN round(({now} - {earlier}) / {earlier}, 4) END"


def _calendar(of: Description, asked: Question) -> Iterator[tuple[date | None, int, date | None]]:
    """Yield each day that counts, the side that it is on, and the first day of the period in which it counts."""
    if of.time is None:
        yield None, _NOW, None
        return
    length = (asked.last - asked.first).days + 1
    for number in range(length):
        day = asked.first + timedelta(number)
        yield day, _NOW, _period(asked, day)
    if asked.compare == "previous_period":
        for number in range(length):
            day = asked.first + timedelta(number)
            yield day - timedelta(length), _EARLIER, _period(asked, day)
    elif asked.compare == "previous_year":
        day, end = _year_before(asked.first), _year_before(asked.last + timedelta(1))
        end = max(end, day + timedelta(1))
        while day < end:
            meant = min(max(_year_after(day), asked.first), asked.last)
            yield day, _EARLIER, _period(asked, meant)
            day += timedelta(1)


def _period(asked: Question, day: date) -> date:
    quarter = (day.month - 1) // 3 * 3 + 1
    begins = {
        "total": asked.first,
        "day": day,
        "week": day - timedelta(day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=quarter, day=1),
        "year": day.replace(month=1, day=1),
    }[asked.granularity]
    return max(begins, asked.first)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _year_after(day: date) -> date:
    return day.replace(year=day.year + 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
