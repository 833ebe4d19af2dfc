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
    """Return each agent's calls, completed, cost, leads and converted, by its name."""
    found = facts_of(system.sql, user).within(first, last)
    return {found.agents[agent]: _agent_row(of_agent) for agent, of_agent in found.by_agent()}


def text_of(described: dict[str, Any], value: Any) -> str:
    """Return a value of an answer as the page writes it, by what the application says about its measure."""
    unit, decimals = described.get("unit"), described.get("decimals")
    if value is None:
        return NONE
    if unit == "cents":
        return f"{_to(Decimal(str(value)) / 100, '0.01'):,}"
    if unit == "percent":
        return f"{_rounded(Decimal(str(value)) * 100)}%"
    if unit == "seconds":
        return clock(value)
    if unit and unit.startswith("currency:EUR"):
        return f"€{value:,.2f}"
    return f"{value:,.{decimals}f}" if decimals is not None else f"{value:,}" if isinstance(value, int) else str(value)


def clock(seconds: float) -> str:
    """Return a length of time."""
    whole = int(Decimal(str(seconds)).quantize(Decimal(1), ROUND_HALF_UP))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours:,}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(value: Any) -> str:
    """Return a whole number."""
    return f"{value:,}"


def credits_of(cents: int) -> str:
    """Return an amount given in cents."""
    return f"{Decimal(cents) / 100:,.2f}"


def rate(part: int, whole: int) -> str:
    """Return a share as of an answer that tells four decimals of it."""
    return NONE if not whole else f"{_rounded(100 * _to(Decimal(part) / Decimal(whole), '0.0001'))}%"


def cents_each(cents: int | None, parts: int) -> str:
    """Return cents divided, as an amount; an answer tells hundredths of a cent."""
    if not parts or cents is None:
        return NONE
    return f"{_to(_to(Decimal(cents) / parts, '0.01') / 100, '0.01'):,}"


def _agent_row(found: Facts) -> list[str]:
    calls, completed = found.count_calls(), found.count_calls("completed")
    leads, converted = found.count_leads(), found.count_leads("converted")
    return [count(calls), count(completed), credits_of(found.cost_cents), count(leads), count(converted)]


def day_label(day: date, *, year: bool = False) -> str:
    """Return a day, e.g. Nov 3."""
    return f"{day:%b} {day.day}" + (f", {day.year}" if year else "")


def _to(value: Decimal, step: str) -> Decimal:
    return value.quantize(Decimal(step), ROUND_HALF_UP)


def _rounded(value: Decimal) -> str:
    return f"{_to(value, '0.1').normalize():f}"
