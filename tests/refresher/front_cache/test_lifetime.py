"""The life of entries beside reads: what is swept, what is due for renewal, what readers lost, and what is counted."""

import pytest

from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.fill import Turn
from refresher.front_cache.statistics import RegionStatistics
from refresher.front_cache.store import MOST_DROPPED
from refresher.front_cache.upkeep import USERS_A_BATCH
from tests.refresher.front_cache.cache_fakes import (
    Clock,
    Feed,
    begin_ahead,
    changed,
    fill,
    make_cache,
    make_entry,
    make_key,
)

KEY, OTHER = make_key(), make_key(8)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> FrontCache:
    return make_cache(clock, max_entries=5_000, max_bytes=100_000_000)


@pytest.fixture
def feed(cache: FrontCache, clock: Clock) -> Feed:
    """The feed at drain 10, applied."""
    return Feed(cache, clock)


def read(cache: FrontCache, key: EntryKey = KEY) -> bool:
    return cache.lookup(key, cache.monotonic())[0] is not None


def warm(
    cache: FrontCache, key: EntryKey, entry: Entry, *, undrained: bool = False, joined: bool = False
) -> str | None:
    running = begin_ahead(cache, key)
    if joined:
        assert cache.join(key, cache.monotonic()) == (Turn.SHARE, running)
    return cache.finish(running, entry, epoch=entry.epoch, drain_id=entry.drain_id, undrained=undrained)


def counted(cache: FrontCache) -> RegionStatistics:
    return cache.statistics().regions["dashboard"]


# --- sweeping


def test_a_sweep_drops_what_is_over_and_nothing_else(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 5))
    fill(cache, OTHER, make_entry(expires=clock.now + 5.001))
    assert cache.sweep() == 0
    clock.advance(5)
    assert cache.sweep() == 1
    assert (cache.holds(KEY), cache.holds(OTHER)) == (False, True)
    assert counted(cache).entries == 1
    assert counted(cache).evictions == {"expired": 1}


def test_a_sweep_of_many_users_reaches_all_of_them(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    for user in range(2 * USERS_A_BATCH + 1):
        fill(cache, make_key(user), make_entry(expires=clock.now + 5))
    clock.advance(5)
    assert cache.sweep() == 2 * USERS_A_BATCH + 1
    assert counted(cache).bytes == 0


# --- what is there


def test_to_ask_whether_an_entry_is_there_counts_and_uses_nothing(clock: Clock) -> None:
    cache = make_cache(clock, max_entries=2)
    Feed(cache, clock)
    for user in (1, 2):
        fill(cache, make_key(user), make_entry())
    assert cache.holds(make_key(1))
    assert not cache.holds(make_key(3))
    fill(cache, make_key(3), make_entry())
    assert not cache.holds(make_key(1)), "the least recently read leaves, whoever asked after it"
    assert (counted(cache).hits, counted(cache).misses) == (0, {})


def test_what_is_over_is_not_there(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 5))
    clock.advance(5)
    assert not cache.holds(KEY)


# --- renewal


def test_only_what_was_read_is_due_and_only_past_its_share_of_life(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    for key in (KEY, OTHER):
        fill(cache, key, make_entry(expires=clock.now + 100))
    clock.advance(70)
    feed.apply()
    assert read(cache)
    clock.advance(9.9)
    assert cache.due_for_renewal(0.8) == []
    clock.advance(0.2)
    assert cache.due_for_renewal(0.8) == [KEY]
    clock.advance(20)
    assert cache.due_for_renewal(0.8) == [], "it is over"


def test_what_was_not_read_lately_is_not_due(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 100))
    clock.advance(50)
    feed.apply()
    assert read(cache)
    clock.advance(30)
    assert cache.due_for_renewal(0.8) == [], "who read it left"
    feed.apply()
    assert read(cache)
    assert cache.due_for_renewal(0.8) == [KEY]


def test_who_reads_often_is_soon_known_to_have_left(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    for key in (KEY, OTHER):
        fill(cache, key, make_entry(expires=clock.now + 1_000))
    for second in range(700):
        clock.advance(1)
        feed.apply()
        assert second % 10 or read(cache, KEY)
        assert second % 100 or read(cache, OTHER)
    clock.advance(102)
    assert cache.due_for_renewal(0.8) == [OTHER], "a read every ten seconds did not come ten times"


def test_what_is_renewed_must_be_read_again_to_be_due_again(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 100))
    read(cache)
    clock.advance(90)
    feed.apply()
    assert warm(cache, KEY, make_entry(began=clock.now, expires=clock.now + 100)) is None
    clock.advance(90)
    assert cache.due_for_renewal(0.8) == []
    feed.apply()
    assert read(cache)
    assert cache.due_for_renewal(0.8) == [KEY]


def test_a_read_does_not_lengthen_a_life(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 1))
    clock.advance(0.9)
    assert read(cache)
    clock.advance(0.1)
    assert not read(cache)


def test_what_midnight_cuts_short_is_not_renewed_without_end(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    midnight, renewals = clock.now + 600, 0
    fill(cache, KEY, make_entry(began=clock.now, expires=midnight))
    while clock.now < midnight - 1e-6:
        feed.apply()
        read(cache)
        for key in cache.due_for_renewal(0.8):
            renewals += 1
            warm(cache, key, make_entry(began=clock.now, expires=midnight))
        clock.advance((midnight - clock.now) / 10)
    assert 1 <= renewals <= 4


def test_a_renewal_is_no_miss_and_is_counted(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    assert warm(cache, KEY, make_entry()) is None
    assert counted(cache).renewals == 0, "nothing was there"
    assert warm(cache, KEY, make_entry()) is None
    fill(cache, KEY, make_entry())
    assert (counted(cache).renewals, counted(cache).fills, counted(cache).misses) == (1, 3, {})


def test_a_renewal_that_missed_a_change_is_refused(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    running = begin_ahead(cache, KEY)
    feed.apply(changed(11))
    assert cache.finish(running, make_entry(10), epoch=1, drain_id=10, undrained=False) == "overtaken"
    assert not cache.holds(KEY)


# --- ahead of the applied feed


@pytest.mark.parametrize(("drain_id", "undrained"), [(10, True), (11, False)], ids=["undrained", "beyond"])
def test_a_background_read_ahead_of_the_feed_is_refused_and_costs_nobody_an_entry(
    cache: FrontCache, feed: Feed, drain_id: int, undrained: bool
) -> None:
    other = make_key(7, "other")
    for key in (KEY, other):
        fill(cache, key, make_entry())
    assert warm(cache, KEY, make_entry(drain_id), undrained=undrained) == "ahead"
    assert cache.holds(KEY)
    assert cache.holds(other)
    assert counted(cache).refused == {"ahead": 1}


@pytest.mark.parametrize(("drain_id", "undrained"), [(10, True), (11, False)], ids=["undrained", "beyond"])
def test_one_that_a_request_joined_drops_what_is_older_than_it(
    cache: FrontCache, feed: Feed, drain_id: int, undrained: bool
) -> None:
    other = make_key(7, "other")
    fill(cache, other, make_entry())
    assert warm(cache, KEY, make_entry(drain_id), undrained=undrained, joined=True) is None
    assert not cache.holds(other)


# --- what readers lost


def test_what_was_read_and_taken_away_is_told_once(cache: FrontCache, feed: Feed) -> None:
    unread = make_key(7, "unread")
    for key in (KEY, OTHER, unread):
        fill(cache, key, make_entry())
    read(cache, KEY)
    read(cache, OTHER)
    feed.apply(changed(11))
    assert list(cache.take_dropped()) == [KEY]
    assert not cache.take_dropped()


def test_a_newer_read_and_a_flush_take_away_too(cache: FrontCache, feed: Feed) -> None:
    for key in (KEY, OTHER):
        fill(cache, key, make_entry())
        read(cache, key)
    fill(cache, make_key(7, "newer"), make_entry(), undrained=True)
    assert list(cache.take_dropped()) == [KEY]
    feed.apply(reconnected=True)
    assert list(cache.take_dropped()) == [OTHER]


def test_what_left_for_room_or_age_is_not_wanted_back(clock: Clock) -> None:
    cache = make_cache(clock, max_entries=1)
    Feed(cache, clock)
    fill(cache, KEY, make_entry())
    read(cache)
    fill(cache, OTHER, make_entry(expires=clock.now + 0.5))
    read(cache, OTHER)
    clock.advance(0.5)
    assert cache.sweep() == 1
    assert not cache.take_dropped()


def test_of_too_many_the_newest_are_told_first(cache: FrontCache, feed: Feed) -> None:
    for user in range(MOST_DROPPED + 5):
        fill(cache, make_key(user), make_entry())
        read(cache, make_key(user))
        feed.apply(changed(11 + user, user=user))
    taken = list(cache.take_dropped())
    assert len(taken) == MOST_DROPPED
    assert (taken[0], taken[-1]) == (make_key(MOST_DROPPED + 4), make_key(5))


# --- statistics


def test_entries_are_told_by_age(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    for user, age in enumerate((0, 1, 1.5, 60, 299, 301, 10_000)):
        fill(cache, make_key(user), make_entry(began=clock.now - age, expires=clock.now + 5))
    assert counted(cache).ages == {"1": 2, "10": 1, "60": 1, "300": 1, "900": 1, "inf": 1}
    assert sum(cache.statistics().regions["annex"].ages.values()) == 0


def test_the_hit_ratio_is_that_of_the_lookups_counted(cache: FrontCache, feed: Feed) -> None:
    assert counted(cache).hit_ratio == 0.0
    read(cache)
    fill(cache, KEY, make_entry())
    for _ in range(3):
        read(cache)
    assert counted(cache).hit_ratio == 0.75


def test_every_fill_is_there_or_has_left_for_a_reason(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    for user in range(20):
        fill(cache, make_key(user % 13), make_entry(expires=clock.now + user % 3))
        warm(cache, make_key(user % 7), make_entry())
    feed.apply(changed(11, user=3))
    clock.advance(1)
    cache.sweep()
    now = counted(cache)
    assert now.fills == now.entries + sum(now.evictions.values())
