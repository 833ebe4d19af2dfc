"""The allowance of work that may wait: a share of the time that passes.

Invariant: over any long time the work takes no more than its share and one piece; what one piece overspends, the next
ones wait for.
"""


class Allowance:
    """Seconds of work: a share ``duty`` of the time that passes, what was overspent paid back first."""

    def __init__(self, duty: float, now: float) -> None:
        self._duty, self._at = duty, now
        self.seconds = 0.0

    def grant(self, now: float) -> None:
        """Grant what has come since the last grant; idle time is not saved up for long."""
        self.seconds = min(self.seconds + self._duty * (now - self._at), 2 * self._duty)
        self._at = now

    def spend(self, seconds: float) -> None:
        """Take what a piece of work took."""
        self.seconds -= seconds
