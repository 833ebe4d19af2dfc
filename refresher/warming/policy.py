"""Whom to warm: pure decisions over plain values.

Invariant: of the plan's rows no two are of one (user, dashboard), there are at most ``Room.users`` users in it, and no
region is asked to hold more than its share.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

HOUR = timedelta(hours=1)
PREPARE = timedelta(seconds=90)  # before an hour begins
HOURS_OF_WEEK = 168
HALF_SURE = 10.0  # a weight that counts half: a page that polls is not ten times as sure to be opened
HALF_SURE_OF_ONE_DAY = 230.0  # the same, where only one day of the week tells: one long visit is no habit
LEAST_SURE = 0.4
LEAST_SHARE = 0.15  # of the reads of what a user reads most
ALIKE_SHARE = 0.25  # a day on which so much less is read at that hour is another kind of day
LOW_TRAFFIC_HOURS = 3
LOW_TRAFFIC_RENEWED = timedelta(minutes=5)
LOW_SHARE = 0.25  # of the usual reads
LEAST_HISTORY = 12  # buckets of five minutes
ACTIVE_SHARE = 0.02  # of the users, where others are expected
_BASES = {"asked": 4_000.0, "predicted": 3_000.0, "most_active": 2_000.0, "low_traffic": 1_000.0}


@dataclass(frozen=True, slots=True)
class Habit:
    """How much a user reads a dashboard, at one hour of the week or in all; ``weight`` as of now."""

    user: str
    dashboard: str
    weight: float
    hour: int = -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row of the plan."""

    user: str
    dashboard: str
    wanted_from: datetime
    wanted_until: datetime
    priority: float
    reason: str


@dataclass(frozen=True, slots=True)
class Room:
    """What may be planned.

    :param regions: of each dashboard that can be planned; :param entries: that each region may be asked to hold.
    """

    users: int
    regions: Mapping[str, str]
    entries: Mapping[str, int]


def hour_of_week(moment: datetime) -> int:
    """Return the hour of the week of a time in UTC; 0: Monday 00:00."""
    return moment.weekday() * 24 + moment.hour


def hours_to_read(now: datetime, *, low_traffic: bool = False) -> list[int]:
    """Return the hours of the week whose habits the plan is made of."""
    return sorted({hour for ahead in _hours_ahead(now, low_traffic) for hour in _same_hour(hour_of_week(ahead))})


def plan(
    now: datetime, habits: Sequence[Habit], most_active: Sequence[Habit], room: Room, *, low_traffic: bool = False
) -> list[Wanted]:
    """Return what to hold, the most urgent first.

    :param now: in UTC.
    :param habits: of :func:`hours_to_read`, at least the heaviest.
    :param most_active: over all hours, the heaviest first.
    """
    begin = _begin_of_hour(now)
    wanted = list(predicted(begin, habits))
    if now >= begin + HOUR - PREPARE:
        wanted += predicted(begin + HOUR, habits)
    active = round(room.users * ACTIVE_SHARE) if wanted else room.users
    wanted += _active(now, most_active, active)
    if low_traffic:
        wanted += _ahead(now, habits)
    return bounded(merged(wanted), room)


def predicted(begin: datetime, habits: Sequence[Habit]) -> list[Wanted]:
    """Return what those usually read who usually come in the hour that begins then."""
    hour = hour_of_week(begin)
    days = _alike_days(hour, habits)
    by_user: dict[str, dict[str, Counter[int]]] = {}
    for habit in habits:
        if habit.hour in days:
            by_user.setdefault(habit.user, {}).setdefault(habit.dashboard, Counter())[habit.hour] += habit.weight  # type: ignore[assignment]
    wanted = []
    for user, dashboards in by_user.items():
        sure = _comes(dashboards.values(), hour, len(days))
        most = max(weights.total() for weights in dashboards.values())
        if sure < LEAST_SURE:
            continue
        for dashboard, weights in dashboards.items():
            share = weights.total() / most
            if share >= LEAST_SHARE:
                rank = priority("predicted", sure * share)
                wanted.append(Wanted(user, dashboard, begin - PREPARE, begin + HOUR, rank, "predicted"))
    return wanted


def is_low(reads: Sequence[int]) -> bool:
    """Return whether reads are few beside what is usual.

    :param reads: in periods of five minutes, the newest first, of at most a day.
    """
    return len(reads) > LEAST_HISTORY and reads[0] < LOW_SHARE * median(reads[1:])


def merged(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Return one row a (user, dashboard): the most urgent, for as long as any of them asks."""
    rows: dict[tuple[str, str], Wanted] = {}
    for row in wanted:
        pair = row.user, row.dashboard
        other = rows.get(pair, row)
        first = max(row, other, key=lambda one: one.priority)
        since, until = max(row.wanted_from, other.wanted_from), max(row.wanted_until, other.wanted_until)
        rows[pair] = replace(first, wanted_from=since, wanted_until=until)
    return list(rows.values())


def carried_on(wanted: Iterable[Wanted], before: Iterable[Wanted]) -> list[Wanted]:
    """Return the rows, those that were wanted ``before`` without a gap since that time.

    Who is expected in an hour is expected anew in the next one.
    """
    known = {(row.user, row.dashboard): row for row in before}
    return [
        replace(row, wanted_from=min(row.wanted_from, was.wanted_from))
        if row.reason != "predicted"
        and (was := known.get((row.user, row.dashboard)))
        and was.wanted_until >= row.wanted_from
        else row
        for row in wanted
    ]


def bounded(wanted: Iterable[Wanted], room: Room) -> list[Wanted]:
    """Return what there is room for, the most urgent first."""
    left, users, kept = dict(room.entries), set[str](), []
    for row in sorted(wanted, key=lambda row: (-row.priority, row.user, row.dashboard)):
        region = room.regions.get(row.dashboard)
        if region is None or left[region] <= 0 or (row.user not in users and len(users) >= room.users):
            continue
        left[region] -= 1
        users.add(row.user)
        kept.append(row)
    return kept


def priority(reason: str, weight: float) -> float:
    """Return a number by which reasons come first and weights second; two digits, so that rows seldom change."""
    return _BASES[reason] + float(f"{min(weight, 990.0):.2g}")


def _alike_days(hour: int, habits: Iterable[Habit]) -> set[int]:
    """Return the hours of the week that tell of ``hour``: itself, and the same one of days of the same kind."""
    reads: Counter[int] = Counter()
    for habit in habits:
        reads[habit.hour] += habit.weight  # type: ignore[assignment]
    least, most = ALIKE_SHARE * reads[hour], reads[hour] / ALIKE_SHARE
    return {hour, *(other for other in _same_hour(hour) if least < reads[other] < most)}


def _comes(dashboards: Iterable[Counter[int]], hour: int, days: int) -> float:
    """Return how sure it is that somebody comes, from 0 to 1: on most days of that kind, or every week at ``hour``."""
    weights = sum(dashboards, Counter[int]())
    on_days = sum(weight / (weight + HALF_SURE) for weight in weights.values()) / days
    return max(on_days, weights[hour] / (weights[hour] + HALF_SURE_OF_ONE_DAY))


def _sure(habit: Habit) -> float:
    """Return how sure it is that it goes on, from 0 to 1."""
    return habit.weight / (habit.weight + HALF_SURE)


def _same_hour(hour: int) -> list[int]:
    return [(hour + 24 * days) % HOURS_OF_WEEK for days in range(7)]


def _active(now: datetime, most_active: Sequence[Habit], users: int) -> list[Wanted]:
    """Return the first ``users`` users."""
    chosen = set(list(dict.fromkeys(habit.user for habit in most_active))[:users])
    since, until = now.replace(hour=0, minute=0, second=0, microsecond=0), _begin_of_hour(now) + HOUR
    return [
        Wanted(habit.user, habit.dashboard, since, until, priority("most_active", habit.weight), "most_active")
        for habit in most_active
        if habit.user in chosen
    ]


def _ahead(now: datetime, habits: Iterable[Habit]) -> list[Wanted]:
    """Return those who usually read in the next hours, for as long as traffic stays low."""
    since = now - (now - _begin_of_hour(now)) % LOW_TRAFFIC_RENEWED
    hours = {hour_of_week(hour) for hour in _hours_ahead(now, True)}
    return [
        Wanted(
            habit.user,
            habit.dashboard,
            since,
            since + 2 * LOW_TRAFFIC_RENEWED,
            priority("low_traffic", _sure(habit)),
            "low_traffic",
        )
        for habit in habits
        if habit.hour in hours and _sure(habit) >= LEAST_SURE
    ]


def _hours_ahead(now: datetime, low_traffic: bool) -> list[datetime]:
    begin = _begin_of_hour(now)
    return [begin + hours * HOUR for hours in range(1 + (LOW_TRAFFIC_HOURS if low_traffic else 1))]


def _begin_of_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
