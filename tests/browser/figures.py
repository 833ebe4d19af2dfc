"""What the page must show, from the base tables by SQL of the tests' own, as people of en-US read it."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.fix_app import System

NONE = "–"
LOCAL = "(c.started_at AT TIME ZONE u.timezone)::date"
TODAY = "(now() AT TIME ZONE u.timezone)::date"
CALLS = f"calls c JOIN users u ON u.id = c.user_id WHERE u.id = %s AND {LOCAL}"
ANALYZED = "(l.analyzed_at AT TIME ZONE u.timezone)::date"
LEADS = f"lead_analytics l JOIN users u ON u.id = l.user_id WHERE u.id = %s AND {ANALYZED}"
OUTCOMES = ("completed", "failed", "no_answer", "busy", "in_progress")


def today_of(system: System, user: int) -> date:
    """Return the user's own day."""
    day: date = system.value(f"SELECT {TODAY} FROM users u WHERE id = %s", user)
    return day


def last_days(system: System, user: int, days: int = 30) -> tuple[date, date]:
    """Return the first and the last of the user's last days."""
    today = today_of(system, user)
    return today - timedelta(days=days - 1), today


def headline(system: System, user: int, first: date, last: date) -> dict[str, str]:
    """Return the four headline figures of a period."""
    among = (user, first, last)
    row = system.sql.execute(
        f"SELECT count(*), count(*) FILTER (WHERE status = 'completed'), sum(cost_cents) FROM {CALLS} "
        "BETWEEN %s AND %s",
        among,
    ).fetchone()
    assert row is not None
    calls, completed, cents = row
    leads, converted = system.sql.execute(
        f"SELECT count(*), count(*) FILTER (WHERE stage = 'converted') FROM {LEADS} BETWEEN %s AND %s", among
    ).fetchone() or (0, 0)
    return {
        "calls": count(calls),
        "success_rate": rate(completed, calls),
        "conversion_rate": rate(converted, leads),
        "cost_per_converted_lead_cents": cents_each(cents, converted),
    }


def calls_by_day(system: System, user: int, first: date, last: date) -> list[list[str]]:
    """Return a row a day: the day, and the calls of each outcome."""
    found = {
        (row[0], row[1]): row[2]
        for row in system.sql.execute(
            f"SELECT {LOCAL}, status, count(*) FROM {CALLS} BETWEEN %s AND %s GROUP BY 1, 2", (user, first, last)
        )
    }
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    years = len({day.year for day in days}) > 1
    return [[day_label(day, year=years), *(count(found.get((day, it), 0)) for it in OUTCOMES)] for day in days]


def agent_rows(system: System, user: int, first: date, last: date) -> dict[str, list[str]]:
    """Return each agent's calls, completed, leads and converted, by its name."""
    return {
        name: [count(calls), percent(completed, calls), count(leads), percent(converted, leads)]
        for name, calls, completed, leads, converted in system.sql.execute(
            "SELECT a.name, (SELECT count(*) FROM calls c JOIN users u ON u.id = c.user_id WHERE c.agent_id = a.id AND "
            f"{LOCAL} BETWEEN %(first)s AND %(last)s), "
            "(SELECT count(*) FROM calls c JOIN users u ON u.id = c.user_id WHERE c.agent_id = a.id AND "
            f"c.status = 'completed' AND {LOCAL} BETWEEN %(first)s AND %(last)s), "
            "(SELECT count(*) FROM lead_analytics l JOIN users u ON u.id = l.user_id WHERE l.agent_id = a.id AND "
            f"{ANALYZED} BETWEEN %(first)s AND %(last)s), "
            "(SELECT count(*) FROM lead_analytics l JOIN users u ON u.id = l.user_id WHERE l.agent_id = a.id AND "
            f"l.stage = 'converted' AND {ANALYZED} BETWEEN %(first)s AND %(last)s) "
            "FROM agents a WHERE a.user_id = %(user)s",
            {"user": user, "first": first, "last": last},
        )
    }


def count(value: Any) -> str:
    """Return a whole number."""
    return f"{value:,}"


def credits_of(cents: int) -> str:
    """Return an amount given in cents."""
    return f"{Decimal(cents) / 100:,.2f}"


def percent(part: int, whole: int) -> str:
    """Return a share, to a tenth of a percent."""
    return NONE if not whole else f"{_rounded(Decimal(part) / Decimal(whole) * 100)}%"


def rate(part: int, whole: int) -> str:
    """Return a share as of an answer that tells four decimals of it."""
    return NONE if not whole else f"{_rounded(100 * _to(Decimal(part) / Decimal(whole), '0.0001'))}%"


def cents_each(cents: int | None, parts: int) -> str:
    """Return cents divided, as an amount; an answer tells hundredths of a cent."""
    if not parts or cents is None:
        return NONE
    return f"{_to(_to(Decimal(cents) / parts, '0.01') / 100, '0.01'):,}"


def day_label(day: date, *, year: bool = False) -> str:
    """Return a day, e.g. Nov 3."""
    return f"{day:%b} {day.day}" + (f", {day.year}" if year else "")


def _to(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), ROUND_HALF_UP)


def _rounded(value: Decimal) -> str:
    return f"{_to(value, '0.1').normalize():f}"
