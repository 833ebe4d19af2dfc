"""The allowance of work that may wait: a share of the time that passes.

Invariant: over any long time the work takes at most its share and one piece of work; if one piece overspends, the next
ones wait until that is paid back.
"""


class Allowance:
    """Seconds that may be spent on the work; negative while an overspent time is paid back.

    :param duty: share of the time that passes.
    :param now: monotonic time, as in :meth:`grant`.
    """

    def __init__(self, duty: float, now: float) -> None:
        self._duty, self._at = duty, now
        self.seconds = 0.0

    def grant(self, now: float) -> None:
        """Add the share of the time since the last grant, up to that of two seconds: idle time is not saved up."""
        self.seconds = min(self.seconds + self._duty * (now - self._at), 2 * self._duty)
        self._at = now

    def spend(self, seconds: float) -> None:
        """Subtract the duration of a piece of work."""
        self.seconds -= seconds
