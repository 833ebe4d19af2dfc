"""A benchmark's findings: plain values, one for each line of the table and of the JSON.

Invariant: a ratio is taken round by round, of figures that are neighbours in time, and only then summarised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import ge, le
from statistics import median


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a finding's ratio (or its median, when it has none) should keep.

    :param relation: ``>=`` or ``<=``.
    """

    relation: str
    bound: float

    def is_met(self, value: float) -> bool:
        """Return whether ``value`` keeps the bound."""
        return bool({">=": ge, "<=": le}[self.relation](value, self.bound))

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of some figures."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured thing.

    :param case: the circumstances; findings of one case belong together.
    :param what: the contender.
    :param value: over the rounds, in ``unit``.
    :param ratio: against the case's peer; ``of`` says in words which is divided by which.
    """

    case: str
    what: str
    value: Spread
    unit: str
    ratio: Spread | None = None
    of: str = ""
    goal: Goal | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.goal.is_met((self.ratio or self.value).median)


@dataclass(frozen=True, slots=True)
class Absence:
    """A contender that could not be measured here, and why."""

    case: str
    what: str
    why: str


def spread(values: Sequence[float]) -> Spread:
    """Return the median of ``values`` with the smallest and the largest."""
    return Spread(median(values), min(values), max(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Divide round by round; return median, smallest and largest quotient."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of the values do not exceed; 0.99 of few values is the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
