"""A clock to move by hand, and short ways to make entries, polls and caches."""

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

from refresher.front_cache.applied_feed import FeedMemory
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey, Question
from refresher.front_cache.feed import FeedRow, Poll, Position
from refresher.front_cache.fill import Fill, Turn
from refresher.front_cache.limits import RegionLimits
from refresher.front_cache.trust import Sighting

MARCH_1, MARCH_2, MARCH_9 = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 9)
DATABASE_AHEAD = 1_700_000_000.0  # the database's clock, when the monotonic one says 0


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def make_key(user: int = 7, dashboard: str = "summary", region: str = "dashboard", *arguments: Any) -> EntryKey:
    return EntryKey(region, user, dashboard, arguments)


def make_entry(drain_id: int = 10, *, began: float = 1000.0, key: EntryKey | None = None, **facts: Any) -> Entry:
    question: dict[str, Any] = {
        "arguments": (),
        "epoch": 1,
        "computed_by": "materialized_view",
        "patched_days": 0,
        "parameters": "{}",
        "sources": frozenset({"loans"}),
        "first_day": MARCH_1,
        "last_day": MARCH_2,
    }
    question |= {name: facts.pop(name) for name in question.keys() & facts.keys()}
    standard: dict[str, Any] = {
        "body": b'{"loans":1}',
        "digest": b"of 12 bytes.",
        "began": began,
        "expires": began + 600,
        "calculated_at": DATABASE_AHEAD + began,
    }
    return Entry(key or make_key(), question=Question(**question), drain_id=drain_id, **standard | facts)


def changed(drain_id: int, user: int | None = 7, source: str = "loans", day: date | None = MARCH_1) -> FeedRow:
    return FeedRow(drain_id, user, source, day, day)


def make_cache(
    clock: Clock,
    *,
    memory: FeedMemory | None = None,
    make_event: Callable[[], threading.Event] = threading.Event,
    **limits: Any,
) -> FrontCache:
    standard = {"max_entries": 100, "max_bytes": 1_000_000}
    regions = [RegionLimits(name, **standard | limits) for name in ("dashboard", "annex")]
    return FrontCache(regions, trust_seconds=1.0, monotonic=clock, memory=memory, make_event=make_event)


class Feed:
    """A database's feed: makes the polls that a follower of ``cache`` would."""

    def __init__(self, cache: FrontCache, clock: Clock, drain_id: int = 10) -> None:
        self.cache, self.clock = cache, clock
        self.drain_id, self.epoch, self.nonce = drain_id, 1, 99
        self.apply(reconnected=True)

    def poll(self, *rows: FeedRow, **facts: Any) -> Poll:
        since = self.cache.applied.drain_id if self.cache.applied else None
        now = self.clock.now
        self.drain_id = max([self.drain_id, *(row.drain_id for row in rows)])
        age = facts.pop("age", 0.0)
        seen = Sighting(now, now, age, DATABASE_AHEAD + now - age, DATABASE_AHEAD + now)
        standard = {"drains_since": self.drain_id - since if since is not None else 0, "rows": list(rows)}
        return Poll(since, Position(self.epoch, self.nonce, self.drain_id), seen, **standard | facts)

    def apply(self, *rows: FeedRow, reconnected: bool = False, **facts: Any) -> bool:
        return self.cache.apply(self.poll(*rows, **facts), reconnected=reconnected)


def begin(cache: FrontCache, key: EntryKey) -> Fill:
    """Begin a computation as an exact read does for which nothing runs yet."""
    found = cache.join(key, cache.monotonic(), exact=True)
    assert isinstance(found, tuple)
    turn, running = found
    assert turn in (Turn.OWN, Turn.REPLACE)
    return running


def begin_ahead(cache: FrontCache, key: EntryKey) -> Fill:
    """Begin a computation in the background."""
    running = cache.begin_ahead(key, since=cache.monotonic())
    assert running is not None
    return running


def fill(cache: FrontCache, key: EntryKey, entry: Entry, *, undrained: bool = False) -> str | None:
    """Compute and store at once; return why it was refused."""
    entry.key = key
    running = begin(cache, key)
    return cache.finish(running, entry, epoch=entry.epoch, drain_id=entry.drain_id, undrained=undrained)
