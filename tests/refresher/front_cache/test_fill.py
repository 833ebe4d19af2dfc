"""Fills: whether a request shares, waits for, owns or replaces a computation, and how those who wait learn its end."""

import threading

import pytest

from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import EntryKey
from refresher.front_cache.fill import Fill, FillResult, FillState, Turn, turn_of
from refresher.front_cache.trust import NEVER
from tests.refresher.front_cache.cache_fakes import (
    Clock,
    Feed,
    begin,
    begin_ahead,
    changed,
    fill,
    make_cache,
    make_entry,
    make_key,
)

KEY, OTHER = make_key(), make_key(8)
BEFORE, AFTER = 99.0, 101.0
ANY, SINCE = NEVER, 100.0  # what a request shares: any running computation, or only one that began after 100.0


@pytest.mark.parametrize(
    ("running", "not_before", "turn"),
    [
        (None, ANY, Turn.OWN),
        (None, SINCE, Turn.OWN),
        (FillState(BEFORE, joinable=True, background=False), ANY, Turn.SHARE),
        (FillState(AFTER, joinable=True, background=False), SINCE, Turn.SHARE),
        (FillState(BEFORE, joinable=True, background=False), SINCE, Turn.WAIT),
        (FillState(SINCE, joinable=True, background=False), SINCE, Turn.WAIT),
        (FillState(AFTER, joinable=False, background=False), SINCE, Turn.WAIT),
        (FillState(BEFORE, joinable=False, background=False), ANY, Turn.WAIT),
        (FillState(BEFORE, joinable=True, background=True), ANY, Turn.SHARE),
        (FillState(AFTER, joinable=True, background=True), SINCE, Turn.SHARE),
        (FillState(BEFORE, joinable=True, background=True), SINCE, Turn.REPLACE),
        (FillState(SINCE, joinable=True, background=True), SINCE, Turn.REPLACE),
        (FillState(AFTER, joinable=False, background=True), SINCE, Turn.REPLACE),
        (FillState(BEFORE, joinable=False, background=True), ANY, Turn.REPLACE),
    ],
)
def test_whose_turn_it_is(running: FillState | None, not_before: float, turn: Turn) -> None:
    assert turn_of(running, not_before) is turn


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> FrontCache:
    cache = make_cache(clock)
    Feed(cache, clock)
    return cache


def join(cache: FrontCache, key: EntryKey = KEY, *, exact: bool = False) -> tuple[Turn, Fill]:
    found = cache.join(key, cache.monotonic(), exact=exact)
    assert isinstance(found, tuple)
    return found


def finish(cache: FrontCache, running: Fill) -> str | None:
    return cache.finish(running, make_entry(key=running.key), epoch=1, drain_id=10, undrained=False, database_ms=1.5)


def test_the_second_request_shares_what_the_first_one_owns(cache: FrontCache) -> None:
    turn, owned = join(cache)
    assert turn is Turn.OWN
    assert join(cache) == (Turn.SHARE, owned)
    assert cache.running == 1


def test_different_questions_are_computed_at_once(cache: FrontCache) -> None:
    assert join(cache)[0] is Turn.OWN
    assert join(cache, OTHER)[0] is Turn.OWN
    assert join(cache, make_key(7, "history"))[0] is Turn.OWN
    assert cache.running == 3


def test_finishing_hands_over_the_result_and_ends_the_fill(cache: FrontCache) -> None:
    owned = begin(cache, KEY)
    assert not owned.ended
    finish(cache, owned)
    assert owned.wait(0)
    assert owned.result is not None
    assert (owned.result.refused, owned.result.database_ms) == (None, 1.5)
    assert cache.running == 0


def test_what_was_stored_since_the_request_missed_is_its_answer(cache: FrontCache, clock: Clock) -> None:
    arrived = clock.now
    fill(cache, KEY, entry := make_entry(began=arrived))
    assert cache.join(KEY, arrived) is entry
    fill(cache, KEY, later := make_entry(began=arrived + 0.1))
    assert cache.join(KEY, arrived, exact=True) is later


def test_an_exact_request_takes_nothing_that_began_before_it_arrived(cache: FrontCache, clock: Clock) -> None:
    fill(cache, KEY, make_entry(began=clock.now))
    assert join(cache, exact=True)[0] is Turn.OWN


def test_the_second_look_of_a_request_counts_no_miss(cache: FrontCache) -> None:
    join(cache)
    assert cache.statistics().regions["dashboard"].misses == {}


@pytest.mark.parametrize("ending", ["abandoned", "nothing found"])
def test_the_end_of_a_fill_without_a_result_wakes_everyone_who_waits(cache: FrontCache, ending: str) -> None:
    owned = begin(cache, KEY)
    waiting, results = threading.Barrier(4), list[tuple[bool, FillResult | None]]()

    def wait() -> None:
        _, running = join(cache)
        waiting.wait(5)
        results.append((running.wait(5), running.result))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    waiting.wait(5)
    if ending == "abandoned":
        cache.abandon(owned)
    else:
        cache.finish(owned, None, epoch=1, drain_id=10, undrained=False)
    for thread in threads:
        thread.join(5)
    assert results == [(True, None)] * 3
    assert join(cache)[0] is Turn.OWN


def test_waiting_is_bounded(cache: FrontCache) -> None:
    running = begin(cache, KEY)
    assert not running.wait(0)
    assert not running.wait(-1)


def test_what_was_finished_stays_so_when_its_owner_abandons_it(cache: FrontCache) -> None:
    owned = begin(cache, KEY)
    finish(cache, owned)
    cache.abandon(owned)
    assert owned.result is not None


def test_a_background_fill_that_a_request_may_not_share_goes_on_beside_its_own(cache: FrontCache, clock: Clock) -> None:
    slow = begin_ahead(cache, KEY)
    clock.advance(0.1)
    turn, quick = join(cache, exact=True)
    assert turn is Turn.REPLACE
    assert join(cache) == (Turn.SHARE, quick), "later requests find the newer one"
    finish(cache, slow)
    assert (slow.ended, quick.ended) == (True, False)
    cache.abandon(quick)
    assert cache.running == 0


def test_nothing_begins_in_the_background_beside_another_fill_or_a_newer_entry(cache: FrontCache, clock: Clock) -> None:
    owned = begin(cache, KEY)
    assert cache.begin_ahead(KEY, since=clock.now) is None
    cache.abandon(owned)
    fill(cache, KEY, make_entry(began=clock.now))
    assert cache.begin_ahead(KEY, since=clock.now - 0.1) is None
    assert cache.begin_ahead(KEY, since=clock.now) is not None


def test_after_a_change_a_running_fill_is_not_shared(clock: Clock) -> None:
    cache = make_cache(clock)
    feed = Feed(cache, clock)
    owned = begin(cache, KEY)
    feed.apply(changed(11))
    assert join(cache) == (Turn.WAIT, owned)
