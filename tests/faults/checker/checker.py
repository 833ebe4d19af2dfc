"""Judges a history: whether every answer held what it had to hold, nothing else, and was labelled truthfully.

Pure functions over :mod:`tests.faults.record.history`; they do not know how answers are computed. A write that any
answer showed counts as committed when that answer was received, at the latest, whatever its writer was told.

Invariant: answers are judged in the order in which they were received, so that whatever anybody was shown before a
read was sent is known when that read is judged.
"""

from collections.abc import Collection, Mapping, Sequence

from tests.faults.checker.answer_checks import Watermarks, check_labels, check_outcome, labels_are_complete
from tests.faults.checker.row_checks import Terms
from tests.faults.checker.user_timeline import UserTimeline, timelines_of
from tests.faults.checker.verdict import Findings, Verdict
from tests.faults.record.history import History, Read

__all__ = ["Verdict", "check"]


def check(
    history: History,
    *,
    trust_seconds: float = 1.0,
    at_least: Mapping[str, int] | None = None,
    answer_seconds: float = 10.0,
    computing_seconds: float | None = None,
    broken_connections_allowed: bool | Collection[str] = False,
    crashes: Sequence[tuple[float, float]] = (),
) -> Verdict:
    """Return the verdict on I1 to I5 and I8.

    :param trust_seconds: H.
    :param at_least: how many 200s there must be, by source, and as ``exact`` or ``stale``; ``503`` and ``0`` as well.
    :param answer_seconds: within which every request must be answered.
    :param computing_seconds: the longest that the statement of one answer may take; ``answer_seconds`` by default.
    :param broken_connections_allowed: to no worker, to all, or to those of these names.
    :param crashes: (from, to): the server was down or replaced; see :class:`Watermarks`.
    :raises ValueError: the history is not one: two rows share a place and bit.
    """
    findings = Findings()
    reads = sorted(history.reads, key=lambda read: read.received)
    _check_outcomes(reads, answer_seconds, broken_connections_allowed, findings)
    answers = [read for read in reads if read.status == 200 and labels_are_complete(read, findings)]
    _check_turns(answers, findings)
    beyond = max((read.stale_if_error_seconds for read in answers if read.stale), default=0)
    computing = answer_seconds if computing_seconds is None else computing_seconds
    terms = Terms(trust_seconds, computing, trust_seconds + beyond)
    _check_answers(answers, timelines_of(history.writes), terms, Watermarks(crashes), findings)
    for kind, count in (at_least or {}).items():
        if findings.reads[kind] < count:
            findings.add("at least", f"only {findings.reads[kind]} of {count} reads were {kind}: this proves nothing")
    return findings.verdict()


def _check_outcomes(
    reads: list[Read], answer_seconds: float, broken_allowed: bool | Collection[str], findings: Findings
) -> None:
    if isinstance(broken_allowed, bool):
        broken_allowed = {read.worker for read in reads} if broken_allowed else ()
    for read in reads:
        check_outcome(read, answer_seconds, broken_allowed, findings)
        findings.reads[str(read.source) if read.status == 200 else str(read.status)] += 1
        if read.status == 200:
            findings.reads["exact"] += read.exact and not read.stale
            findings.reads["stale"] += read.stale


def _check_turns(answers: list[Read], findings: Findings) -> None:
    """Check that a client asked one thing at a time: I4 has no meaning otherwise."""
    received: dict[str, float] = {}
    for read in answers:
        if read.sent < received.get(read.client, read.sent):
            findings.blame("history", read, "the client had two requests at once")
        received[read.client] = read.received


def _check_answers(
    answers: list[Read],
    timelines: dict[int, UserTimeline],
    terms: Terms,
    watermarks: Watermarks,
    findings: Findings,
) -> None:
    for read, earliest in zip(answers, _earliest_sent(answers), strict=True):
        check_labels(read, terms, findings)
        if read.exact and not read.stale:
            watermarks.check(read, findings)
        timeline = timelines.get(read.user)
        if timeline is None:
            timeline = timelines[read.user] = UserTimeline(read.user)
        timeline.advance(read.received, earliest - terms.window_seconds)
        staleness = timeline.examine(read, terms, findings)
        findings.staleness["stale" if read.stale else "exact" if read.exact else str(read.source)].append(staleness)


def _earliest_sent(answers: list[Read]) -> list[float]:
    """Return, for each answer, when the earliest of it and all later ones was sent."""
    earliest, found = float("inf"), []
    for read in reversed(answers):
        earliest = min(earliest, read.sent)
        found.append(earliest)
    return found[::-1]
