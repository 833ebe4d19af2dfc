"""Every kind of exact read of the neutral application, and what its base tables hold of one member.

Invariant: :data:`_FACTS` shares nothing with the product's SQL; what it finds is added up in Python.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tests.neutral.catalog import CATALOG
from tests.oracle.comparisons import Oracle

_REST = "NULL, NULL, NULL, NULL, NULL"  # measures, order, limit, other, compare
_LOANS = "frontview.loans_1_read({user}, "
_RENEWALS = "frontview.renewals_1_read({user}, "
_COUNTER = "frontview.counter_1_dashboard({user}, "
READS = {
    "loans": f"{_LOANS}CURRENT_DATE - 44, CURRENT_DATE, 'day', NULL, NULL, NULL, {_REST}, {{base}})",
    "loans by branch": f"{_LOANS}CURRENT_DATE - 19, CURRENT_DATE, 'total', '{{{{branch}}}}', NULL, NULL, NULL, NULL, "
    "NULL, NULL, 'previous_period', {base})",
    "every loan": f"{_LOANS}CURRENT_DATE - 3999, CURRENT_DATE, 'total', NULL, NULL, NULL, {_REST}, {{base}})",
    "renewals": f"{_RENEWALS}CURRENT_DATE - 44, CURRENT_DATE, 'week', NULL, NULL, NULL, {_REST}, {{base}})",
    "renewals by desk": f"{_RENEWALS}CURRENT_DATE - 44, CURRENT_DATE, 'day', '{{{{desk}}}}', NULL, NULL, {_REST}, "
    "{base})",
    "counter": f"{_COUNTER}CURRENT_DATE - 29, CURRENT_DATE, 'month', NULL, NULL, NULL, NULL, {{base}})",
    "counter of two desks": f"{_COUNTER}CURRENT_DATE - 4, CURRENT_DATE - 2, 'day', '{{{{1,2}}}}', NULL, 'desk', 1, "
    "{base})",
    "renewed": "frontview.renewed_1_list({user}, NULL, NULL, 5, {base})",
    "account": f"frontview.account_1_read({{user}}, NULL, {_REST.removesuffix(', NULL')}, {{base}})",
}
_FACTS = """
(SELECT json_build_object(
    'points', m.points,
    'loans', ARRAY(
        SELECT json_build_array(day, branch, count(*), sum(fee_cents), count(*) FILTER (WHERE fee_cents = 0))
        FROM loan WHERE member_id = m.id GROUP BY day, branch
    ),
    'renewals', ARRAY(
        SELECT json_build_array(date(renewed_at AT TIME ZONE 'America/New_York'), desk, loan_id)
        FROM renewal WHERE member_id = m.id
    ),
    'newest', ARRAY(
        SELECT json_build_object('renewal', r.id, 'loan', r.loan_id, 'desk', (SELECT title FROM desk WHERE id = r.desk))
        FROM renewal r WHERE r.member_id = m.id ORDER BY r.renewed_at DESC, r.id DESC LIMIT 5
    )
) FROM member m WHERE m.id = {user})
"""
Figures = tuple[Any, Any]


def _loans(facts: dict[str, Any], first: date, last: date) -> Iterator[tuple[date, str | None, Counter[str]]]:
    for text, branch, loans, fees, free in facts["loans"]:
        if first <= (day := date.fromisoformat(text)) <= last:
            yield day, branch, Counter(loans=loans, fees=fees, free=free)


def _renewals(facts: dict[str, Any], first: date, last: date) -> Iterator[tuple[date, int, int]]:
    for text, desk, loan in facts["renewals"]:
        if first <= (day := date.fromisoformat(text)) <= last:
            yield day, desk, loan


def _measures(row: dict[str, Any]) -> Counter[str]:
    """Return the measures of a row that are not 0."""
    return +Counter({name: row[name] for name in ("loans", "fees", "free", "renewals", "books") if name in row})


def _of_loans(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    days = Counter[date]()
    total = Counter[str]()
    for day, _, found in _loans(facts, today - timedelta(44), today):
        days[day] += found["loans"]
        total += found
    given = {date.fromisoformat(row["period"]): row["loans"] for row in data["rows"]}
    everyday = {today - timedelta(number): days[today - timedelta(number)] for number in range(45)}
    return (given, _measures(data["totals"])), (everyday, +total)


def _of_branches(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    wanted: dict[str | None, tuple[Counter[str], Counter[str]]] = {}
    for days, side in ((0, 0), (20, 1)):
        for _, branch, found in _loans(facts, today - timedelta(days + 19), today - timedelta(days)):
            wanted.setdefault(branch, (Counter(), Counter()))[side].update(found)
    given = {row["branch"]: (_measures(row), _measures(row["previous"])) for row in data["rows"]}
    return given, {branch: (+now, +before) for branch, (now, before) in wanted.items()}


def _of_every_loan(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    total = Counter[str]()
    for _, _, found in _loans(facts, today - timedelta(3999), today):
        total += found
    return _measures(data["totals"]), +total


def _of_renewals(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    found = list(_renewals(facts, today - timedelta(44), today))
    weeks = Counter(max(day - timedelta(day.weekday()), today - timedelta(44)) for day, _, _ in found)
    given = +Counter({date.fromisoformat(row["period"]): row["renewals"] for row in data["rows"]})
    books = len({loan for _, _, loan in found})
    furthest = max((desk for _, desk, _ in found), default=None)
    totals = data["totals"]
    return (given, _measures(totals), totals["furthest"]), (
        weeks,
        +Counter(renewals=len(found), books=books),
        furthest,
    )


def _of_desks(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    wanted = Counter((day, desk) for day, desk, _ in _renewals(facts, today - timedelta(44), today))
    return Counter({(date.fromisoformat(it["period"]), it["desk"]): it["renewals"] for it in data["rows"]}), wanted


def _of_counter(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    ever = list(_renewals(facts, date.min, date.max))
    now = list(_renewals(facts, today - timedelta(29), today))
    before = list(_renewals(facts, today - timedelta(59), today - timedelta(30)))
    counted = Counter(desk for _, desk, _ in now)
    furthest = {desk: desk for desk in counted}
    given = (
        data["member"]["points"],
        (data["recent"]["current"]["renewals"], data["recent"]["previous"]["renewals"]),
        data["sums"]["all_time"],
        data["daily"]["totals"],
        {it["desk"]: (it["renewals"], sum(it["sparkline"]), it["furthest"]) for it in data["desks"]["rows"]},
        data["renewed"],
    )
    wanted = (
        facts["points"],
        (len(now), len(before)),
        {"renewals": len(ever), "books": len({loan for _, _, loan in ever})},
        {"renewals": len(now), "books": len({loan for _, _, loan in now})},
        {desk: (number, number, furthest[desk]) for desk, number in counted.items()},
        facts["newest"],
    )
    return given, wanted


def _of_two_desks(data: dict[str, Any], facts: dict[str, Any], today: date) -> Figures:
    counted = Counter(desk for _, desk, _ in _renewals(facts, today - timedelta(4), today - timedelta(2)))
    least = [(desk, number) for desk, number in sorted(counted.items()) if desk in (1, 2)][:1]
    total = sum(counted[desk] for desk in (1, 2))
    given = [(it["desk"], it["renewals"]) for it in data["desks"]["rows"]], data["daily"]["totals"]["renewals"]
    return given, (least, total)


def _of_newest(data: list[dict[str, Any]], facts: dict[str, Any], _today: date) -> Figures:
    return data, facts["newest"]


def _of_account(data: dict[str, Any], facts: dict[str, Any], _today: date) -> Figures:
    return data["totals"]["points"], facts["points"]


ORACLE = Oracle(
    CATALOG,
    READS,
    _FACTS,
    {
        "loans": _of_loans,
        "loans by branch": _of_branches,
        "every loan": _of_every_loan,
        "renewals": _of_renewals,
        "renewals by desk": _of_desks,
        "counter": _of_counter,
        "counter of two desks": _of_two_desks,
        "renewed": _of_newest,
        "account": _of_account,
    },
)
