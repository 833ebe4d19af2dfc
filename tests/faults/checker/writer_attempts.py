"""Judges writers (I6): whether capture made any of them fail or wait, by a twin of the table that nothing captures.

Invariant: a failure is ours unless somebody without capture failed in the same way at about the same time, or the
server was taken away.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.checker.verdict import Findings, Spread, spread_of
from tests.faults.record.history import Attempt

NEAR_SECONDS = 2.0
GONE = ""  # the connection, or the server


@dataclass(frozen=True, slots=True)
class Attempts:
    """The outcomes of the transactions of one kind.

    :param failures: by SQLSTATE.
    :param duration_ms: of those that went well; ``reads`` is their number.
    """

    count: int
    failures: Counter[str]
    duration_ms: Spread


@dataclass(frozen=True, slots=True)
class WriterReport:
    """Writers with and without capture, and failures that capture must have caused (a few of them as sentences)."""

    captured: Attempts
    uncaptured: Attempts
    violations: list[str]
    violation_count: int

    @property
    def ok(self) -> bool:
        """Whether no writer failed because of us."""
        return not self.violation_count


def check_writers(attempts: Iterable[Attempt], crashes: Sequence[tuple[float, float]] = ()) -> WriterReport:
    """Return the outcomes of both kinds of transactions, and which failures only captured ones had.

    :param crashes: (from, to): the server was down or replaced, which breaks every connection.
    """
    attempts = list(attempts)
    uncaptured: defaultdict[str, list[float]] = defaultdict(list)
    for attempt in attempts:
        if not attempt.captured and attempt.sqlstate is not None:
            uncaptured[_failure(attempt.sqlstate)].append(attempt.ended)
    for times in uncaptured.values():
        times.sort()
    findings = Findings()
    for attempt in attempts:
        if attempt.captured and attempt.sqlstate is not None:
            if _failure(attempt.sqlstate) == GONE and _near_a_crash(attempt.ended, crashes):
                continue
            _check_failure(attempt, attempt.sqlstate, uncaptured[_failure(attempt.sqlstate)], findings)
    both = (_summary([it for it in attempts if it.captured is captured]) for captured in (True, False))
    return WriterReport(*both, findings.sentences, findings.violations.total())


def _check_failure(attempt: Attempt, sqlstate: str, others: list[float], findings: Findings) -> None:
    near = bisect_left(others, attempt.ended - NEAR_SECONDS) < bisect_right(others, attempt.ended + NEAR_SECONDS)
    if not near:
        findings.add(
            "I6",
            f"a captured write of {attempt.began:.3f} s failed at {attempt.ended:.3f} s with SQLSTATE "
            f"{sqlstate or 'none, its connection broke'}; no uncaptured one did within {NEAR_SECONDS:g} s",
        )


def _failure(sqlstate: str) -> str:
    """Return what is compared: of a server that goes away, different clients see different things."""
    return GONE if sqlstate.startswith(("08", "57P")) else sqlstate


def _near_a_crash(ended: float, crashes: Sequence[tuple[float, float]]) -> bool:
    return any(since - NEAR_SECONDS <= ended <= until + NEAR_SECONDS for since, until in crashes)


def _summary(attempts: list[Attempt]) -> Attempts:
    failures = Counter(attempt.sqlstate for attempt in attempts if attempt.sqlstate is not None)
    durations = [(attempt.ended - attempt.began) * 1000 for attempt in attempts if attempt.sqlstate is None]
    return Attempts(len(attempts), failures, spread_of(durations))
