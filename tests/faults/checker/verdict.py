"""What the checker found: violations as sentences, how stale answers were, and how many of each kind there were.

Invariant: every violation is counted; sentences are kept only of the first few of each invariant, so that a flood of
one does not hide another.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.record.history import Read

MOST_KEPT = 7  # sentences of one invariant


@dataclass(frozen=True, slots=True)
class Spread:
    """How something was distributed over ``reads`` values; in the unit of the values."""

    p50: float
    p99: float
    max: float
    reads: int


def spread_of(values: Iterable[float]) -> Spread:
    """Return the spread of the values, by nearest rank; of none: zeros."""
    ordered = sorted(values)
    count = len(ordered)
    if not count:
        return Spread(0.0, 0.0, 0.0, 0)
    return Spread(ordered[-(-count // 2) - 1], ordered[-(-count * 99 // 100) - 1], ordered[-1], count)


@dataclass(slots=True)
class Findings:
    """Violations and figures while they are being collected."""

    sentences: list[str] = field(default_factory=list)
    violations: Counter[str] = field(default_factory=Counter)
    staleness: defaultdict[str, "array[float]"] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    reads: Counter[str] = field(default_factory=Counter)

    def add(self, invariant: str, sentence: str) -> None:
        """Note a violation."""
        self.violations[invariant] += 1
        if self.violations[invariant] <= MOST_KEPT:
            self.sentences.append(f"{invariant}: {sentence}")

    def blame(self, invariant: str, read: Read, sentence: str) -> None:
        """Note a violation by one answer; ``sentence`` goes on after what was asked when, and by whom."""
        kind = "exact" if read.exact else "plain"
        answer = f"{read.status} from {read.source}{', stale' if read.stale else ''}" if read.source else read.status
        self.add(
            invariant,
            f"client {read.client} on {read.worker}, user {read.user}, {kind} read sent at {read.sent:.3f} s, "
            f"received at {read.received:.3f} s ({answer}): {sentence}",
        )

    def verdict(self) -> "Verdict":
        """Return what was found, for good."""
        staleness = {kind: spread_of(values) for kind, values in sorted(self.staleness.items())}
        return Verdict(self.sentences, self.violations, staleness, self.reads)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check.

    :param violations: sentences, at most ``MOST_KEPT`` of each invariant.
    :param counts: of all violations, by invariant.
    :param staleness: in seconds, by source of plain reads; ``exact`` for exact reads, ``stale`` for stale answers.
    :param reads: 200s by source, and again under ``exact`` or ``stale`` where they are; others by status.
    """

    violations: list[str]
    counts: Counter[str]
    staleness: dict[str, Spread]
    reads: Counter[str]

    @property
    def ok(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations

    def __str__(self) -> str:
        """Return all of it as text for people."""
        lines = [f"{self.counts.total()} violations {dict(self.counts)}" if self.counts else "no violation"]
        lines += self.violations
        lines += [
            f"staleness of {kind}: p50 {it.p50:.3f} s, p99 {it.p99:.3f} s, max {it.max:.3f} s of {it.reads} reads"
            for kind, it in self.staleness.items()
        ]
        return "\n".join([*lines, f"reads: {dict(sorted(self.reads.items()))}"])
