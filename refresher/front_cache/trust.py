"""Until when the front cache may be used: what a poll proves about time, and when clocks prove nothing.

Invariant: at any monotonic time before ``until``, every change committed more than ``trust_seconds`` ago was
in a drain that a poll returned. A poll *sent* at p that returned a drain of age a proves it until
p - a + trust_seconds, whenever the answer arrived. Had the database's clock been put back since the drain was
stamped, a would be too small; so the largest difference of the clocks since before the stamp counts.
"""

from dataclasses import dataclass

NEVER = float("-inf")
# By how much two correct clocks may drift apart between two polls; steps and slews that matter are far larger.
DRIFT_TOLERANCE_SECONDS = 0.01
DRIFT_TOLERANCE_RATE = 0.001
MOVES_TO_TRUST = 2


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one poll says about time.

    :param sent: monotonic time just before the poll was sent; ``received``: just after its answer.
    :param age: the database's clock minus the newest drain's ``drained_at``, at the poll.
    :param drained_at: of that drain, in Unix seconds by the database's clock.
    :param database_time: that clock at the poll.
    """

    sent: float
    received: float
    age: float
    drained_at: float
    database_time: float

    @property
    def most_ahead(self) -> float:
        """The most that the database's clock can have been ahead of monotonic time; it was read after ``sent``."""
        return self.database_time - self.sent


class Trust:
    """The end of trust, from one sighting to the next. Not synchronised.

    After clocks disagreed (an age below zero, ``drained_at`` going backwards, the database's time and
    monotonic time drifting apart) there is none until ``drained_at`` has moved twice: the first move may have
    been stamped before the disagreement.
    """

    def __init__(self, trust_seconds: float) -> None:
        self.trust_seconds = trust_seconds
        self.until = NEVER
        self.doubt: str | None = None
        self.doubts = 0
        self._moves = 0
        self._last: Sighting | None = None
        self._reference: Sighting | None = None
        self._ahead = self._period = NEVER

    def observe(self, seen: Sighting) -> None:
        """Note what a poll saw; its drain must have been applied."""
        reason = self._disagreement(seen)
        moved = self._last is not None and seen.drained_at != self._last.drained_at
        if moved and self._last is not None:
            # The stamp is the start of a drain that committed later, so the polls of the whole period before it count.
            self._ahead, self._period = max(self._period, seen.most_ahead), self._last.most_ahead
        self._ahead = max(self._ahead, seen.most_ahead)
        self._period = max(self._period, seen.most_ahead)
        self._last = seen
        if reason is not None:
            self._distrust(reason, seen)
        elif self.doubt is not None:
            self._moves += moved
            if self._moves >= MOVES_TO_TRUST:
                self.doubt = None
        if self._reference is None or seen.received - self._reference.received >= self.trust_seconds:
            self._reference = seen
        if self.doubt is None:
            self.until = max(self.until, seen.drained_at - self._ahead + self.trust_seconds)

    def lose(self) -> None:
        """End trust at once; the next good sighting begins it again."""
        self.until = NEVER

    def _distrust(self, reason: str, seen: Sighting) -> None:
        self.until = NEVER
        self.doubt = reason
        self.doubts += 1
        self._moves = 0
        self._reference = seen

    def _disagreement(self, seen: Sighting) -> str | None:
        if seen.age < 0:
            return "negative_age"
        if self._last is not None and seen.drained_at < self._last.drained_at:
            return "drained_at_backwards"
        if self._reference is not None and _drifted(self._reference, seen):
            return "clock_drift"
        return None


def _drifted(before: Sighting, now: Sighting) -> bool:
    """Return whether no constant offset between the two clocks explains both sightings.

    The database read its clock between sent and received, so each sighting bounds the offset from both sides.
    """
    tolerance = DRIFT_TOLERANCE_SECONDS + DRIFT_TOLERANCE_RATE * max(0.0, now.received - before.received)
    return (
        now.database_time - now.received > before.database_time - before.sent + tolerance
        or now.database_time - now.sent < before.database_time - before.received - tolerance
    )
