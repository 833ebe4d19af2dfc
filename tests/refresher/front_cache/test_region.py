"""Regions: limits by entries and bytes, counters, and the operator's overrides."""

import sys
import tracemalloc
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from models.errors import ConfigurationError
from refresher.front_cache.entry import ENTRY_BYTES, Entry, EntryKey, entry_bytes
from refresher.front_cache.limits import RegionLimits, region_limits
from refresher.front_cache.store import Region, Store
from tests.refresher.front_cache.cache_fakes import Clock, Feed, fill, make_cache, make_entry, make_key
from views_sql.declaration.maintained_view import Region as DeclaredRegion

MANY_USERS = range(1000, 3000)
DECLARED = (DeclaredRegion("dashboard", 500, 50_000_000), DeclaredRegion("annex", 1000, 30_000_000))


def region(max_entries: int = 3, max_bytes: int = 1_000_000) -> Region:
    return Region(RegionLimits("dashboard", max_entries, max_bytes))


def entry(user: int = 7, **facts: Any) -> Entry:
    return make_entry(key=make_key(user), **facts)


def test_the_least_recently_used_entry_leaves_first() -> None:
    small = region(max_entries=2)
    first, second = entry(1), entry(2)
    small.put(first)
    small.put(second)
    small.use(first.key)
    assert small.put(entry(3)) == [second]
    assert small.peek(first.key) is first
    assert small.statistics().evictions == {"entries": 1}


def test_a_hit_is_a_use() -> None:
    small = region(max_entries=2)
    first, second = entry(1), entry(2)
    small.put(first)
    small.put(second)
    small.hit(first, 1000.5)
    assert small.put(entry(3)) == [second]
    assert first.read_at == 1000


def test_hits_of_the_same_second_move_an_entry_once_and_the_next_second_s_again() -> None:
    small = region(max_entries=2)
    first, second = entry(1), entry(2)
    small.put(first)
    small.put(second)
    for hit, arrived in ((first, 1000.5), (second, 1000.6), (first, 1000.7)):
        small.hit(hit, arrived)
    assert (first.hits, first.read_at) == (2, 1000)
    small.hit(first, 1001.0)
    assert small.put(entry(3)) == [second]
    small.hit(first, 1000.9)  # a thread that was held up
    assert (first.hits, first.read_at) == (4, 1000)


def test_bytes_are_a_limit_of_their_own() -> None:
    body = b"x" * 10_000
    small = region(max_entries=100, max_bytes=2 * (10_000 + ENTRY_BYTES))
    first = entry(1, body=body)
    small.put(first)
    small.put(entry(2, body=body))
    assert small.put(entry(3, body=body)) == [first]
    assert small.statistics().bytes <= small.limits.max_bytes
    assert small.statistics().evictions == {"bytes": 1}


def test_a_replacement_that_is_too_large_does_not_keep_the_old_value() -> None:
    store = Store([RegionLimits("dashboard", 3, 10_000)])
    assert store.put(entry()) is None
    assert store.put(entry(body=b"x" * 10_000)) == "too_large"
    assert (store.peek(make_key()), store.of(7)) == (None, [])
    assert store.statistics()["dashboard"].bytes == 0


def test_a_region_without_entries_stores_nothing() -> None:
    assert region(max_entries=0).put(entry()) is None


def test_replacing_an_entry_evicts_no_other() -> None:
    store = Store([RegionLimits("dashboard", 2, 10_000)])
    first, again = entry(1), entry(1)
    for it in (first, entry(2), again):
        assert store.put(it) is None
    assert store.statistics()["dashboard"].entries == 2
    assert store.of(1) == [again]


def test_a_user_s_entries_are_found_whichever_of_them_leaves() -> None:
    names = ("a", "b", "c")
    for leaving in names:
        store = Store([RegionLimits("dashboard", 9, 100_000)])
        kept = {name: make_entry(key=make_key(7, name)) for name in names}
        for it in (*kept.values(), entry(8)):
            store.put(it)
        store.remove(kept.pop(leaving), "invalidated")
        assert {it.key.dashboard for it in store.of(7)} == kept.keys()
        for it in kept.values():
            store.remove(it, "invalidated")
        assert (store.of(7), list(store.users)) == ([], [8])


def test_the_overhead_of_an_entry_is_not_understated() -> None:
    """Nothing is shared between entries here: every value is a new object, as the read path makes it."""

    def of(user: int) -> Entry:
        arguments = (date(2026, 1, 1 + user % 28), None, f"g{user}", user)
        return make_entry(
            key=EntryKey("dashboard", user, "history", arguments),
            body=str(user).encode() * 25,
            arguments=arguments,
            computed_by=f"view {user}",
            parameters=f'{{"from":"2026-{user}","to":"2027-{user}","granularity":"g{user}","branch":{user}}}',
            sources=frozenset({"members", "annexes", "loans", "renewals"}),
            first_day=date(2026, 2, 1 + user % 28),
            last_day=date(2026, 3, 1 + user % 28),
            digest=f"{user:012d}".encode(),
            drain_id=user,
            began=1000.0 + user / 1e6,
            calculated_at=user + 0.5,
        )

    used, charged = memory_of_entries(of)
    assert used <= charged, f"an entry costs {used:.0f} bytes, charged {charged:.0f}; {sys.version}"


def test_an_entry_of_a_question_that_others_ask_costs_at_most_420_bytes_beyond_its_body() -> None:
    question = make_entry().question
    bodies = {user: str(user).encode() * 25 for user in MANY_USERS}

    def of(user: int) -> Entry:
        key = EntryKey("dashboard", user * 1000, "summary", question.arguments)
        times = {"began": 1000.0 + user / 1e6, "expires": 1600.0, "calculated_at": user + 0.5}
        return Entry(key, bodies[user], question, f"{user:012d}".encode(), user, **times)

    used, charged = memory_of_entries(of)
    assert used <= 420, f"an entry costs {used:.0f} bytes; {sys.version}"
    assert used <= charged


def memory_of_entries(of: Callable[[int], Entry]) -> tuple[float, float]:
    """Return bytes used and charged by an entry in a cache of many, each of them read once."""
    clock = Clock()
    cache = make_cache(clock, max_entries=10_000, max_bytes=100_000_000)
    Feed(cache, clock)
    tracemalloc.start()
    try:
        before, charged = tracemalloc.get_traced_memory()[0], 0
        for user in MANY_USERS:
            made = of(user)
            assert fill(cache, made.key, made) is None
            cache.hit(made.key, clock.now + user / 1e6)
            charged += entry_bytes(made)
        del made
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert cache.statistics().regions["dashboard"].hits == len(MANY_USERS)
    return used / len(MANY_USERS), charged / len(MANY_USERS)


def test_overrides_replace_declared_limits() -> None:
    limits = region_limits(DECLARED, {"annex": {"max_entries": 5, "ttl_seconds": 60}})
    assert limits == (
        RegionLimits("dashboard", 500, 50_000_000),
        RegionLimits("annex", 5, 30_000_000, 60),
    )


def test_every_wrong_override_is_reported_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        region_limits(DECLARED, {"annexes": {}, "annex": {"max_entrys": 1, "max_bytes": -1}})
    assert caught.value.faults == [
        "FRONTVIEW_REGIONS: no region 'annexes'; there are annex, dashboard",
        "FRONTVIEW_REGIONS: annex: no limit 'max_entrys'; there are max_bytes, max_entries, ttl_seconds",
        "FRONTVIEW_REGIONS: annex: max_bytes is negative",
    ]
