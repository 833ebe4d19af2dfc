"""One web worker, real but for its clock and its links: front cache, follower and read path, run as tasks.

Invariant: nothing of the product is replaced that decides anything: only the clock, the two connections, and the
places where threads wait.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from models.backoff import Backoff
from models.deadlines import Deadlines
from refresher.front_cache.applied_feed import FeedMemory
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.feed import Poll
from refresher.front_cache.fill import Fill, Turn
from refresher.front_cache.follower import FeedFollower
from refresher.front_cache.limits import RegionLimits
from tests.simulation.channel import FeedLink, ReadLinks
from tests.simulation.questions import CATALOG, REGION, H
from tests.simulation.scheduler import Task, pause
from tests.simulation.world import World
from web.reads.background_fills import RENEWAL, WantedFill
from web.reads.read_path import ReadPath, ReadPolicy

MEMORY_ROWS = 3
POLL_SECONDS = 0.25


class ScheduledEvent(threading.Event):
    """An event for which waiting is a place of the schedule."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        due = self._world.now + (timeout or 0.0)
        pause("read: waits for another", lambda: self.is_set() or self._world.now >= due)
        return self.is_set()


class WatchedCache(FrontCache):
    """A front cache that remembers what it refused, and whose requests can be held up before their turn."""

    def __init__(self, world: World, seen: Callable[[str], None]) -> None:
        self.world, self.seen = world, seen
        self.memory = FeedMemory(max_rows=MEMORY_ROWS, max_drains=8)
        limits = RegionLimits(REGION.name, REGION.max_entries, REGION.max_bytes)
        super().__init__(
            [limits],
            trust_seconds=H,
            monotonic=world.monotonic,
            memory=self.memory,
            make_event=lambda: ScheduledEvent(world),
        )
        self.refused: set[bytes] = set()

    def join(self, *arguments: Any, **options: Any) -> Entry | tuple[Turn, Fill]:
        pause("read: missed")
        return super().join(*arguments, **options)

    def begin_ahead(self, key: EntryKey, since: float) -> Fill | None:
        pause("read: missed")
        return super().begin_ahead(key, since)

    def finish(self, fill: Fill, entry: Entry | None, **facts: Any) -> str | None:
        pause("read: about to end")
        why = super().finish(fill, entry, **facts)
        self.seen(f"fill: {why or 'kept'}")
        if why is not None and entry is not None:
            self.refused.add(entry.data)
        return why

    def apply(self, poll: Poll, *, reconnected: bool = False) -> bool:
        flushed_before = self._feed.flushes.copy()
        flushed = super().apply(poll, reconnected=reconnected)
        for why in self._feed.flushes - flushed_before:
            self.seen(f"flush: {why}")
        self.seen(f"doubt: {self._feed._trust.doubt}")
        return flushed

    @property
    def applied_look(self) -> int:
        """What the drains that this worker has applied had seen."""
        return self.world.looks[self.applied] if self.applied else 0

    def indexed(self) -> int:
        """Return how many entries invalidations would find."""
        return sum(len(self._store.of(user)) for user in self._store.users)


class _NoDeadlines(Deadlines):
    """The schedule says which link is cut, and when."""

    @contextmanager
    def watch(self, *_: Any) -> Iterator[None]:
        yield


class Follower(FeedFollower):
    """A follower whose waits are places of the schedule."""

    def __init__(self, world: World, cache: FrontCache) -> None:
        self.world = world
        self.link: FeedLink | None = None
        self.defects: list[Exception] = []
        soon = Backoff(uniform=lambda least, _: least)
        super().__init__(
            "",
            cache,
            poll_seconds=POLL_SECONDS,
            connect=self._open,  # type: ignore[arg-type]
            deadlines=_NoDeadlines(),
            backoff=soon,
            monotonic=world.monotonic,
        )
        self._stopping.wait = self._nap  # type: ignore[method-assign]

    def run(self) -> None:
        self._run()

    def _open(self, _url: str, _name: str) -> FeedLink:
        self.link = FeedLink(self.world)
        return self.link

    def _nap(self, seconds: float | None = None) -> bool:
        # The pause between two polls is no place: a schedule that wants it stops in "listening"
        if self._connected:
            return False
        due = self.world.now + (seconds or 0.0)
        pause("feed: waits to connect", lambda: self.world.now >= due)
        return False

    def _note(self, event: str, error: Exception) -> None:
        if event == "failures":
            self.defects.append(error)


class Worker:
    """Everything of one web worker, and its running requests."""

    def __init__(self, world: World, seen: Callable[[str], None]) -> None:
        self.cache = WatchedCache(world, seen)
        self.follower = Follower(world, self.cache)
        self.path = ReadPath(
            ReadLinks(world),  # type: ignore[arg-type]
            self.cache,
            CATALOG,
            monotonic=world.monotonic,
            wall=world.database_time,
        )
        self.feed = Task(self.follower.run)

    def read(self, key: EntryKey, policy: ReadPolicy) -> Task:
        return Task(lambda: self.path.read(key.dashboard, key.user, {}, policy))

    def warm(self, keys: Sequence[EntryKey], *, renew: bool) -> Task:
        wanted = [WantedFill(key, RENEWAL if renew else "predicted") for key in keys]
        return Task(lambda: self.path.warm(wanted))
