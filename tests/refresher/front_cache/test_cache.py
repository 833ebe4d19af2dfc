"""The front cache: when an entry may answer, which fills are refused, and what a feed row takes away."""

from collections.abc import Callable, Iterable

import pytest
from structlog.testing import capture_logs

from models.user_key import INTEGER
from refresher.front_cache.applied_feed import FeedMemory
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import EntryKey
from refresher.front_cache.feed import Bulk, Poll, Position
from refresher.front_cache.fill import Fill
from refresher.front_cache.limits import RegionLimits
from refresher.front_cache.statistics import InvalidationStatistics
from refresher.front_cache.upkeep import USERS_A_BATCH
from tests.refresher.front_cache.cache_fakes import (
    MARCH_1,
    MARCH_2,
    MARCH_9,
    Clock,
    Feed,
    begin,
    changed,
    fill,
    make_cache,
    make_entry,
    make_key,
)

KEY = make_key()
OTHER = make_key(8)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> FrontCache:
    return make_cache(clock)


@pytest.fixture
def feed(cache: FrontCache, clock: Clock) -> Feed:
    """The feed at drain 10, applied."""
    return Feed(cache, clock)


def served(cache: FrontCache, key: EntryKey = KEY, max_age_seconds: float | None = None) -> bool:
    return cache.lookup(key, cache.monotonic(), max_age_seconds)[0] is not None


def why_not(cache: FrontCache, key: EntryKey = KEY, max_age_seconds: float | None = None) -> str | None:
    return cache.lookup(key, cache.monotonic(), max_age_seconds)[1]


# --- serving


def test_an_entry_is_served_while_trusted(cache: FrontCache, feed: Feed) -> None:
    entry = make_entry()
    assert fill(cache, KEY, entry) is None
    assert cache.lookup(KEY, cache.monotonic()) == (entry, None)
    assert why_not(cache, OTHER) == "absent"


def test_nothing_is_served_once_the_newest_drain_is_older_than_the_limit(
    cache: FrontCache, feed: Feed, clock: Clock
) -> None:
    fill(cache, KEY, make_entry())
    clock.advance(0.999)
    assert served(cache)
    clock.advance(0.001)
    assert why_not(cache) == "untrusted"
    feed.apply()
    assert served(cache), "the feed went on without a break: the entry was good all the time"


def test_the_age_of_the_newest_drain_shortens_trust(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry())
    clock.advance(0.5)
    feed.apply(age=0.9)
    clock.advance(0.6)
    assert why_not(cache) == "untrusted"


def test_an_entry_is_not_served_past_its_end(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 0.5))
    assert served(cache)
    clock.advance(0.5)
    assert why_not(cache) == "expired"


def test_max_age_is_compared_with_the_age_of_the_computation(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(began=clock.now - 20))
    assert why_not(cache, max_age_seconds=19.9) == "too_old"
    assert served(cache, max_age_seconds=20.0)


def test_lookups_are_counted_once(cache: FrontCache, feed: Feed) -> None:
    served(cache)
    fill(cache, KEY, make_entry())
    served(cache)
    counted = cache.statistics().regions["dashboard"]
    assert (counted.hits, counted.misses, counted.fills) == (1, {"absent": 1}, 1)


# --- fills


def test_a_fill_is_refused_before_the_feed_was_read(cache: FrontCache) -> None:
    assert fill(cache, KEY, make_entry()) == "no_feed"


@pytest.mark.parametrize(
    "row",
    [changed(11), changed(11, user=None), changed(11, day=None), changed(11, user=None, day=None)],
    ids=["user and day", "everyone", "without a day", "everyone without a day"],
)
def test_a_fill_that_missed_an_applied_change_is_refused(cache: FrontCache, feed: Feed, row: object) -> None:
    running = begin(cache, KEY)
    feed.apply(row)  # type: ignore[arg-type]
    entry = make_entry(10)
    assert cache.finish(running, entry, epoch=1, drain_id=10, undrained=False) == "overtaken"
    assert why_not(cache) == "absent"
    assert cache.statistics().regions["dashboard"].refused == {"overtaken": 1}


@pytest.mark.parametrize(
    "row",
    [changed(11, user=8), changed(11, source="renewals"), changed(11, day=MARCH_9)],
    ids=["another user", "another source", "another day"],
)
def test_a_change_of_something_else_refuses_no_fill(cache: FrontCache, feed: Feed, row: object) -> None:
    running = begin(cache, KEY)
    feed.apply(row)  # type: ignore[arg-type]
    assert cache.finish(running, make_entry(10), epoch=1, drain_id=10, undrained=False) is None


def test_a_fill_that_saw_the_change_is_stored(cache: FrontCache, feed: Feed) -> None:
    feed.apply(changed(11))
    assert fill(cache, KEY, make_entry(11)) is None


def test_a_fill_from_before_what_is_remembered_is_refused(clock: Clock) -> None:
    cache = make_cache(clock, memory=FeedMemory(max_rows=2))
    feed = Feed(cache, clock)
    running = begin(cache, KEY)
    feed.apply(*(changed(11, user=user) for user in range(100, 103)))
    assert cache.finish(running, make_entry(10), epoch=1, drain_id=10, undrained=False) == "forgotten"


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_fill_of_another_epoch_is_refused(cache: FrontCache, feed: Feed, epoch: int) -> None:
    assert fill(cache, KEY, make_entry(epoch=epoch)) == "epoch"


def test_a_body_larger_than_its_region_is_not_stored_and_keeps_no_older_one(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    assert fill(cache, KEY, make_entry(body=b"x" * 1_000_001)) == "too_large"
    assert why_not(cache) == "absent"


def test_an_answer_that_is_over_already_is_not_stored(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    assert fill(cache, KEY, make_entry(expires=clock.now)) == "expired"


def test_an_abandoned_fill_leaves_nothing_behind(cache: FrontCache, feed: Feed) -> None:
    cache.abandon(begin(cache, KEY))
    assert cache.statistics().running_fills == 0


def test_an_entry_ahead_of_the_worker_outlives_the_rows_it_saw(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry(12))
    feed.apply(changed(11), changed(12))
    assert served(cache)
    feed.apply(changed(13))
    assert why_not(cache) == "absent"


# --- what a feed row takes away


def test_a_change_evicts_only_answers_that_depend_on_it(cache: FrontCache, feed: Feed) -> None:
    today, march_9, annexes = make_key(7, "a"), make_key(7, "b"), make_key(7, "c", "annex")
    fill(cache, today, make_entry())
    fill(cache, march_9, make_entry(first_day=MARCH_9, last_day=MARCH_9))
    fill(cache, annexes, make_entry(sources=frozenset({"annexes"})))
    fill(cache, OTHER, make_entry())
    feed.apply(changed(11))
    assert [served(cache, key) for key in (today, march_9, annexes, OTHER)] == [False, True, True, True]
    assert cache.statistics().regions["dashboard"].evictions == {"invalidated": 1}


def test_a_change_without_a_day_evicts_every_day(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry(first_day=MARCH_9, last_day=None))
    feed.apply(changed(11, day=None))
    assert not served(cache)


def test_a_change_of_everyone_evicts_everyones(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    fill(cache, OTHER, make_entry())
    feed.apply(changed(11, user=None))
    assert not served(cache)
    assert not served(cache, OTHER)


def test_a_manual_invalidation_evicts_what_its_pattern_names(cache: FrontCache, feed: Feed) -> None:
    annexes = make_key(7, "annexes", "annex")
    for key in (KEY, OTHER, annexes):
        fill(cache, key, make_entry())
    feed.apply(changed(11, user=None, source="cache:annex:*", day=None))
    assert [served(cache, key) for key in (KEY, OTHER, annexes)] == [True, True, False]
    feed.apply(changed(12, user=7, source="cache:*", day=None))
    assert [served(cache, key) for key in (KEY, OTHER)] == [False, True]


def test_a_fill_that_runs_while_its_answer_is_invalidated_by_hand_is_refused(cache: FrontCache, feed: Feed) -> None:
    running, others = begin(cache, KEY), begin(cache, OTHER)
    feed.apply(changed(11, user=None, source="cache:*:user:7", day=None).narrowed(INTEGER))
    assert not running.joinable
    assert cache.finish(running, make_entry(10), epoch=1, drain_id=10, undrained=False) == "overtaken"
    assert cache.finish(others, make_entry(10, key=OTHER), epoch=1, drain_id=10, undrained=False) is None
    assert fill(cache, KEY, make_entry(11)) is None


def test_invalidations_are_counted_by_source_and_by_hand(cache: FrontCache, feed: Feed) -> None:
    for key in (KEY, OTHER):
        fill(cache, key, make_entry())
    feed.apply(changed(11), changed(11, day=MARCH_2), changed(11, user=9))
    feed.apply(changed(12, user=None, source="cache:*", day=None), changed(12, source="cache:*:user:7", day=None))
    assert cache.statistics().invalidations == InvalidationStatistics(
        rows={"loans": 3, "by_hand": 2}, dropped={"loans": 1, "by_hand": 1}
    )


def test_an_invalidation_by_hand_is_told_without_naming_anybody(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    with capture_logs() as lines:
        feed.apply(changed(11, user=8), changed(11, user=None, source="cache:dash*:user:7", day=None))
    assert [line for line in lines if line["log_level"] == "info"] == [
        {
            "event": "invalidated_by_hand",
            "log_level": "info",
            "drain_id": 11,
            "pattern": "dash*:user:*",
            "dropped": 1,
        }
    ]
    assert "7" not in str([{k: v for k, v in line.items() if k != "drain_id"} for line in lines])


def bulk(drain_id: int, users: Iterable[int] = range(1, 5_000), source: str = "loans") -> Bulk:
    return Bulk(drain_id, frozenset(users), source, MARCH_1, MARCH_1)


def apply_bulk(feed: Feed, *bulks: Bulk) -> bool:
    feed.drain_id = max(it.drain_id for it in bulks)
    return feed.apply(bulks=bulks)


def test_a_change_of_many_users_evicts_their_answers_and_nobody_elses(cache: FrontCache, feed: Feed) -> None:
    spared, unrelated = make_key(9_999), make_key(8, "history")
    for key in (KEY, OTHER, spared):
        fill(cache, key, make_entry())
    fill(cache, unrelated, make_entry(sources=frozenset({"renewals"})))
    assert not apply_bulk(feed, bulk(11))
    assert (served(cache), served(cache, OTHER)) == (False, False)
    assert (served(cache, spared), served(cache, unrelated)) == (True, True)
    assert cache.statistics().invalidations == InvalidationStatistics({"loans": 4_999}, {"loans": 2})


def test_a_fill_that_missed_a_change_of_many_users_is_refused(cache: FrontCache, feed: Feed) -> None:
    running = begin(cache, KEY)
    apply_bulk(feed, bulk(11))
    assert not running.joinable
    assert cache.finish(running, make_entry(), epoch=1, drain_id=10, undrained=False) == "forgotten"
    assert fill(cache, KEY, make_entry(11)) is None
    assert served(cache)


def test_after_a_change_of_many_users_entries_that_saw_it_stay(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry(11))
    apply_bulk(feed, bulk(11))
    assert served(cache)


class Meanwhile:
    """Does something once between two bites, when the lock is free and others may have it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act
        self.found: object = None
        monkeypatch.setattr("refresher.front_cache.upkeep.time.sleep", self._sleep)

    def _sleep(self, _seconds: float) -> None:
        act, self._act = self._act, None
        if act is not None:
            self.found = act()


@pytest.fixture
def crowded(clock: Clock) -> FrontCache:
    """A cache with room for more users than are looked through at once."""
    return make_cache(clock, max_entries=4 * USERS_A_BATCH, max_bytes=10**8)


def crowd_in(cache: FrontCache, drain_id: int = 10) -> None:
    """Fill an answer of each of those users."""
    for user in range(1, USERS_A_BATCH + 2):
        fill(cache, make_key(user), make_entry(drain_id))


def test_a_fill_that_ends_between_two_bites_is_refused_if_it_missed_the_change(
    crowded: FrontCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(crowded, clock)
    crowd_in(crowded)
    for change in ({"bulks": (bulk(11),)}, {"rows": [changed(12, user) for user in range(1, USERS_A_BATCH + 2)]}):
        keys = [make_key(user, "history") for user in range(1, USERS_A_BATCH + 2)]
        running = [begin(crowded, key) for key in keys]
        drain_id = feed.drain_id

        def finish_all(running: list[Fill] = running, drain_id: int = drain_id) -> set[str | None]:
            entry = make_entry(drain_id)
            return {crowded.finish(it, entry, epoch=1, drain_id=drain_id, undrained=False) for it in running}

        meanwhile = Meanwhile(monkeypatch, finish_all)
        feed.drain_id += 1
        feed.apply(**change)
        assert meanwhile.found in ({"forgotten"}, {"overtaken"})
        assert not any(served(crowded, key) for key in keys)
        crowd_in(crowded, feed.drain_id)


def test_trust_is_extended_only_when_everything_was_dropped(
    crowded: FrontCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(crowded, clock)
    crowd_in(crowded)
    clock.advance(0.9)
    meanwhile = Meanwhile(monkeypatch, lambda: (crowded.may_answer(clock.now + 0.2), crowded.applied))
    apply_bulk(feed, bulk(11))
    assert meanwhile.found == (False, Position(1, 99, 10))
    assert crowded.may_answer(clock.now + 0.2)


def test_a_failure_between_two_bites_keeps_trust_ended(
    crowded: FrontCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(crowded, clock)
    crowd_in(crowded)
    Meanwhile(monkeypatch, lambda: crowded.flush("failure"))
    apply_bulk(feed, bulk(11))
    assert crowded.applied is None
    assert not crowded.may_answer(clock.now)


def test_a_bulk_update_of_fifty_thousand_users_costs_the_cache_little(
    cache: FrontCache, feed: Feed, clock: Clock
) -> None:
    fill(cache, KEY, make_entry())
    rows = [changed(11, user=user) for user in range(50_000)]
    assert feed.apply(*rows) is False
    assert not served(cache)
    assert cache.statistics().feed.remembered_rows <= 20_000


# --- breaks


@pytest.mark.parametrize("attribute", ["epoch", "nonce"])
def test_a_new_leader_flushes_everything(cache: FrontCache, feed: Feed, attribute: str) -> None:
    fill(cache, KEY, make_entry())
    setattr(feed, attribute, 100)
    assert feed.apply() is True
    assert why_not(cache) == "absent"
    assert cache.statistics().flushes == {"start": 1, attribute: 1}


def test_a_hole_in_the_feed_flushes_everything(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    feed.drain_id = 15
    feed.apply(drains_since=4)
    assert why_not(cache) == "absent"
    assert cache.applied is not None
    assert cache.applied.drain_id == 15


def test_a_feed_going_backwards_flushes_everything(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    feed.drain_id = 9
    feed.apply()
    assert why_not(cache) == "absent"


def test_a_reconnect_flushes_everything(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry())
    feed.apply(reconnected=True)
    assert why_not(cache) == "absent"
    assert cache.statistics().flushes == {"start": 1, "reconnect": 1}


def test_a_feed_without_any_drain_is_not_trusted(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    cache.apply(Poll(10, None, None))
    assert not cache.may_answer(clock.now)
    assert cache.applied is None


def test_a_fill_that_ran_across_a_flush_is_refused(cache: FrontCache, feed: Feed) -> None:
    running = begin(cache, KEY)
    feed.apply(reconnected=True)
    assert cache.finish(running, make_entry(11), epoch=1, drain_id=11, undrained=False) == "dropped"


def test_after_a_failure_nothing_is_trusted_until_the_feed_was_read_anew(
    cache: FrontCache, feed: Feed, clock: Clock
) -> None:
    late = feed.poll()
    cache.flush("failure")
    assert not cache.may_answer(clock.now)
    assert fill(cache, KEY, make_entry()) == "no_feed"
    cache.apply(late)
    assert cache.may_answer(clock.now)
    assert cache.statistics().flushes == {"start": 2, "failure": 1}


# --- never back in time


def test_a_read_that_saw_undrained_days_drops_the_users_other_entries(cache: FrontCache, feed: Feed) -> None:
    older, same = make_key(7, "older"), make_key(7, "same")
    fill(cache, older, make_entry(9 + 1))
    fill(cache, same, make_entry(10))
    fill(cache, OTHER, make_entry(10))
    assert fill(cache, KEY, make_entry(10), undrained=True) is None
    assert [served(cache, key) for key in (older, same, OTHER, KEY)] == [False, False, True, True]


def test_a_read_beyond_the_applied_feed_drops_the_users_older_entries(cache: FrontCache, feed: Feed) -> None:
    older, newer = make_key(7, "older"), make_key(7, "newer")
    fill(cache, older, make_entry(10))
    fill(cache, newer, make_entry(14))
    fill(cache, KEY, make_entry(12))
    assert [served(cache, key) for key in (older, newer, KEY)] == [False, True, True]


def test_a_read_of_a_newer_epoch_drops_the_users_older_entries(cache: FrontCache, feed: Feed) -> None:
    fill(cache, make_key(7, "older"), make_entry(10))
    assert fill(cache, KEY, make_entry(10, epoch=2)) == "epoch"
    assert not served(cache, make_key(7, "older"))


def test_a_newer_read_drops_the_users_running_fills(cache: FrontCache, feed: Feed) -> None:
    running, others = begin(cache, KEY), begin(cache, OTHER)
    fill(cache, make_key(7, "newer"), make_entry(10), undrained=True)
    assert not running.joinable
    assert others.joinable
    assert cache.finish(running, make_entry(10), epoch=1, drain_id=10, undrained=False) == "dropped"


def test_an_answer_of_nothing_found_drops_older_entries_too(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry(10))
    running = begin(cache, make_key(7, "gone"))
    assert cache.finish(running, None, epoch=1, drain_id=10, undrained=True) is None
    assert not served(cache)


def test_an_ordinary_read_drops_nothing(cache: FrontCache, feed: Feed) -> None:
    fill(cache, make_key(7, "older"), make_entry(10))
    running = begin(cache, make_key(7, "running"))
    fill(cache, KEY, make_entry(10))
    assert served(cache, make_key(7, "older"))
    assert running.joinable


def test_a_change_of_the_user_closes_running_fills_to_later_requests(cache: FrontCache, feed: Feed) -> None:
    running, others = begin(cache, KEY), begin(cache, OTHER)
    feed.apply(changed(11))
    assert not running.joinable
    assert others.joinable
    feed.apply(changed(12, user=None))
    assert not others.joinable


# --- the database gone


def test_the_last_resort_is_at_most_so_far_past_its_trust(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    entry = make_entry()
    fill(cache, KEY, entry)
    clock.advance(1.0 + 30)
    assert cache.last_resort(KEY, clock.now, 30) is entry
    clock.advance(0.001)
    assert cache.last_resort(KEY, clock.now, 30) is None
    assert cache.last_resort(OTHER, clock.now, 30) is None


def test_an_answer_computed_without_trust_was_good_when_it_was_computed(
    cache: FrontCache, feed: Feed, clock: Clock
) -> None:
    clock.advance(100)
    fill(cache, KEY, make_entry(began=clock.now))
    assert not served(cache)
    clock.advance(30)
    assert cache.last_resort(KEY, clock.now, 30) is not None


def test_the_end_of_an_entry_counts_for_the_last_resort(cache: FrontCache, feed: Feed, clock: Clock) -> None:
    fill(cache, KEY, make_entry(expires=clock.now + 0.5))
    clock.advance(0.5 + 30.1)
    assert cache.last_resort(KEY, clock.now, 30) is None


# --- consistency of its parts


def test_evicted_entries_leave_the_index(clock: Clock) -> None:
    cache = make_cache(clock, max_entries=2)
    feed = Feed(cache, clock)
    for user in range(50):
        fill(cache, make_key(user), make_entry())
    assert len(cache._store.users) == 2
    feed.apply(changed(11, user=None))
    assert len(cache._store.users) == 0
    assert cache.statistics().regions["dashboard"].entries == 0


def test_a_region_may_impose_its_ttl(clock: Clock) -> None:
    assert make_cache(clock, ttl_seconds=60).ttl_seconds("annex", 900) == 60
    assert make_cache(clock).ttl_seconds("annex", 900) == 900
    assert make_cache(clock, ttl_seconds=0).ttl_seconds("annex", 900) == 0


def test_the_last_day_of_an_entry_is_included(cache: FrontCache, feed: Feed) -> None:
    fill(cache, KEY, make_entry(first_day=MARCH_1, last_day=MARCH_9))
    feed.apply(changed(11, day=MARCH_9))
    assert not served(cache)


# --- another declaration


def test_another_declaration_drops_everything_and_ends_trust_until_the_next_poll(
    cache: FrontCache, feed: Feed, clock: Clock
) -> None:
    fill(cache, KEY, make_entry())
    cache.renew("other", [RegionLimits("dashboard", 9, 10**6), RegionLimits("new", 9, 10**6)])
    assert why_not(cache) == "absent"
    assert not cache.may_answer(clock.now)
    assert cache.statistics().flushes["declaration"] == 1
    feed.apply()
    assert cache.may_answer(clock.now)
    statistics = cache.statistics().regions
    assert statistics["new"].max_entries == statistics["dashboard"].max_entries == 9


def test_no_answer_of_another_declaration_is_kept(cache: FrontCache, feed: Feed) -> None:
    before = begin(cache, KEY)
    cache.renew("other", ())
    feed.apply()
    assert cache.finish(before, make_entry(), epoch=1, drain_id=10, undrained=False) == "dropped"
    late = begin(cache, KEY)  # Of a request that took the application before it became another one.
    assert cache.finish(late, make_entry(), epoch=1, drain_id=10, undrained=False) == "declaration"
    assert why_not(cache) == "absent"
    key = KEY._replace(declaration="other")
    assert fill(cache, key, make_entry(key=key)) is None
    assert served(cache, key)


def test_where_no_declaration_can_be_served_nothing_is_kept(cache: FrontCache, feed: Feed) -> None:
    cache.renew(None, ())
    feed.apply()
    assert cache.finish(begin(cache, KEY), make_entry(), epoch=1, drain_id=10, undrained=False) == "declaration"
