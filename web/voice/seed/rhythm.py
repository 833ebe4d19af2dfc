"""When calls happen: by the hours of a day, the days of a week and slow growth, and never in the future.

Invariant: every instant is in the local day for which it was drawn, also where clocks change, and not after
``now``.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from random import Random

# Relative numbers of calls by hour of the user's local day, without the last one: a day of 23 hours lacks it.
_HOURS = (2, 1, 1, 1, 2, 5, 14, 35, 70, 100, 105, 95, 75, 85, 100, 98, 85, 60, 38, 24, 15, 9, 5)
_WEEKDAYS = (1.0, 1.08, 1.06, 1.03, 0.92, 0.38, 0.27)
_GROWTH = 0.35  # The growth over all days together, no matter how many.
_MINUTES = range(60 * len(_HOURS))
_CUMULATIVE = tuple(accumulate(hour for hour in _HOURS for _ in range(60)))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The local days of every time zone, as instants.

    :param first_day: the date of day 0.
    :param midnights: when each local day begins, in each time zone (unix seconds), and when the last one ends.
    :param now: unix second; nothing happens later.
    :param days: how many local days are filled, the last being today.
    """

    first_day: date
    midnights: Sequence[Sequence[int]]
    now: int
    days: int

    @property
    def day_count(self) -> int:
        """How many days any zone fills: one or two more than ``days``, because today differs between zones."""
        return len(self.midnights[0]) - 1

    def begun_minutes(self, zone: int, day: int) -> int:
        """Return the number of minutes of that local day that may have calls: none, all of them, or those up to now."""
        today = bisect_right(self.midnights[zone], self.now) - 1
        if not today - self.days < day <= today:
            return 0
        elapsed = (self.now - self.midnights[zone][day]) // 60 + 1
        return min(elapsed, len(_MINUTES)) if day == today else len(_MINUTES)

    def coverage(self, zone: int, day: int) -> float:
        """Return the share of that day's calls that can have happened by now."""
        minutes = self.begun_minutes(zone, day)
        return _CUMULATIVE[minutes - 1] / _CUMULATIVE[-1] if minutes else 0.0


def day_weights(calendar: Calendar, zone_weights: Sequence[float], random: Random) -> list[float]:
    """Return the relative number of calls of each day, by weekday, growth, chance, and how much of it has passed."""
    first_weekday = calendar.first_day.weekday()
    return [
        _WEEKDAYS[(first_weekday + day) % 7]
        * (1 + _GROWTH * day / calendar.day_count)
        * random.uniform(0.9, 1.1)
        * sum(weight * calendar.coverage(zone, day) for zone, weight in enumerate(zone_weights))
        for day in range(calendar.day_count)
    ]


def apportion(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole numbers in proportion to ``weights`` that add up to ``total`` (largest remainders)."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: counts[index] - exact[index])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def seconds_of_day(minutes: int, count: int, random: Random) -> list[int]:
    """Return ``count`` seconds after local midnight, within the first ``minutes`` of the day."""
    drawn = random.choices(_MINUTES[:minutes], cum_weights=_CUMULATIVE[:minutes], k=count)
    return [minute * 60 + int(random.random() * 60) for minute in drawn]
