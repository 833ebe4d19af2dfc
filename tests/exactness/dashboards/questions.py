"""Random questions about dashboards and lists, the calls that ask them, and their addresses."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import psycopg

from tests.exactness.dashboards.declared import Dashboard, Declared, Listing
from tests.exactness.dashboards.host import PRODUCT_KEYS
from tests.exactness.pools import POOLS, TEXT

GRANULARITIES = ("day", "day", "week", "month", "quarter", "year")
NUMBER = 1  # Of the declaration.
ARGUMENTS = """
SELECT p.proargnames::text[], ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY u (t, n)
ORDER BY n)
FROM pg_proc p WHERE p.oid = to_regproc(%s)
"""


@dataclass(frozen=True)
class Question:
    """A question; ``filters`` hold texts of values, and None for NULL. What is None was left open.

    :param of: the name of a dashboard, or ``list.`` and the name of a list.
    """

    of: str
    user: str
    first: date | None
    last: date | None
    granularity: str
    filters: tuple[tuple[str, tuple[str | None, ...]], ...]
    order: str | None
    limit: int | None
    base: bool


def ask(of: Declared, chance: Random) -> Question:
    """Return a question that is no mistake."""
    asked: Dashboard | Listing
    listed = chance.random() < 0.15
    asked = chance.choice(list(of.lists.values())) if listed else chance.choice(list(of.dashboards.values()))
    names = tuple(asked.dimensions) if isinstance(asked, Listing) else asked.filters
    first, last = _days(of, chance)
    return Question(
        f"list.{asked.name}" if listed else asked.name,
        chance.choice(of.host.keys),
        first,
        last,
        chance.choice(GRANULARITIES),
        tuple((name, _chosen(of, asked, name, chance)) for name in names if chance.random() < 0.4),
        _order(of, asked, chance),
        chance.choice((None, None, 1, 2, 3, 50)),
        chance.random() < 0.1,
    )


def _days(of: Declared, chance: Random) -> tuple[date | None, date | None]:
    if chance.random() < 0.3:
        return None, None
    middle = datetime.fromisoformat(chance.choice(of.instants)).date()
    days = chance.choice((1, 1, 2, 3, 7, 30, 31, 45, 366 if chance.random() < 0.2 else 5))
    first = middle + timedelta(chance.randint(-days, 1) if chance.random() < 0.7 else chance.randint(-60, 30))
    return first, first + timedelta(days - 1)


def _chosen(of: Declared, asked: Dashboard | Listing, name: str, chance: Random) -> tuple[str | None, ...]:
    pool = PRODUCT_KEYS[of.host.product_type] if name == "product" else (*POOLS[TEXT], "??", "never")
    more = (None,) if of.may_be_null(asked, name) else ()
    return tuple(chance.sample((*pool, *more), chance.randint(1, 3)))


def _order(of: Declared, asked: Dashboard | Listing, chance: Random) -> str | None:
    if isinstance(asked, Listing) or chance.random() < 0.5:
        return None
    known = {
        name
        for panel in asked.panels
        if panel.kind == "groups"
        for name in (*panel.by, *(it.name for it in panel.figures if of.ranks(it)))
    }
    return chance.choice(("", "-")) + chance.choice(sorted(known)) if known else None


def function_of(asked: Question) -> str:
    """Return the function that answers under the first declaration."""
    kind, name = ("list", asked.of.removeprefix("list.")) if asked.of.startswith("list.") else ("dashboard", asked.of)
    return f"frontview.{name}_{NUMBER}_{kind}"


def call(c: psycopg.Connection[Any], asked: Question, function: str) -> tuple[bytes, list[object]]:
    """Return the statement that asks; what the function has no parameter for is left out."""
    row = c.execute(ARGUMENTS, (function,)).fetchone()
    assert row is not None, function
    values: dict[str, object] = {
        "p_user": asked.user, "p_from": asked.first, "p_to": asked.last, "p_granularity": asked.granularity,
        "p_order": asked.order, "p_limit": asked.limit, "p_base": asked.base,
    }  # fmt: skip
    for dimension, chosen in asked.filters:
        values[f"f_{dimension}"] = [it for it in chosen if it is not None]
        values[f"fn_{dimension}"] = None in chosen
    given, texts = [], []
    for argument, type_name in zip(row[0], row[1], strict=False):
        array = "::text[]" if type_name.endswith("[]") else "::text" if argument == "p_user" else ""
        texts.append(f"{argument} => %s{array}::{type_name}")
        given.append(values.get(argument))
    return f"SELECT r.body FROM {function}({', '.join(texts)}) r".encode(), given


def address(of: Declared, asked: Question) -> tuple[str, list[tuple[str, str]]]:
    """Return the path that asks, and its parameters: those that something heeds."""
    pairs: list[tuple[str, str]] = []
    for name, chosen in asked.filters:
        pairs += [(name, it) if it is not None else (f"{name}.null", "true") for it in chosen]
    limit = [("limit", str(asked.limit))] if asked.limit else []
    if asked.of.startswith("list."):
        return f"/api/v1/list/{asked.of.removeprefix('list.')}", [*pairs, *limit]
    dashboard = of.dashboards[asked.of]
    if ranged(of, dashboard):
        pairs += [("from", str(asked.first))] if asked.first else []
        pairs += [("to", str(asked.last))] if asked.last else []
    pairs += [("granularity", asked.granularity)] if dashboard.some("series") else []
    pairs += limit if dashboard.some("groups") else []
    return f"/api/v1/dashboard/{asked.of}", [*pairs, *([("order", asked.order)] if asked.order else [])]


def ranged(of: Declared, dashboard: Dashboard) -> bool:
    """Return whether days that a request names change something."""
    grouped = [panel for panel in dashboard.panels if panel.kind == "groups"]
    return dashboard.some("series", "compare") or any(
        of.views[view].daily for panel in grouped for figure in panel.shown for view in of.views_of(figure)
    )
