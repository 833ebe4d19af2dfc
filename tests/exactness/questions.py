"""Random questions about a described view, and the call that asks one."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from tests.exactness.description import Description, cast_type
from tests.exactness.pools import STATE

FUNCTION = "frontview.things_1_read"
GRANULARITIES = ("total", "day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Question:
    """A question; ``filters`` hold texts of values, and None for NULL. Without days the first six are not asked."""

    user: str
    first: date
    last: date
    granularity: str
    compare: str | None
    group_by: tuple[str, ...]
    filters: tuple[tuple[str, tuple[str | None, ...]], ...]
    measures: tuple[str, ...]
    order: str | None
    limit: int
    other: bool
    base: bool


def ask(of: Description, chance: Random) -> Question:
    """Return a question that is no mistake."""
    grouped = tuple(name for name in of.dimensions if chance.random() < 0.5)
    measures = tuple(name for name in of.measures if chance.random() < 0.7) or tuple(of.measures)
    middle = datetime.fromisoformat(chance.choice(of.instants)).date()
    days = chance.choice((1, 1, 2, 3, 7, 31, 60))
    granularity = chance.choice(GRANULARITIES)
    if granularity != "day" and chance.random() < 0.3:
        days = chance.choice((100, 366, 400))
    first = middle + timedelta(chance.randint(-days, 1) if chance.random() < 0.6 else chance.randint(-60, 30))
    able = [name for name in measures if of.measures[name].is_number or of.measures[name].argument.type == "date"]  # type: ignore[union-attr]
    orders = [*grouped, *able, *(["period"] if of.time else [])]
    order = chance.choice(("", "-")) + chance.choice(orders) if orders and chance.random() < 0.6 else None
    return Question(
        chance.choice(of.keys),
        first,
        first + timedelta(days - 1),
        granularity,
        chance.choice((None, None, "previous_period", "previous_year")) if of.time else None,
        grouped,
        tuple((name, _chosen(of, name, chance)) for name in of.dimensions if chance.random() < 0.25),
        measures,
        order,
        chance.choice((1, 2, 3, 100)),
        chance.random() < 0.4,
        chance.random() < 0.1,
    )


def _chosen(of: Description, name: str, chance: Random) -> tuple[str | None, ...]:
    pool = of.dimensions[name].pool
    return tuple(chance.sample(pool, chance.randint(1, min(3, len(pool)))))


def call(of: Description, asked: Question) -> tuple[bytes, list[object]]:
    """Return the statement of a read, with its values."""
    given: list[tuple[str, object]] = [("text::frontview.user_key", asked.user)]
    if of.time:
        given += [("date", asked.first), ("date", asked.last), ("text", asked.granularity)]
    given.append(("text[]", list(asked.group_by)))
    filters = dict(asked.filters)
    for name, dimension in of.dimensions.items():
        chosen = filters.get(name)
        kind = "text" if dimension.type == STATE else cast_type(dimension.type)
        given.append((f"text[]::{kind}[]", chosen and [it for it in chosen if it is not None]))
        given.append(("boolean", bool(chosen) and None in (chosen or ())))
    given += [("text[]", list(asked.measures)), ("text", asked.order), ("integer", asked.limit)]
    given.append(("boolean", asked.other))
    given += [("text", asked.compare)] if of.time else []
    given.append(("boolean", asked.base))
    arguments = ", ".join(f"%s::{kind}" for kind, _ in given)
    return f"SELECT r.body FROM {FUNCTION}({arguments}) r".encode(), [value for _, value in given]
