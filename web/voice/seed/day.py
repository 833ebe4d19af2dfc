"""One local day of calls, with the leads and quality figures that follow from them.

Invariants: calls are in the order of time; duration and cost follow from the status, a lead from a completed
call, its stage from its score, a quality row from that agent's calls of the day; nothing is in the future.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from web.voice.seed.outcome import (
    CSAT_ANSWER_SHARE,
    LEAD_SHARE,
    MEAN_CSAT,
    TABLE,
    TRANSFER_SHARE,
    UNANSWERED,
    Outcomes,
    stage_of,
)
from web.voice.seed.population import Population
from web.voice.seed.rhythm import Calendar, seconds_of_day

_EPOCH = date(1970, 1, 1)
_CLOCK = tuple(f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+00" for second in range(86_400))


@dataclass(slots=True)
class DayLines:
    """COPY lines of one day, for each table."""

    calls: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)
    quality: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FirstIds:
    """The ids of the first row of each table."""

    user: int
    agent: int
    call: int


class DayMaker:
    """Makes the days of one seed, in any order of days but always the same for the same ``random``."""

    def __init__(self, population: Population, calendar: Calendar, first: FirstIds, random: Random) -> None:
        self._population, self._calendar, self._first, self._random = population, calendar, first, random
        self._outcomes = Outcomes(random)
        self._users = range(len(population.weights))
        self._cumulative = list(accumulate(population.weights))
        self._day_text: dict[int, str] = {}

    def make(self, day: int, count: int, calls_before: int) -> DayLines:
        """Return ``count`` calls of that day, with their leads and quality rows.

        :param calls_before: the number of calls on earlier days, which decides the ids.
        """
        lines, talks = DayLines(), dict[tuple[int, int], list[int]]()
        random, now, outcomes, users = (
            self._random.random,
            self._calendar.now,
            self._outcomes,
            len(self._users),
        )
        agents_of, kind_of = self._agents_of(day), self._population.kind_of
        first_user, first_agent = self._first.user, self._first.agent
        for call_id, stamp in enumerate(self._stamps(day, count), self._first.call + calls_before):
            started, user = divmod(stamp, users)
            agent = agents_of[user][int(random() * len(agents_of[user]))]
            kind = kind_of[agent]
            status = outcomes.statuses[kind][int(random() * TABLE)]
            owner = f"{first_user + user}\t{first_agent + agent}"
            talk = talks.setdefault((user, agent), [])
            if status == "completed":
                duration, cost = outcomes.talks[int(random() * TABLE)]
                if started + duration > now:
                    status, duration, cost = "in_progress", 0, 0
                else:
                    talk.append(duration)
                    if random() < LEAD_SHARE[kind]:
                        self._add_lead(lines.leads, call_id, owner, started + duration, kind)
            else:
                duration, cost = UNANSWERED[status]
            lines.calls.append(f"{call_id}\t{owner}\t{self._text(started)}\t{status}\t{duration}\t{cost}\n")
        lines.quality = [self._quality(day, *key, talk) for key, talk in talks.items()]
        return lines

    def _agents_of(self, day: int) -> Sequence[Sequence[int]]:
        """Return each user's agents that work on that day: the retired ones left two thirds through."""
        retired = day > self._calendar.day_count * 2 // 3
        return self._population.busy_agents_of if retired else self._population.agents_of

    def _stamps(self, day: int, count: int) -> list[int]:
        """Return ``count`` calls in the order of time, each as unix second × users + user."""
        if not count:
            return []
        users = len(self._users)
        minutes = [self._calendar.begun_minutes(zone, day) for zone in range(len(self._calendar.midnights))]
        midnights = [zone[day] for zone in self._calendar.midnights]
        zone_of, now = self._population.zone_of, self._calendar.now
        callers = self._random.choices(self._users, cum_weights=self._shares(day, minutes), k=count)
        whole = max(minutes)
        seconds = seconds_of_day(whole, count, self._random)
        if min(minutes) < whole:
            for place, user in enumerate(callers):
                if minutes[zone_of[user]] < whole:
                    [seconds[place]] = seconds_of_day(minutes[zone_of[user]], 1, self._random)
        return sorted(
            min(midnights[zone_of[user]] + second, now) * users + user
            for user, second in zip(callers, seconds, strict=True)
        )

    def _shares(self, day: int, minutes: Sequence[int]) -> list[float]:
        """Return the users' cumulative shares of that day: smaller in zones where less of the day has passed."""
        if min(minutes) == max(minutes):
            return self._cumulative
        coverage = [self._calendar.coverage(zone, day) for zone in range(len(minutes))]
        population = self._population
        return list(
            accumulate(
                weight * coverage[zone] for weight, zone in zip(population.weights, population.zone_of, strict=True)
            )
        )

    def _add_lead(self, leads: list[str], call_id: int, owner: str, ended: int, kind: int) -> None:
        """Add the lead of a call that ended at that time, analysed some minutes later, unless that is in the future."""
        random = self._random.random
        if (analyzed := ended + 45 + int(random() * 600)) <= self._calendar.now:
            score = self._outcomes.scores[kind][int(random() * TABLE)]
            leads.append(f"{call_id}\t{owner}\t{self._text(analyzed)}\t{score}\t{stage_of(score, random())}\n")

    def _quality(self, day: int, user: int, agent: int, talk: Sequence[int]) -> str:
        """Return the line of an agent that had calls that day, of which ``talk`` are the completed ones."""
        kind, random = self._population.kind_of[agent], self._random
        answers = int(len(talk) * CSAT_ANSWER_SHARE + random.random())
        answers = min(answers, len(talk))
        points = min(5 * answers, max(answers, round(answers * random.gauss(MEAN_CSAT[kind], 0.3))))
        transfers = min(len(talk), int(len(talk) * TRANSFER_SHARE[kind] + random.random()))
        return (
            f"{self._first.agent + agent}\t{self._first.user + user}"
            f"\t{self._calendar.first_day + timedelta(day)}\t{points}\t{answers}\t{sum(talk)}\t{transfers}\n"
        )

    def _text(self, unix_second: int) -> str:
        """Return the instant as PostgreSQL reads it; one lookup a day instead of a calendar computation."""
        day, second = divmod(unix_second, 86_400)
        if (text := self._day_text.get(day)) is None:
            text = self._day_text[day] = str(_EPOCH + timedelta(day)) + " "
        return text + _CLOCK[second]
