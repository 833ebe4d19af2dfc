"""One web worker, real but for its clock and its links: front cache, follower and read path, run as tasks.

Invariant: nothing of the product is replaced that decides anything: only the clock, the two connections, and the
places where threads wait.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from models.backoff import Backoff
from models.deadlines import Deadlines
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.feed import FeedMemory, Poll
from refresher.front_cache.fill import Fill
from refresher.front_cache.flight import Flight, SingleFlight
from refresher.front_cache.follower import FeedFollower
from refresher.front_cache.region import RegionLimits
from tests.simulation.channel import FeedLink, ReadLinks
from tests.simulation.questions import CATALOG, REGION, H
from tests.simulation.scheduler import Task, pause
from tests.simulation.world import World
from web.reads.background_fills import RENEWAL, Wish
from web.reads.read_path import ReadPath, ReadPolicy

MEMORY_ROWS = 3
POLL_SECONDS = 0.25


class WatchedCache(FrontCache):
    """A front cache that remembers what it refused, and what the polls it applied were answered from."""

    def __init__(self, world: World, seen: Callable[[str], None]) -> None:
        self.world, self.seen = world, seen
        self.memory = FeedMemory(max_rows=MEMORY_ROWS, max_drains=8)
        limits = RegionLimits(REGION.name, REGION.max_entries, REGION.max_bytes)
        super().__init__([limits], trust_seconds=H, monotonic=world.monotonic, memory=self.memory)
        self.refused: set[bytes] = set()

    def finish(self, fill: Fill, entry: Entry | None, *, epoch: int, drain_id: int, undrained: bool) -> str | None:
        why = super().finish(fill, entry, epoch=epoch, drain_id=drain_id, undrained=undrained)
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


class _Waiting:
    """A flight of somebody else; waiting for it is a place of the schedule."""

    def __init__(self, flight: Flight[Any, Any], world: World) -> None:
        self.flight, self._world = flight, world
        self.subject = flight.subject

    @property
    def outcome(self) -> Any:
        return self.flight.outcome

    def wait(self, seconds: float) -> bool:
        due = self._world.now + seconds
        pause("read: waits for another", lambda: self.flight.wait(0) or self._world.now >= due)
        return self.flight.wait(0)


class Flights(SingleFlight[EntryKey, Fill, Any]):
    """Flights whose threads may be held up before they enter and before they land."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def enter(self, key: EntryKey, begin: Callable[[], Fill], *, instead_of: Any = None) -> tuple[Any, bool]:
        pause("read: missed")
        flight, mine = super().enter(key, begin, instead_of=instead_of and instead_of.flight)
        return (flight, True) if mine else (_Waiting(flight, self._world), False)

    def land(self, key: EntryKey, flight: Any, outcome: Any) -> None:
        pause("read: about to land")
        super().land(key, flight, outcome)


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
        self.path._flights = self.path._background._flights = Flights(world)
        self.feed = Task(self.follower.run)

    def read(self, key: EntryKey, policy: ReadPolicy) -> Task:
        return Task(lambda: self.path.read(key.dashboard, key.user, {}, policy))

    def warm(self, keys: Sequence[EntryKey], *, renew: bool) -> Task:
        wishes = [Wish(key, RENEWAL if renew else "predicted") for key in keys]
        return Task(lambda: self.path.warm(wishes))
