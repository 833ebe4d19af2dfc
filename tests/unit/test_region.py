"""Regions: limits by entries and bytes, counters, and the operator's overrides."""

import sys
import tracemalloc
from datetime import date

import pytest

from models.errors import ConfigurationError
from refresher.entry import ENTRY_OVERHEAD_BYTES, EntryKey, entry_bytes
from refresher.region import Region, RegionLimits, region_limits
from tests.unit.cache_fakes import Clock, Feed, fill, make_cache, make_entry, make_key
from views_sql.maintained_view import Region as DeclaredRegion

DECLARED = (DeclaredRegion("dashboard", 500, 50_000_000), DeclaredRegion("agent", 1000, 30_000_000))


def region(max_entries: int = 3, max_bytes: int = 1_000_000) -> Region:
    return Region(RegionLimits("dashboard", max_entries, max_bytes))


def test_the_least_recently_used_entry_leaves_first() -> None:
    small = region(max_entries=2)
    first, second, third = make_key(1), make_key(2), make_key(3)
    small.put(first, make_entry())
    small.put(second, make_entry())
    small.get(first)
    assert small.put(third, make_entry()) == [second]
    assert small.get(first) is not None
    assert small.statistics()["evictions"] == {"entries": 1}


def test_bytes_are_a_limit_of_their_own() -> None:
    body = b"x" * 10_000
    small = region(max_entries=100, max_bytes=2 * (10_000 + ENTRY_OVERHEAD_BYTES))
    for user in (1, 2):
        small.put(make_key(user), make_entry(body=body))
    assert small.put(make_key(3), make_entry(body=body)) == [make_key(1)]
    assert small.statistics()["bytes"] <= small.limits.max_bytes
    assert small.statistics()["evictions"] == {"bytes": 1}


def test_a_replacement_that_is_too_large_does_not_keep_the_old_value() -> None:
    small = region(max_bytes=10_000)
    assert small.put(make_key(), make_entry()) == []
    assert small.put(make_key(), make_entry(body=b"x" * 10_000)) is None
    assert small.get(make_key()) is None
    assert small.statistics()["bytes"] == 0


def test_a_region_without_entries_stores_nothing() -> None:
    assert region(max_entries=0).put(make_key(), make_entry()) is None


def test_replacing_an_entry_evicts_no_other() -> None:
    small = region(max_entries=2)
    small.put(make_key(1), make_entry())
    small.put(make_key(2), make_entry())
    assert small.put(make_key(1), make_entry()) == []
    assert small.statistics()["entries"] == 2


def test_the_overhead_of_an_entry_is_not_understated() -> None:
    clock = Clock()
    cache = make_cache(clock, max_entries=10_000, max_bytes=100_000_000)
    Feed(cache, clock)
    tracemalloc.start()
    try:
        before, charged = tracemalloc.get_traced_memory()[0], 0
        for user in range(1000, 3000):
            # nothing shared between entries: every value is made anew, as the read path makes it
            key = EntryKey("dashboard", user, "analytics", (date(2026, 1, 1 + user % 28), None, f"g{user}", user))
            parameters = {"from": f"2026-{user}", "to": f"2027-{user}", "granularity": f"g{user}", "agent_id": user}
            entry = make_entry(
                body=str(user).encode() * 25,
                etag=f'"{user:032d}"',
                watermark=f"1-{user}",
                parameters=parameters,
                sources=frozenset({"users", "agents", "calls", "lead_analytics"}),
                first_day=date(2026, 2, 1 + user % 28),
                last_day=date(2026, 3, 1 + user % 28),
                began=clock.now + user / 1e6,
                calculated_at=user + 0.5,
                expires_at=user + 0.25,
                drain_id=user,
            )
            fill(cache, key, entry)
            charged += entry_bytes(key, entry)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert cache.statistics()["regions"]["dashboard"]["entries"] == 2000
    assert used <= charged, f"an entry costs {used / 2000:.0f} bytes, charged {charged / 2000:.0f}; {sys.version}"


def test_overrides_replace_declared_limits() -> None:
    limits = region_limits(DECLARED, {"agent": {"max_entries": 5, "ttl_seconds": 60}})
    assert limits == (
        RegionLimits("dashboard", 500, 50_000_000),
        RegionLimits("agent", 5, 30_000_000, 60),
    )


def test_every_wrong_override_is_reported_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        region_limits(DECLARED, {"agents": {}, "agent": {"max_entrys": 1, "max_bytes": -1}})
    assert caught.value.faults == [
        "FRONTVIEW_REGIONS: no region 'agents'; there are agent, dashboard",
        "FRONTVIEW_REGIONS: agent: no limit 'max_entrys'; there are max_bytes, max_entries, ttl_seconds",
        "FRONTVIEW_REGIONS: agent: max_bytes is negative",
    ]
