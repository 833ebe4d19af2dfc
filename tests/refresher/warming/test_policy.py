"""Whom the leader plans to warm: pure decisions over habits, the time and the room there is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from refresher.warming import policy
from refresher.warming.policy import (
    PREPARED_BEFORE,
    Capacity,
    Habit,
    Wanted,
    bounded,
    continued,
    hour_of_week,
    hours_to_read,
    is_low,
    merged,
)

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)
plan = partial(policy.plan, predictive=True)
CAPACITY = Capacity(users=100, regions={"a": "r", "b": "r", "c": "other"}, entries={"r": 100, "other": 100})


def habit(user: str, hour: datetime = NINE, *, weight: float = 100.0, dashboard: str = "a") -> Habit:
    return Habit(user, dashboard, weight, hour_of_week(hour))


def users(rows: list[Wanted], reason: str = "predicted") -> list[str]:
    return [row.user for row in rows if row.reason == reason]


@pytest.mark.parametrize(
    ("moment", "hour"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), 0),
        (datetime(2026, 11, 23, 0, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 11, 29, 23, tzinfo=UTC), 167),
    ],
)
def test_the_week_begins_on_monday(moment: datetime, hour: int) -> None:
    assert hour_of_week(moment) == hour


def test_an_hours_users_are_wanted_from_shortly_before_it_until_its_end() -> None:
    habits = [habit("u")]
    assert plan(NINE - PREPARED_BEFORE - timedelta(seconds=1), habits, [], CAPACITY) == []
    for now in (NINE - PREPARED_BEFORE, NINE, NINE + HOUR - timedelta(seconds=1)):
        (row,) = plan(now, habits, [], CAPACITY)
        assert (row.user, row.reason) == ("u", "predicted")
        assert (row.wanted_from, row.wanted_until) == (NINE - PREPARED_BEFORE, NINE + HOUR)
    assert plan(NINE + HOUR, habits, [], CAPACITY) == []


def test_the_surest_come_first_and_the_unsure_not_at_all() -> None:
    habits = [habit("some", weight=20), habit("much", weight=200), habit("once long ago", weight=0.1)]
    assert users(plan(NINE, habits, [], CAPACITY)) == ["much", "some"]


def test_who_comes_at_nine_on_other_days_is_expected_at_nine() -> None:
    others = [habit("u", NINE + timedelta(days=days)) for days in (-1, 1, 2)]
    somebody = habit("somebody")  # this is a day on which people read at nine
    assert users(plan(NINE, [*others, somebody], [], CAPACITY)) == ["u"]


def test_who_comes_every_week_is_expected_and_who_came_once_is_not() -> None:
    others = [habit("daily", NINE + timedelta(days=days), weight=300.0) for days in range(4)]
    weekly, once = habit("weekly", weight=300.0), habit("once", weight=80.0)
    assert users(plan(NINE, [*others, weekly, once], [], CAPACITY)) == ["daily", "weekly"]


def test_who_comes_on_few_days_of_many_is_not_expected() -> None:
    week = [habit("daily", NINE + timedelta(days=days)) for days in range(-1, 4)]
    seldom = [habit("seldom", NINE + timedelta(days=days), weight=20.0) for days in (0, 1)]
    assert users(plan(NINE, [*week, *seldom], [], CAPACITY)) == ["daily"]


def test_what_somebody_hardly_reads_is_not_prepared() -> None:
    habits = [habit("u", weight=100), habit("u", weight=30, dashboard="b"), habit("u", weight=3, dashboard="c")]
    assert [row.dashboard for row in plan(NINE, habits, [], CAPACITY)] == ["a", "b"]


def test_a_day_on_which_hardly_anybody_reads_is_another_kind_of_day() -> None:
    saturday = NINE + timedelta(days=4)
    week = [habit(str(user), NINE + timedelta(days=days)) for days in range(3) for user in range(20)]
    assert users(plan(saturday, [*week, habit("late worker", saturday)], [], CAPACITY)) == ["late worker"]


def test_the_hours_read_are_those_the_plan_is_made_of() -> None:
    assert len(hours_to_read(NINE)) == 14
    assert {hour_of_week(NINE), hour_of_week(NINE + HOUR)} <= set(hours_to_read(NINE))
    assert hour_of_week(NINE + 3 * HOUR) in hours_to_read(NINE, low_traffic=True)


def test_without_anybody_expected_the_most_active_take_all_the_room() -> None:
    active = [Habit(str(user), "a", 100.0 - user) for user in range(50)]
    assert users(plan(NINE, [], active, CAPACITY), "most_active") == [str(user) for user in range(50)]


def test_beside_the_expected_only_a_few_of_the_most_active_are_planned() -> None:
    active = [Habit(str(user), "a", 100.0 - user) for user in range(50)]
    rows = plan(NINE, [habit("u")], active, CAPACITY)
    assert users(rows) == ["u"]
    assert users(rows, "most_active") == ["0", "1"]
    assert rows[0].reason == "predicted"


def test_without_predictions_only_a_few_of_the_most_active_are_planned_and_in_low_traffic_the_next_hours() -> None:
    active = [Habit(str(user), "a", 100.0 - user) for user in range(200)]
    few = [str(user) for user in range(policy.LEAST_ACTIVE)]
    for habits in ([], [habit("usual")]):
        assert [row.user for row in plan(NINE, habits, active, CAPACITY, predictive=False)] == few
    rows = plan(NINE, [habit("usual")], active, CAPACITY, predictive=False, low_traffic=True)
    assert users(rows, "most_active") == few
    assert users(rows, "low_traffic") == ["usual"]
    rows = plan(NINE, [], active, replace(CAPACITY, users=1000), predictive=False)
    assert len(rows) == 1000 * policy.ACTIVE_SHARE


def test_in_low_traffic_the_next_hours_users_are_planned_last() -> None:
    habits = [habit("now"), habit("later", NINE + 2 * HOUR), habit("tomorrow", NINE + 24 * HOUR)]
    rows = plan(NINE, habits, [], CAPACITY, low_traffic=True)
    assert users(rows, "low_traffic")[-1] == "later"
    assert rows[0].user == "now"
    assert "tomorrow" not in users(rows, "low_traffic")
    assert users(plan(NINE, habits, [], CAPACITY), "low_traffic") == []


def test_a_plan_seldom_changes_while_nothing_does() -> None:
    habits = [habit("u"), habit("later", NINE + 2 * HOUR)]
    first = plan(NINE, habits, [], CAPACITY, low_traffic=True)
    assert first == plan(NINE + timedelta(seconds=200), habits, [], CAPACITY, low_traffic=True)


def test_no_more_users_than_there_is_room_for() -> None:
    rows = plan(NINE, [habit(str(user), weight=10.0 + user) for user in range(300)], [], CAPACITY)
    assert len(rows) == 100


def test_no_region_is_asked_to_hold_more_than_its_share() -> None:
    small = Capacity(users=100, regions=CAPACITY.regions, entries={"r": 3, "other": 2})
    habits = [habit(str(user), dashboard=dashboard) for user in range(9) for dashboard in "abc"]
    rows = plan(NINE, habits, [], small)
    assert sum(row.dashboard in "ab" for row in rows) == 3
    assert sum(row.dashboard == "c" for row in rows) == 2


def test_dashboards_that_cannot_be_planned_are_left_out() -> None:
    assert plan(NINE, [habit("u", dashboard="needs an argument")], [], CAPACITY) == []


def row(since: datetime, until: datetime, priority: float = 1.0, reason: str = "predicted") -> Wanted:
    return Wanted("u", "a", since, until, priority, reason)


def test_rows_of_one_answer_become_one() -> None:
    one, other = row(NINE, NINE + HOUR, 2.0), row(NINE - HOUR, NINE + 2 * HOUR, 1.0, "low_traffic")
    assert merged([one, other]) == [row(NINE, NINE + 2 * HOUR, 2.0)]


def test_who_is_wanted_without_a_gap_is_wanted_since_the_beginning() -> None:
    before = row(NINE - HOUR, NINE, reason="low_traffic")
    now = row(NINE - PREPARED_BEFORE, NINE + HOUR, reason="low_traffic")
    assert continued([now], [before]) == [row(NINE - HOUR, NINE + HOUR, reason="low_traffic")]
    gone = row(NINE - 5 * HOUR, NINE - HOUR, reason="low_traffic")
    assert continued([now], [gone]) == [now]


def test_who_was_expected_in_an_hour_is_expected_anew_in_the_next() -> None:
    before, now = row(NINE - HOUR, NINE), row(NINE - PREPARED_BEFORE, NINE + HOUR)
    assert continued([now], [before]) == [now]


def test_the_order_is_that_of_urgency() -> None:
    rows = [row(NINE, NINE, priority) for priority in (1.0, 3.0, 2.0)]
    assert [one.priority for one in bounded(rows, CAPACITY)] == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("reads", "low"),
    [
        ([], False),
        ([0] + [100] * 5, False),  # too short a history to say
        ([24] + [100] * 20, True),
        ([25] + [100] * 20, False),
        ([10] + [0] * 200 + [100] * 20, False),  # nights are as usual as days
        ([0] + [0] * 200, False),
    ],
)
def test_traffic_is_low_beside_what_is_usual(reads: list[int], low: bool) -> None:
    assert is_low(reads) == low
