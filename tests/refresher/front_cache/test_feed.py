"""The feed: what a row concerns, breaks between polls, and the memory of recent rows."""

from datetime import date, timedelta

import pytest

from models.user_key import INTEGER
from refresher.front_cache.applied_feed import FeedMemory
from refresher.front_cache.entry import Dependence
from refresher.front_cache.feed import Bulk, Changes, FeedRow, Poll, Position, break_in_feed, concerns
from refresher.front_cache.follower import MAX_ROWS_A_POLL, MOST_ROWS_APART, MOST_USERS_APART, read_poll
from tests.refresher.front_cache.cache_fakes import MARCH_1, MARCH_2, MARCH_9, changed, make_key

ANSWER = Dependence(make_key(), frozenset({"loans", "members"}), MARCH_1, MARCH_2)
EVERY_DAY = Dependence(make_key(), frozenset({"loans"}), None, None)
APPLIED = Position(epoch=3, nonce=8, drain_id=100)


@pytest.mark.parametrize(
    ("source", "first", "last", "matches"),
    [
        ("loans", MARCH_1, MARCH_1, True),
        ("loans", MARCH_2, MARCH_9, True),
        ("loans", MARCH_9, MARCH_9, False),
        ("members", None, None, True),
        ("annexes", None, None, False),
        ("cache:*", None, None, True),
        ("cache:dashboard:*", None, None, True),
        ("cache:*:user:7", None, None, True),
        ("cache:*:user:8", None, None, False),
        ("cache:dashboard:user:7:summary", None, None, True),
        ("cache:dashboard:user:7:history", None, None, False),
        ("cache:annex:*", None, None, False),
    ],
)
def test_a_row_concerns_an_answer_of_its_source_and_days(
    source: str, first: object, last: object, matches: bool
) -> None:
    assert concerns(source, first, last, ANSWER) is matches  # type: ignore[arg-type]


def test_an_answer_about_all_time_is_concerned_by_every_day() -> None:
    assert concerns("loans", MARCH_9, MARCH_9, EVERY_DAY)


@pytest.mark.parametrize(
    ("newest", "since", "drains", "truncated", "why"),
    [
        (Position(3, 8, 100), 100, 0, False, None),
        (Position(3, 8, 104), 100, 4, False, None),
        (Position(3, 8, 104), 100, 3, False, "hole"),
        (Position(3, 8, 104), 99, 5, False, "hole"),
        (Position(3, 8, 104), None, 0, False, "hole"),
        (Position(3, 8, 99), 100, 0, False, "backwards"),
        (Position(4, 8, 101), 100, 1, False, "epoch"),
        (Position(2, 8, 101), 100, 1, False, "epoch"),
        (Position(3, 9, 101), 100, 1, False, "nonce"),
        (Position(3, 8, 101), 100, 1, True, "flood"),
        (None, 100, 0, False, "backwards"),
    ],
)
def test_a_break_in_the_feed_is_named(
    newest: Position | None, since: int | None, drains: int, truncated: bool, why: str | None
) -> None:
    assert break_in_feed(APPLIED, Poll(since, newest, None, drains, [], truncated)) == why


def test_the_first_poll_of_all_is_a_start() -> None:
    assert break_in_feed(None, Poll(None, APPLIED, None)) == "start"


def test_the_memory_finds_later_rows_of_the_user_and_of_everyone() -> None:
    memory = FeedMemory()
    memory.reset(10)
    memory.remember([changed(11), changed(12, user=None, source="members", day=None)], 12)
    assert memory.overtakes(ANSWER, 10)
    assert memory.overtakes(ANSWER, 11)
    assert not memory.overtakes(ANSWER, 12)
    other = ANSWER._replace(key=make_key(8))
    assert memory.overtakes(other, 11)
    assert not memory.overtakes(other._replace(sources=frozenset({"loans"})), 10)


def test_the_latest_drain_of_a_key_is_what_counts() -> None:
    memory = FeedMemory()
    memory.reset(10)
    memory.remember([changed(drain_id) for drain_id in range(11, 5000)], 4999)
    assert len(memory) == 1
    assert memory.overtakes(ANSWER, 4998)
    assert not memory.overtakes(ANSWER, 4999)


def test_a_full_memory_raises_its_floor_and_keeps_the_newest_rows() -> None:
    memory = FeedMemory(max_rows=3)
    memory.reset(10)
    for drain_id in range(11, 16):
        memory.remember([changed(drain_id, user=drain_id)], drain_id)
    assert len(memory) == 3
    assert memory.remembers_from == 12
    assert memory.overtakes(ANSWER._replace(key=make_key(13)), 12)


def test_a_flood_in_one_drain_raises_the_floor_instead_of_filling_memory() -> None:
    memory = FeedMemory(max_rows=100)
    memory.reset(10)
    memory.remember([changed(11, user=user) for user in range(50_000)], 11)
    assert len(memory) == 0
    assert memory.remembers_from == 11


def test_rows_after_a_flood_are_remembered() -> None:
    memory = FeedMemory(max_rows=100)
    memory.reset(10)
    flood = [changed(11, user=user) for user in range(500)]
    memory.remember([*flood, *(changed(12, user=user) for user in range(40))], 12)
    assert memory.remembers_from == 11
    assert len(memory) == 40


def test_old_drains_are_forgotten_though_there_is_room() -> None:
    memory = FeedMemory(max_drains=50)
    memory.reset(10)
    memory.remember([changed(11)], 11)
    memory.remember([], 100)
    assert len(memory) == 0
    assert memory.remembers_from == 50


def _every_second_day(count: int) -> list[date]:
    return [MARCH_1 + timedelta(days=2 * n) for n in range(count)]


def state_row(drain_id: int, drains: int) -> tuple[object, ...]:
    return (drain_id, None, None, None, None, 3, 8, 900.0, 900.2, 0.2, drains, "2-731")


def test_a_poll_is_read_whatever_the_order_of_its_rows() -> None:
    nothing = (None,) * 7
    rows = [
        (12, [7], "loans", MARCH_1, MARCH_1, *nothing),
        state_row(12, 2),
        (11, [None], "members", None, None, *nothing),
    ]
    poll = read_poll(10, rows, 50.0, 50.1, INTEGER)
    assert poll.newest == Position(3, 8, 12)
    assert poll.drains_since == 2
    assert poll.declaration == "2-731"
    assert poll.rows == [FeedRow(11, None, "members", None, None), FeedRow(12, 7, "loans", MARCH_1, MARCH_1)]
    assert not poll.truncated


def test_a_poll_without_any_drain_says_so() -> None:
    state = (*[None] * 11, "2-731")
    assert read_poll(10, [state], 50.0, 50.1, INTEGER) == Poll(10, None, None, declaration="2-731")


def test_more_rows_than_a_worker_takes_in_are_a_flood() -> None:
    row = (12, list(range(MAX_ROWS_A_POLL + 1)), "loans", MARCH_1, MARCH_1, *(None,) * 7)
    poll = read_poll(10, [state_row(12, 2), row], 50.0, 50.1, INTEGER)
    assert poll.truncated


def test_many_users_of_one_change_stay_together() -> None:
    few, many = list(range(1, MOST_USERS_APART + 1)), list(range(1, MOST_USERS_APART + 2))
    nothing = (None,) * 7
    rows = [
        state_row(12, 2),
        (11, few, "loans", MARCH_1, MARCH_1, *nothing),
        (12, many, "members", None, None, *nothing),
    ]
    poll = read_poll(10, rows, 50.0, 50.1, INTEGER)
    assert poll.rows == [FeedRow(11, user, "loans", MARCH_1, MARCH_1) for user in few]
    assert poll.bulks == [Bulk(12, frozenset(many), "members", None, None)]


def test_very_many_rows_become_one_change_of_each_source() -> None:
    users, others, nothing = [1, 2], [2, 3], (None,) * 7
    days = _every_second_day(MOST_ROWS_APART // 2 + 1)
    rows = [
        state_row(12, 2),
        *((11, users, "loans", day, day, *nothing) for day in days),
        (12, others, "loans", MARCH_1, MARCH_9, *nothing),
        (12, others, "members", None, None, *nothing),
        (12, [None], "cache:dashboard:*", None, None, *nothing),
    ]
    poll = read_poll(10, rows, 50.0, 50.1, INTEGER)

    assert set(poll.rows) == {
        *(FeedRow(12, user, "loans", MARCH_1, days[-1]) for user in (1, 2, 3)),
        *(FeedRow(12, user, "members", None, None) for user in others),
        FeedRow(12, None, "cache:dashboard:*", None, None),
    }


@pytest.mark.parametrize("days", [(MARCH_1, None), (None, MARCH_1), (None, None)], ids=["end", "begin", "both"])
def test_very_many_rows_with_a_bound_that_is_not_known_concern_every_day(days: tuple[date | None, date | None]) -> None:
    known = (12, list(range(MOST_ROWS_APART)), "loans", MARCH_1, MARCH_9, *(None,) * 7)
    poll = read_poll(10, [state_row(12, 2), known, (12, [1], "loans", *days, *(None,) * 7)], 50.0, 50.1, INTEGER)
    assert [(len(bulk.users), *bulk[2:]) for bulk in poll.bulks] == [(MOST_ROWS_APART, "loans", None, None)]


def test_a_change_of_250000_keys_concerns_nobody_else() -> None:
    rows = [
        state_row(12, 2),
        *((12, list(range(1, 25_001)), "loans", day, day, *(None,) * 7) for day in _every_second_day(10)),
    ]
    poll = read_poll(10, rows, 50.0, 50.1, INTEGER)

    assert break_in_feed(Position(3, 8, 10), poll) is None
    assert Changes(poll).among({25_000, 25_001}) == [25_000]


def test_every_user_among_many_is_every_user() -> None:
    users = [*range(1, MOST_USERS_APART + 2), None]
    poll = read_poll(10, [state_row(12, 2), (12, users, "members", None, None, *(None,) * 7)], 50.0, 50.1, INTEGER)
    assert {row.user for row in poll.rows} == set(users)
    assert not poll.bulks
