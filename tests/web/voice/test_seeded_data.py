"""Seeded data: the same for the same seed, as much as requested, and consistent."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from web.voice.seed.day import DayLines, DayMaker, FirstIds
from web.voice.seed.outcome import stage_of
from web.voice.seed.population import ZONES, Population, make_population
from web.voice.seed.rhythm import Calendar, apportion, day_weights

NOW = datetime(2026, 3, 29, 14, 30, 20, tzinfo=UTC)  # clocks changed in Europe this morning


def calendar(days: int, now: datetime = NOW) -> Calendar:
    todays = [now.astimezone(ZoneInfo(zone)).date() for zone, _ in ZONES]
    first = min(todays) - timedelta(days - 1)
    count = (max(todays) - first).days + 2
    midnights = [
        [int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()) for day in days_]
        for zone, _ in ZONES
        for days_ in [[first + timedelta(offset) for offset in range(count)]]
    ]
    return Calendar(first, midnights, int(now.timestamp()), days)


def made(
    users: int, calls: int, days: int, seed: int = 1, now: datetime = NOW
) -> Iterator[tuple[date, Population, DayLines]]:
    random, when = Random(seed), calendar(days, now)
    population = make_population(users, random)
    maker = DayMaker(population, when, FirstIds(101, 1001, 5001), random)
    before = 0
    for day, count in enumerate(apportion(calls, day_weights(when, population.zone_weights(), random))):
        yield when.first_day + timedelta(day), population, maker.make(day, count, before)
        before += count


@pytest.fixture(scope="module")
def seeded() -> list[tuple[date, Population, DayLines]]:
    return list(made(users=60, calls=20_000, days=40))


def test_the_same_seed_makes_the_same_rows() -> None:
    once, again, other = (
        [lines.calls + lines.leads + lines.quality for _, _, lines in made(20, 500, 10, seed)] for seed in (3, 3, 4)
    )
    assert once == again != other


def test_there_are_exactly_as_many_calls_as_asked(seeded: list[tuple[date, Population, DayLines]]) -> None:
    assert sum(len(lines.calls) for _, _, lines in seeded) == 20_000
    ids = [int(line.split("\t")[0]) for _, _, lines in seeded for line in lines.calls]
    assert ids == list(range(5001, 25_001))


ONE = Random(1)


def test_of_2000_users_the_largest_makes_about_a_twentieth() -> None:
    weights = make_population(2000, ONE).weights
    assert 0.045 < weights[0] / sum(weights) < 0.055


def test_agents_are_one_to_six_by_size() -> None:
    counts = [len(agents) for agents in make_population(2000, ONE).agents_of]
    assert counts[0] == 6
    assert counts[-1] == 1
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("hour", [0, 5, 11, 14, 23])
@pytest.mark.parametrize("days", [1, 2, 30])
def test_nothing_lies_in_the_future_and_the_last_day_is_today(hour: int, days: int) -> None:
    now = NOW.replace(hour=hour, minute=3)
    for day, _, lines in made(200, 3000, days, now=now):
        for line in lines.calls + lines.leads:
            assert datetime.fromisoformat(line.split("\t")[3]) <= now
        assert day <= now.date() + timedelta(1)


def test_every_call_lies_in_its_users_local_day_also_when_clocks_change(
    seeded: list[tuple[date, Population, DayLines]],
) -> None:
    for day, population, lines in seeded:
        for line in lines.calls:
            _, user, _, started, *_ = line.split("\t")
            zone = ZoneInfo(ZONES[population.zone_of[int(user) - 101]][0])
            assert datetime.fromisoformat(started).astimezone(zone).date() == day


def test_calls_of_a_day_come_in_the_order_of_time(seeded: list[tuple[date, Population, DayLines]]) -> None:
    for _, _, lines in seeded:
        assert all(a.split("\t")[3] <= b.split("\t")[3] for a, b in pairwise(lines.calls))


def test_weekends_are_quiet_and_working_hours_are_busy(
    seeded: list[tuple[date, Population, DayLines]],
) -> None:
    by_weekday, by_hour = Counter[int](), Counter[int]()
    for day, population, lines in seeded[:-3]:
        by_weekday[day.weekday()] += len(lines.calls)
        for line in lines.calls:
            zone = ZoneInfo(ZONES[population.zone_of[int(line.split("\t")[1]) - 101]][0])
            by_hour[datetime.fromisoformat(line.split("\t")[3]).astimezone(zone).hour] += 1
    assert by_weekday[6] < by_weekday[1] / 2
    assert by_hour[3] < by_hour[10] / 10


def test_duration_and_cost_follow_from_the_status(seeded: list[tuple[date, Population, DayLines]]) -> None:
    statuses = Counter[str]()
    for _, _, lines in seeded:
        for line in lines.calls:
            *_, status, duration, cost = line.split("\t")
            statuses[status] += 1
            assert (int(duration) > 0 and int(cost) > 0) == (status in ("completed", "failed"))
    assert 0.6 < statuses["completed"] / statuses.total() < 0.75
    assert statuses["in_progress"] < statuses.total() / 100


def test_leads_follow_from_completed_calls(seeded: list[tuple[date, Population, DayLines]]) -> None:
    completed = leads = 0
    for _, _, lines in seeded:
        calls = {line.split("\t")[0]: line.split("\t") for line in lines.calls}
        completed += sum(call[4] == "completed" for call in calls.values())
        leads += len(lines.leads)
        for line in lines.leads:
            call_id, user, agent, analyzed, _, _ = line.split("\t")
            call = calls[call_id]
            assert (call[1], call[2], call[4]) == (user, agent, "completed")
            waited = datetime.fromisoformat(analyzed) - datetime.fromisoformat(call[3])
            assert timedelta(seconds=int(call[5])) < waited < timedelta(hours=1, minutes=15)
    assert 0.26 < leads / completed < 0.34


@pytest.mark.parametrize(
    ("score", "stages"),
    [
        (95, {"new", "converted", "lost"}),
        (65, {"new", "qualified"}),
        (45, {"new", "engaged"}),
        (5, {"new", "lost"}),
    ],
)
def test_the_stage_follows_from_the_score(score: int, stages: set[str]) -> None:
    assert {stage_of(score, chance / 100) for chance in range(100)} == stages


def test_quality_follows_from_the_calls_of_that_agent_and_day(
    seeded: list[tuple[date, Population, DayLines]],
) -> None:
    for day, _, lines in seeded:
        talk, completed = Counter[str](), Counter[str]()
        for line in lines.calls:
            _, _, agent, _, status, duration, _ = line.split("\t")
            talk[agent] += int(duration) if status == "completed" else 0
            completed[agent] += status == "completed"
        rows = [line.strip().split("\t") for line in lines.quality]
        assert sorted(row[0] for row in rows) == sorted(talk)
        for agent, _, of_day, points, answers, seconds, transfers in rows:
            assert of_day == str(day)
            assert int(seconds) == talk[agent]
            assert int(answers) <= completed[agent] >= int(transfers)
            assert int(answers) <= int(points) <= 5 * int(answers)


def test_apportioning_gives_the_exact_total() -> None:
    assert apportion(10, [1, 1, 1]) == [4, 3, 3]
    assert apportion(0, [1, 2]) == [0, 0]
    assert sum(apportion(1_000_003, [0.1 * n for n in range(400)])) == 1_000_003
