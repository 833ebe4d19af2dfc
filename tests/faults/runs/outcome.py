"""The outcome of a fault's run, as plain values.

Invariant: only a fault that bit, with nothing violated, is survived; whatever else happened has a word of its own.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.checker.verdict import Spread
from tests.faults.checker.writer_attempts import Attempts, WriterReport

SURVIVED = "ok"
VIOLATED = "VIOLATED"
NOT_BITTEN = "did not bite"
SKIPPED = "skipped"
BROKEN = "run failed"  # neither proved nor disproved anything


@dataclass(slots=True)
class Outcome:
    """One run; times in seconds.

    :param proof: what showed that the fault took effect.
    :param why: of a word other than ``ok``.
    :param failover: from the strike to the first drain of another leader.
    :param draining: from the healing to a young newest drain, ``serving``: until every worker trusts its cache, too.
    :param converged: from the load's end until no key was stale.
    :param connections: the largest number of Frontview's sessions.
    :param grown_bytes: the most that any process grew.
    :param samples: what a soak looked at all the while, in order of time.
    """

    number: str
    name: str
    must_hold: str
    word: str = BROKEN
    why: str = ""
    proof: str = ""
    violations: list[str] = field(default_factory=list)
    staleness: dict[str, Spread] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    writers: WriterReport | None = None
    failover: float | None = None
    draining: float | None = None
    serving: float | None = None
    converged: float | None = None
    connections: int = 0
    grown_bytes: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""
    logs: str = ""

    @property
    def ok(self) -> bool:
        """Whether the run speaks for the system, or nothing was run and that is said."""
        return self.word in (SURVIVED, SKIPPED)

    def values(self) -> dict[str, Any]:
        """Return everything as values that JSON knows."""
        writers = None
        if self.writers is not None:
            writers = {kind: _attempts(getattr(self.writers, kind)) for kind in ("captured", "uncaptured")}
        return {
            **{name: getattr(self, name) for name in self.__slots__ if name not in ("staleness", "reads", "writers")},
            "staleness": {
                kind: {"p50": it.p50, "p99": it.p99, "max": it.max, "reads": it.reads}
                for kind, it in self.staleness.items()
            },
            "reads": dict(self.reads),
            "writers": writers,
        }


def _attempts(attempts: Attempts) -> dict[str, Any]:
    return {
        "count": attempts.count,
        "failures": dict(attempts.failures),
        "p50_ms": attempts.duration_ms.p50,
        "p99_ms": attempts.duration_ms.p99,
        "max_ms": attempts.duration_ms.max,
    }
