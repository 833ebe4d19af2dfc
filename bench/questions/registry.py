"""The questions, in the order in which they are measured.

Invariant: a question's module is imported only when it is measured; it has ``measure(stand)``.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TypeAlias

from bench.findings.finding import Absence, Finding
from bench.findings.plot import Picture
from bench.system.stand import Stand

QUESTIONS = (
    "overview",
    "exact_cost",
    "declared_read",
    "dashboards",
    "distinct",
    "stale_days",
    "long_history",
    "history",
    "billion",
    "refresh",
    "first_population",
    "memory",
    "hit_in_process",
    "http_hit",
    "http_growth",
    "freshness",
    "writes",
    "continuous_aggregates",
    "drain_flat",
    "many_users",
    "redefinition",
    "bulk",
    "bloat",
    "warming",
    "pages",
    "open_pages",
)
Found: TypeAlias = Finding | Absence | Picture
Measure: TypeAlias = Callable[[Stand], Iterable[Found]]


def measure_of(question: str) -> Measure:
    """Return the function that answers a question."""
    measure: Measure = import_module(f"bench.questions.{question}").measure
    return measure
