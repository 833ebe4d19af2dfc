"""Checks that need one answer alone, or only its watermark: outcomes, labels, sums, order of watermarks.

Invariant: an answer that passes :func:`labels_are_complete` has a source, an age and a watermark to reckon with.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence

from tests.faults.checker.row_checks import Terms
from tests.faults.checker.verdict import Findings
from tests.faults.record.history import Read

SOURCES = ("cache", "materialized_view", "database")


def check_outcome(read: Read, answer_seconds: float, broken_allowed: Collection[str], findings: Findings) -> None:
    """Check I8: 200 or 503, in time; a broken connection only to workers in ``broken_allowed``."""
    seconds = read.received - read.sent
    if read.sent_again and read.worker not in broken_allowed:
        findings.blame("I8", read, "the worker hung up on a request, which was sent again")
    if read.status == 0:
        if read.worker not in broken_allowed:
            findings.blame("I8", read, f"no answer within {seconds:.3f} s: {read.error}")
    elif read.status not in (200, 503):
        findings.blame("I8", read, f"status {read.status}: {read.error}")
    elif seconds > answer_seconds:
        findings.blame("I8", read, f"answered after {seconds:.3f} s, more than {answer_seconds:g} s")


def labels_are_complete(read: Read, findings: Findings) -> bool:
    """Check that the answer says what I5 wants it to say; without that nothing else can be checked."""
    missing = [
        name
        for name, given in (
            ("source", read.source in SOURCES),
            ("watermark", read.watermark is not None),
            ("age", read.age_seconds is not None and read.age_seconds >= 0),
        )
        if not given
    ]
    if missing:
        findings.blame("I5", read, f"no honest {' nor '.join(missing)}")
    return not missing


def check_labels(read: Read, terms: Terms, findings: Findings) -> None:
    """Check what an answer says about itself, without other facts."""
    assert read.age_seconds is not None
    if read.stale and not read.stale_if_error_seconds > 0:
        findings.blame("I2", read, "a stale answer that nobody allowed")
    if read.exact and read.source == "cache" and not read.stale:
        findings.blame("I5", read, "an exact read cannot come from the cache")
    # A plain read may join a statement that another request began; an exact one only one that began after it was asked.
    others = 0.0 if read.exact else terms.computing_seconds
    longest = read.received - read.sent + others + terms.tolerance_seconds
    if read.source != "cache" and read.age_seconds > longest:
        findings.blame("I5", read, f"an age of {read.age_seconds:.3f} s, though it was computed just now")
    if not read.values:
        findings.blame("I3", read, "no day at all")
    elif read.whole is not None and read.whole != sum(read.values.values()):
        findings.blame("I3", read, f"the sum {read.whole} is not that of the days, {sum(read.values.values())}")


class Watermarks:
    """Checks that exact reads' watermarks never fall (I1); it receives answers in their order.

    :param crashes: from when to when the server was down or replaced; its last drains may be lost, which contents do
        not depend on, so answers from before are not compared with those after.
    """

    def __init__(self, crashes: Sequence[tuple[float, float]] = ()) -> None:
        self._crashes = sorted(crashes)
        self._since = float("-inf")
        self._received: list[float] = []
        self._highest: list[tuple[int, int]] = []

    def check(self, read: Read, findings: Findings) -> None:
        """Compare one exact read with those that were answered before it was sent."""
        assert read.watermark is not None
        while self._crashes and self._crashes[0][0] <= read.received:
            self._since = self._crashes.pop(0)[1]
            self._received, self._highest = [], []
        if read.sent <= self._since:
            return
        before = bisect_left(self._received, read.sent)
        if before and self._highest[before - 1] > read.watermark:
            findings.blame(
                "I1", read, f"watermark {read.watermark} after {self._highest[before - 1]} was answered before it"
            )
        self._received.append(read.received)
        self._highest.append(max(read.watermark, self._highest[-1]) if self._highest else read.watermark)
