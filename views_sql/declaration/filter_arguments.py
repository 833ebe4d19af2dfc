"""Filters among the arguments of a question: of each dimension the values that count, and whether NULL does.

Invariant: equal sets of values are equal arguments, in whatever order and how often they are given.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from views_sql.declaration.served import ServedDimension

NULL = ".null"  # Behind a dimension's name: the parameter that asks for rows without a value.


def filter_arguments(dimensions: Iterable[ServedDimension]) -> tuple[str, ...]:
    """Return the names of the arguments, in the order of the function's parameters."""
    return tuple(name for it in dimensions for name in (it.name, it.name + NULL))


def canonical_filters(dimensions: Iterable[ServedDimension], given: Mapping[str, Any]) -> dict[str, Hashable]:
    """Return the arguments that stand for all spellings of the same filters; None where there is none."""
    made: dict[str, Hashable] = {}
    for it in dimensions:
        made[it.name] = tuple(sorted(set(given.get(it.name) or ()))) or None
        made[it.name + NULL] = given.get(it.name + NULL) or None
    return made
