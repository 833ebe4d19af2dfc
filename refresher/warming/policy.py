"""Which answers to warm: pure decisions over plain values.

Invariant: the plan has at most one row for each (user, dashboard) and at most ``Capacity.users`` users, and plans no
more entries for a region than ``Capacity.entries``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

HOUR = timedelta(hours=1)
PREPARED_BEFORE = timedelta(seconds=90)  # How long before an hour its expected users are planned.
HOURS_OF_WEEK = 168
# The weight of a habit that gives a confidence of one half: a page that polls is not ten times as likely to be opened.
HALF_CONFIDENCE = 10.0
HALF_CONFIDENCE_OF_ONE_DAY = 230.0  # The same for reads on one day of the week only: one long visit is no habit.
LEAST_CONFIDENCE = 0.4  # Users below this are not expected.
LEAST_READ_SHARE = 0.15  # A dashboard is planned from this share of the reads of the user's most read dashboard.
ALIKE_SHARE = 0.25  # Days whose reads at an hour differ by more than this factor are of different kinds.
LOW_TRAFFIC_HOURS = 3  # In low traffic, the plan looks this many hours ahead.
LOW_TRAFFIC_RENEWED = timedelta(minutes=5)  # How often rows planned in low traffic are renewed.
LOW_TRAFFIC_SHARE = 0.25  # Traffic is low below this share of the usual reads.
LEAST_ACTIVE = 10  # How many of the most active are planned at least, without predictions.
LEAST_HISTORY_PERIODS = 12  # Traffic is not judged by fewer periods of five minutes.
ACTIVE_SHARE = 0.02  # Share of the users that are planned as most active; without habits of an hour, all are.
_BASES = {"asked": 4_000.0, "predicted": 3_000.0, "most_active": 2_000.0, "low_traffic": 1_000.0}

Weights = defaultdict[int, float]  # The weights of habits, by hour of the week.


@dataclass(frozen=True, slots=True)
class Habit:
    """How much a user reads a dashboard, at one hour of the week or (-1) in total; ``weight`` is as of now."""

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
class Capacity:
    """The limits of a plan.

    :param users: number of users.
    :param regions: the region of each dashboard that can be planned.
    :param entries: number of planned entries by region.
    """

    users: int
    regions: Mapping[str, str]
    entries: Mapping[str, int]


def hour_of_week(moment: datetime) -> int:
    """Return the hour of the week of a time in UTC; 0: Monday 00:00."""
    return moment.weekday() * 24 + moment.hour


def hours_to_read(now: datetime, *, low_traffic: bool = False) -> list[int]:
    """Return the hours of the week whose habits :func:`plan` needs."""
    return sorted({hour for ahead in _hours_ahead(now, low_traffic) for hour in _same_hour(hour_of_week(ahead))})


def plan(
    now: datetime,
    habits: Sequence[Habit],
    most_active: Sequence[Habit],
    capacity: Capacity,
    *,
    predictive: bool,
    low_traffic: bool = False,
) -> list[Wanted]:
    """Return the rows of the plan, the most urgent first.

    :param now: in UTC.
    :param habits: those of :func:`hours_to_read`, at least the heaviest.
    :param most_active: habits over all hours, the heaviest first.
    :param predictive: whether users are planned because they usually come at this hour.
    """
    begin = _begin_of_hour(now)
    wanted = predicted(begin, habits) if predictive else []
    if predictive and now >= begin + HOUR - PREPARED_BEFORE:
        wanted += predicted(begin + HOUR, habits)
    active = round(capacity.users * ACTIVE_SHARE)
    if not predictive:
        active = max(LEAST_ACTIVE, active)
    elif not wanted:
        active = capacity.users
    wanted += _most_active_rows(now, most_active, active)
    if low_traffic:
        wanted += _low_traffic_rows(now, habits)
    return bounded(merged(wanted), capacity)


def predicted(begin: datetime, habits: Sequence[Habit]) -> list[Wanted]:
    """Return rows for the users expected in the hour from ``begin``, with the dashboards they usually read."""
    hour = hour_of_week(begin)
    days = _alike_days(hour, habits)
    by_user: dict[str, dict[str, Weights]] = {}
    for habit in habits:
        if habit.hour in days:
            weights = by_user.setdefault(habit.user, {}).setdefault(habit.dashboard, Weights(float))
            weights[habit.hour] += habit.weight
    wanted = []
    for user, dashboards in by_user.items():
        confidence = _confidence_of_coming(dashboards.values(), hour, len(days))
        if confidence < LEAST_CONFIDENCE:
            continue
        totals = {dashboard: sum(weights.values()) for dashboard, weights in dashboards.items()}
        for dashboard, total in totals.items():
            share = total / max(totals.values())
            if share >= LEAST_READ_SHARE:
                rank = priority("predicted", confidence * share)
                wanted.append(Wanted(user, dashboard, begin - PREPARED_BEFORE, begin + HOUR, rank, "predicted"))
    return wanted


def is_low(reads: Sequence[int]) -> bool:
    """Return whether there are few reads compared with the usual number.

    :param reads: number of reads in periods of five minutes, the newest first, of at most a day.
    """
    return len(reads) > LEAST_HISTORY_PERIODS and reads[0] < LOW_TRAFFIC_SHARE * median(reads[1:])


def merged(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Return one row for each (user, dashboard): the most urgent one, extended to the latest end of all."""
    rows: dict[tuple[str, str], Wanted] = {}
    for row in wanted:
        pair = row.user, row.dashboard
        other = rows.get(pair, row)
        first = max(row, other, key=lambda one: one.priority)
        since, until = max(row.wanted_from, other.wanted_from), max(row.wanted_until, other.wanted_until)
        rows[pair] = replace(first, wanted_from=since, wanted_until=until)
    return list(rows.values())


def continued(wanted: Iterable[Wanted], before: Iterable[Wanted]) -> list[Wanted]:
    """Return the rows; one that continues a row of ``before`` without a gap keeps that row's start.

    Predictions are excepted: each hour's prediction begins at its own time.
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


def bounded(wanted: Iterable[Wanted], capacity: Capacity) -> list[Wanted]:
    """Return the rows within ``capacity``, the most urgent first."""
    left, users, kept = dict(capacity.entries), set[str](), []
    for row in sorted(wanted, key=lambda row: (-row.priority, row.user, row.dashboard)):
        region = capacity.regions.get(row.dashboard)
        if region is None or left[region] <= 0 or (row.user not in users and len(users) >= capacity.users):
            continue
        left[region] -= 1
        users.add(row.user)
        kept.append(row)
    return kept


def priority(reason: str, weight: float) -> float:
    """Return a number that orders by reason, then by weight; two digits of it, so that rows rarely change."""
    return _BASES[reason] + float(f"{min(weight, 990.0):.2g}")


def _alike_days(hour: int, habits: Iterable[Habit]) -> set[int]:
    """Return ``hour`` and the same hour of days with a similar number of reads in it."""
    reads = Weights(float)
    for habit in habits:
        reads[habit.hour] += habit.weight
    least, most = ALIKE_SHARE * reads[hour], reads[hour] / ALIKE_SHARE
    return {hour, *(other for other in _same_hour(hour) if least < reads[other] < most)}


def _confidence_of_coming(dashboards: Iterable[Weights], hour: int, days: int) -> float:
    """Return the confidence (0 to 1) that a user comes, on most days of that kind or every week at ``hour``."""
    weights = Weights(float)
    for by_hour in dashboards:
        for one, weight in by_hour.items():
            weights[one] += weight
    on_days = sum(weight / (weight + HALF_CONFIDENCE) for weight in weights.values()) / days
    return max(on_days, weights[hour] / (weights[hour] + HALF_CONFIDENCE_OF_ONE_DAY))


def _confidence(habit: Habit) -> float:
    """Return the confidence (0 to 1) that a habit continues."""
    return habit.weight / (habit.weight + HALF_CONFIDENCE)


def _same_hour(hour: int) -> list[int]:
    return [(hour + 24 * days) % HOURS_OF_WEEK for days in range(7)]


def _most_active_rows(now: datetime, most_active: Sequence[Habit], users: int) -> list[Wanted]:
    """Return rows for the first ``users`` users of ``most_active``."""
    chosen = set(list(dict.fromkeys(habit.user for habit in most_active))[:users])
    since, until = now.replace(hour=0, minute=0, second=0, microsecond=0), _begin_of_hour(now) + HOUR
    return [
        Wanted(habit.user, habit.dashboard, since, until, priority("most_active", habit.weight), "most_active")
        for habit in most_active
        if habit.user in chosen
    ]


def _low_traffic_rows(now: datetime, habits: Iterable[Habit]) -> list[Wanted]:
    """Return rows for the users expected in the next hours, for a few minutes at a time while traffic stays low."""
    since = now - (now - _begin_of_hour(now)) % LOW_TRAFFIC_RENEWED
    hours = {hour_of_week(hour) for hour in _hours_ahead(now, True)}
    return [
        Wanted(
            habit.user,
            habit.dashboard,
            since,
            since + 2 * LOW_TRAFFIC_RENEWED,
            priority("low_traffic", _confidence(habit)),
            "low_traffic",
        )
        for habit in habits
        if habit.hour in hours and _confidence(habit) >= LEAST_CONFIDENCE
    ]


def _hours_ahead(now: datetime, low_traffic: bool) -> list[datetime]:
    begin = _begin_of_hour(now)
    return [begin + hours * HOUR for hours in range(1 + (LOW_TRAFFIC_HOURS if low_traffic else 1))]


def _begin_of_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
