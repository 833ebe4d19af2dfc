"""Compares what one answer shows of one row with the states in which the row can have been.

Invariant: an answer is consistent if the row can be in some state that it shows, not before what must be visible by
then (``RowStates.reached``), not before what the client was shown earlier, and not after what can be visible yet.
"""

from dataclasses import dataclass

from tests.faults.checker.row_states import TWICE, RowStates
from tests.faults.checker.verdict import Findings
from tests.faults.record.history import Read


@dataclass(frozen=True, slots=True)
class Terms:
    """What answers are measured by, in seconds.

    :param trust_seconds: H.
    :param computing_seconds: how long an answer's statement may take: it began ``age`` ago, and read after that.
    :param window_seconds: how far behind any answer may be.
    """

    trust_seconds: float
    computing_seconds: float
    window_seconds: float
    tolerance_seconds: float = 0.02

    def allowed_seconds(self, read: Read) -> float:
        """Return how far behind that answer may be."""
        if read.stale and read.stale_if_error_seconds > 0:
            return self.trust_seconds + read.stale_if_error_seconds
        return 0.0 if read.exact else self.trust_seconds


def examine_row(row: RowStates, read: Read, shown: int, terms: Terms, findings: Findings) -> tuple[int, float]:
    """Note what is wrong with the row in the answer.

    :param shown: the state that the client was shown before, at least.
    :return: the state that it has been shown now, at least; and how long ago a write was known that the answer misses.
    """
    seen = row.seen(read)
    last = None if seen == TWICE else row.last(read, seen, row.possible(read.received))
    if last is None:
        findings.blame("I3", read, f"{_called(row)} {_impossible(row, read, seen)}")
        return shown, 0.0
    required = row.reached(read.sent - terms.allowed_seconds(read))
    staleness = read.sent - row.known[last] if last < row.reached(read.sent) else 0.0
    if last < required:
        _blame_missed(row, read, last, terms, findings)
        return shown, staleness
    _check_age(row, read, last, terms, findings)
    if last < shown:
        was = _where(row, shown)
        findings.blame("I4", read, f"{_called(row)} is back in an earlier state; this client saw it {was}")
        return shown, staleness
    state = row.first(read, seen, max(shown, required))
    assert state is not None  # ``last`` at the latest
    row.learn(state, read.received)
    return state, staleness


def _blame_missed(row: RowStates, read: Read, last: int, terms: Terms, findings: Findings) -> None:
    allowed = terms.allowed_seconds(read)
    known = row.known[last]
    findings.blame(
        "I2" if allowed else "I1",
        read,
        f"{_called(row)} should be {_where(row, last + 1)} or later: known since {known:.3f} s, "
        f"{read.sent - known:.3f} s before this was asked; allowed are {allowed:g} s",
    )


def newest_contents(read: Read, terms: Terms) -> float:
    """Return until when, by the age it says, the answer's statement was over."""
    assert read.age_seconds is not None
    return read.received - read.age_seconds + terms.tolerance_seconds + terms.computing_seconds


def _check_age(row: RowStates, read: Read, last: int, terms: Terms, findings: Findings) -> None:
    assert read.age_seconds is not None
    oldest = row.reached(read.sent - read.age_seconds - terms.tolerance_seconds)
    if last < oldest:
        findings.blame(
            "I5",
            read,
            f"is older than its age of {read.age_seconds:.3f} s: {_called(row)} should be {_where(row, oldest)}, "
            f"known since {row.known[oldest - 1]:.3f} s",
        )
        return
    first = row.first(read, row.seen(read), oldest)
    if first is not None and first > row.possible(newest_contents(read, terms)):
        findings.blame(
            "I5",
            read,
            f"is newer than its age of {read.age_seconds:.3f} s: {_called(row)} is {_where(row, first)}, "
            f"whose commit was sent at {row.sent[first - 1]:.3f} s",
        )


def _impossible(row: RowStates, read: Read, seen: int | None) -> str:
    if seen == TWICE:
        return "is there on two days at once"
    state = row.first(read, seen, 1)  # one there is: its days are those of its states, and state 0 shows nothing
    assert state is not None
    return f"is on day {seen}, before the commit of that was sent, at {row.sent[state - 1]:.3f} s"


def _called(row: RowStates) -> str:
    return f"bit {row.bit} (row {row.name})"


def _where(row: RowStates, state: int) -> str:
    place = row.places[state]
    return "gone" if place is None else f"at user {place[0]}, day {place[1]}"
