"""A synthetic trace of dashboard readers: their visits, reads and writes, and the habits of two earlier weeks.

The same model makes the two weeks of history and the day that is replayed; the day is not in the history. Times are
seconds after ``begin``. What is assumed:

* Users are ranked by size. A user is present in a usual hour with a probability that falls with the rank as Zipf's law
  does: the first tenth nearly always, the median in one hour of four, the last in one of seven.
* Usual hours are a block of 2 to 5 hours, Monday to Friday, that begins in the local morning or after lunch; zones are
  those of Europe, Africa and America, so that some block begins at every hour that is replayed.
* A quarter of the users who come in the first hour of their block come within its first minute, all others at any time.
  They stay 20 minutes on average, and their page reads again every 15, 30 or 60 seconds, by user. Every tenth time they
  turn to another of their one to four dashboards, or (one turn in twenty) to a range of days of their own choice, which
  nobody can predict.
* One session in twenty is at an hour that is not usual for its user.
* A user's data change during their nine working hours: three changes a call, with as many calls as the seeded database
  gives that user a day; ``write_factor`` times that.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

HOUR_SECONDS = 3600
MINUTE_SECONDS = 60
STEEPNESS = 0.8
MOST_PRESENT = 0.95
PUNCTUAL_SHARE = 0.25
UNUSUAL_SHARE = 0.05
WEEK_HOURS = 168
STAY_SECONDS = 20 * 60
REGULAR = 0.5  # Probability from which a user counts as one who usually comes.
# Kinds of reads: in the first minute of an hour of the user's block, of users who usually come; the same, of any users;
# and in the first minute of a visit of users who usually come, at any time of an hour of their block.
FIRST_MINUTE, REGULAR_FIRST_MINUTE, REGULAR_ARRIVAL = "any first minute", "first minute", "arrival"
KINDS = (REGULAR_FIRST_MINUTE, FIRST_MINUTE, REGULAR_ARRIVAL)
SOME_RANGE = "analytics of a range"  # A kind of read, not a dashboard: one with arguments.
HALF_LIFE_DAYS = 14
CHANGES_A_CALL = 3
WORKING_HOURS = 9
# hours that local time is ahead of UTC, with the share of users there
_OFFSETS = {-8: 11, -7: 4, -6: 12, -5: 22, -3: 5, 0: 13, 1: 17, 2: 4, 4: 2, 5: 6}
_BEGINS = {7: 2, 8: 5, 9: 8, 10: 4, 13: 3, 14: 3}


@dataclass(frozen=True, slots=True)
class Reader:
    """One user's habits.

    :param usual: hours of the week, in UTC; :param working: those in which the user's data change.
    :param present: probability to come in a usual hour.
    :param calls_a_day: on a working day.
    """

    user: int
    usual: frozenset[int]
    working: frozenset[int]
    present: float
    poll_seconds: int
    dashboards: tuple[str, ...]
    calls_a_day: float


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One read (``dashboard``) or change (no dashboard) at ``at``."""

    at: float
    user: int
    dashboard: str = ""
    kinds: frozenset[str] = frozenset()  # of :data:`KINDS`


@dataclass(slots=True)
class Trace:
    """What is replayed.

    :param history: weight by (user, dashboard, hour of the week), as of ``begin``.
    """

    begin: datetime
    seconds: int
    events: list[Event] = field(default_factory=list)
    history: Counter[tuple[int, str, int]] = field(default_factory=Counter)

    @property
    def reads(self) -> int:
        """The number of reads."""
        return sum(bool(event.dashboard) for event in self.events)


def make_trace(
    users: Sequence[tuple[int, float]], begin: datetime, hours: int, *, write_factor: float = 1.0, seed: int = 4
) -> Trace:
    """Return a trace.

    :param users: with their calls a day, the largest first.
    :param begin: a full hour of a working day, in UTC.
    :param write_factor: multiplies the changes; the reads stay the same.
    """
    random, changes = Random(seed), Random(seed + 1)
    readers = [_reader(random, user, calls, rank, len(users)) for rank, (user, calls) in enumerate(users)]
    trace = Trace(begin.astimezone(UTC), hours * HOUR_SECONDS)
    _remember(random, readers, trace)
    for hour in range(hours):
        at, moment = float(hour * HOUR_SECONDS), _hour_of_week(trace.begin + timedelta(hours=hour))
        trace.events += _visits(random, readers, moment, at)
        trace.events += _changes(changes, readers, moment, at, write_factor)
    trace.events = sorted(event for event in trace.events if event.at < trace.seconds)
    return trace


def _reader(random: Random, user: int, calls: float, rank: int, users: int) -> Reader:
    offset = random.choices(list(_OFFSETS), list(_OFFSETS.values()))[0]
    begin = random.choices(list(_BEGINS), list(_BEGINS.values()))[0] - offset
    present = min(MOST_PRESENT, 0.9 * (0.1 * users / (rank + 1)) ** STEEPNESS)
    others = random.sample(("analytics", "agents", "performance"), random.choices((0, 1, 2, 3), (3, 3, 2, 2))[0])
    poll_seconds = random.choice((15, 30, 60))
    usual = _block(begin, random.randint(2, 5))
    working = _block(begin - 1, WORKING_HOURS)
    return Reader(user, usual, working, present, poll_seconds, ("overview", *others), calls * 7 / 5)


def _block(begin: int, hours: int) -> frozenset[int]:
    """Return those hours of Monday to Friday as hours of the week; they may begin before midnight, in UTC."""
    return frozenset((day * 24 + begin + hour) % WEEK_HOURS for day in range(5) for hour in range(hours))


def _remember(random: Random, readers: Sequence[Reader], trace: Trace) -> None:
    """Add the access counts of the two earlier weeks."""
    for hours_ago in range(1, 14 * 24 + 1):
        moment = trace.begin - timedelta(hours=hours_ago)
        decayed = 0.5 ** (hours_ago / 24 / HALF_LIFE_DAYS)
        for event in _visits(random, readers, _hour_of_week(moment), 0.0):
            # a visit that goes on into the next hour is counted there
            hour = (_hour_of_week(moment) + int(event.at // HOUR_SECONDS)) % WEEK_HOURS
            key = (event.user, event.dashboard.split(" ")[0], hour)
            trace.history[key] += decayed


def _changes(random: Random, readers: Sequence[Reader], moment: int, at: float, write_factor: float) -> Iterator[Event]:
    for reader in readers:
        rate = reader.calls_a_day * CHANGES_A_CALL * write_factor / WORKING_HOURS / HOUR_SECONDS
        if moment not in reader.working or rate <= 0:
            continue
        since = random.expovariate(rate)
        while since < HOUR_SECONDS:
            yield Event(at + since, reader.user)
            since += random.expovariate(rate)


def _hour_of_week(moment: datetime) -> int:
    return moment.weekday() * 24 + moment.hour


def _visits(random: Random, readers: Sequence[Reader], moment: int, at: float) -> Iterator[Event]:
    for reader in readers:
        if moment in reader.usual:
            if random.random() < reader.present:
                is_first = (moment - 1) % WEEK_HOURS not in reader.usual
                punctual = is_first and random.random() < PUNCTUAL_SHARE
                arrived = random.uniform(0, MINUTE_SECONDS if punctual else HOUR_SECONDS)
                yield from _visit(random, reader, moment, at, arrived, usual=True)
        elif random.random() < reader.present * UNUSUAL_SHARE * len(reader.usual) / WEEK_HOURS:
            yield from _visit(random, reader, moment, at, random.uniform(0, HOUR_SECONDS), usual=False)


def _kinds(reader: Reader, in_first_minute: bool, is_arriving: bool) -> Iterator[str]:
    is_regular = reader.present >= REGULAR
    if in_first_minute:
        yield FIRST_MINUTE
    if in_first_minute and is_regular:
        yield REGULAR_FIRST_MINUTE
    if is_arriving and is_regular:
        yield REGULAR_ARRIVAL


def _visit(random: Random, reader: Reader, moment: int, at: float, arrived: float, *, usual: bool) -> Iterator[Event]:
    leaves = arrived + random.expovariate(1 / STAY_SECONDS)
    now, page = arrived, "overview"
    while now == arrived or now < leaves:
        hours, seconds = divmod(int(now), HOUR_SECONDS)
        in_usual = (moment + hours) % WEEK_HOURS in reader.usual
        yield Event(
            at + now,
            reader.user,
            page,
            frozenset(_kinds(reader, in_usual and seconds < MINUTE_SECONDS, usual and now < arrived + MINUTE_SECONDS)),
        )
        if random.random() < 0.1:
            page = SOME_RANGE if random.random() < 0.05 else random.choice(reader.dashboards)
            now += random.uniform(2, 10)
        else:
            now += reader.poll_seconds
