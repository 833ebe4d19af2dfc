"""What the page must show, computed by the oracle from the base tables, as people of en-US read it."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.fix_app import System
from tests.oracle.base_tables import OUTCOMES, Facts, days_from, facts_of

NONE = "–"


def today_of(system: System, user: int) -> date:
    """Return the user's own day."""
    return facts_of(system.sql, user).today


def last_days(system: System, user: int, days: int = 30) -> tuple[date, date]:
    """Return the first and the last of the user's last days."""
    today = today_of(system, user)
    return today - timedelta(days=days - 1), today


def headline(system: System, user: int, first: date, last: date) -> dict[str, str]:
    """Return the four headline figures of a period."""
    found = facts_of(system.sql, user).within(first, last)
    calls, converted = found.count_calls(), found.count_leads("converted")
    return {
        "calls": count(calls),
        "success_rate": rate(found.count_calls("completed"), calls),
        "conversion_rate": rate(converted, found.count_leads()),
        "cost_per_converted_lead_cents": cents_each(found.cost_cents if calls else None, converted),
    }


def calls_by_day(system: System, user: int, first: date, last: date) -> list[list[str]]:
    """Return a row a day: the day, and the calls of each outcome."""
    counted = facts_of(system.sql, user).outcomes(first, last)
    years = first.year != last.year
    return [
        [day_label(day, year=years), *(count(counted[day, outcome]) for outcome in OUTCOMES)]
        for day in days_from(first, last)
    ]


def agent_rows(system: System, user: int, first: date, last: date) -> dict[str, list[str]]:
    """Return each agent's calls, completed, leads and converted, by its name."""
    found = facts_of(system.sql, user).within(first, last)
    return {found.agents[agent]: _agent_row(of_agent) for agent, of_agent in found.by_agent()}


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


def _agent_row(found: Facts) -> list[str]:
    calls, leads = found.count_calls(), found.count_leads()
    completed, converted = found.count_calls("completed"), found.count_leads("converted")
    return [count(calls), percent(completed, calls), count(leads), percent(converted, leads)]


def day_label(day: date, *, year: bool = False) -> str:
    """Return a day, e.g. Nov 3."""
    return f"{day:%b} {day.day}" + (f", {day.year}" if year else "")


def _to(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), ROUND_HALF_UP)


def _rounded(value: Decimal) -> str:
    return f"{_to(value, '0.1').normalize():f}"
