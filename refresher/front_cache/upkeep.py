"""What keeps a front cache right and small: the feed is applied to it, and entries whose life is over are dropped.

All of this may concern every user, so it goes through the users in batches and gives the lock to readers in between.

Invariant: a poll counts as applied, and extends trust, only when every entry that its changes concern is gone and no
running fill that lacks them can be stored.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from models.event_counter import EventCounter
from models.user_key import UserKey
from refresher.front_cache.applied_feed import AppliedFeed, FeedMemory
from refresher.front_cache.entry import EntryKey, Reads
from refresher.front_cache.feed import Changes, Poll, Position, concerns
from refresher.front_cache.fill import RunningFills
from refresher.front_cache.invalidations import Invalidations, count_rows, log_invalidations
from refresher.front_cache.limits import RegionLimits
from refresher.front_cache.statistics import CacheStatistics
from refresher.front_cache.store import AGES, Store
from refresher.front_cache.trust import Trust

USERS_A_BATCH = 500  # The lock is held for one batch at a time, which takes about 0.2 ms.
BETWEEN_BATCHES_SECONDS = 0.0002
T = TypeVar("T")


class Upkeep:
    """The parts of a front cache, one lock around them, and what is done to all of them.

    ``failures``: how often the cache's own code failed.

    :param trust_seconds: H of the protocol.
    :param monotonic: seconds that never go back; the only clock of a front cache.
    :param make_event: makes the event on which requests wait until a fill ends.
    :param declaration: the hash of the one declaration whose answers are kept; empty: the application has none.
    """

    def __init__(
        self,
        limits: Iterable[RegionLimits],
        *,
        trust_seconds: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        memory: FeedMemory | None = None,
        make_event: Callable[[], threading.Event] = threading.Event,
        declaration: str | None = "",
    ) -> None:
        self.monotonic, self._make_event = monotonic, make_event
        self._lock = threading.Lock()
        self._store = Store(limits)
        self._regions = self._store.regions
        self._running = RunningFills()
        self._feed = AppliedFeed(memory if memory is not None else FeedMemory(), Trust(trust_seconds))
        self._invalidations = Invalidations()
        self.failures = EventCounter()
        self._declaration = declaration

    @property
    def applied(self) -> Position | None:
        """How far the feed was applied; None: nothing yet, or everything was flushed after a failure."""
        return self._feed.position

    def apply(self, poll: Poll, *, reconnected: bool = False) -> bool:
        """Apply what a poll returned, then extend trust by it; return whether everything was flushed.

        From the first hold of the lock on, no fill that the poll's changes overtake is stored. Entries are then dropped
        in batches, and the poll counts as applied only in the last hold: until then a reader sees what it would see if
        the poll had not yet returned.
        """
        changes, counts = Changes(poll), count_rows(poll.rows, poll.bulks)
        with self._lock:
            why = self._feed.receive(poll, reconnected=reconnected)
            if why is None:
                self._running.close(changes.users)
                users = changes.among(self._store.users)
            else:
                self._drop_everything()
                users = []
            flushes = self._feed.flushes.total()
        dropped = self._invalidate(users, changes)
        with self._lock:
            if flushes == self._feed.flushes.total():  # Else another thread has flushed, and ended trust, meanwhile.
                self._feed.complete(poll)
            if why is None:
                self._invalidations.add(counts, dropped)
        if why is None:
            log_invalidations(poll.rows, counts, dropped)
        return why is not None

    def flush(self, why: str) -> None:
        """Drop everything and trust nothing until the feed was read from the start."""
        with self._lock:
            self._feed.lose(why)
            self._drop_everything()

    def renew(self, declaration: str | None, limits: Iterable[RegionLimits]) -> None:
        """Drop everything, and from now on keep the answers of another declaration only (None: of none at all).

        Also what one and the same declaration answered before another was active has to go: its sources may not have
        been captured meanwhile.
        """
        with self._lock:
            self._declaration = declaration
            self._store.limit(limits)
            self._feed.lose("declaration")
            self._drop_everything()

    def may_have_changed(self, user: UserKey, epoch: int, drain_id: int) -> bool:
        """Return whether a change of ``user`` may have been applied after that drain; True if it cannot be known."""
        with self._lock:
            return self._feed.may_have_changed(user, epoch, drain_id)

    def sweep(self) -> int:
        """Drop the entries whose life is over; return how many."""
        now = self.monotonic()
        return sum(1 for _ in self._in_batches(lambda user: self._store.expire(user, now)))

    def due_for_renewal(self, share: float) -> list[EntryKey]:
        """Return the keys of entries that are in use and past ``share`` of their life."""
        now = self.monotonic()
        return list(self._in_batches(lambda user: self._store.due(user, now, share)))

    def take_dropped(self) -> dict[EntryKey, Reads]:
        """Return what readers lost since the last call: entries that were read since their fill and that a change, a
        newer read or a flush removed, with those reads; at most the newest thousand, the newest first.
        """
        with self._lock:
            return self._store.take_dropped()

    def statistics(self) -> CacheStatistics:
        """Return sizes, counters and the state of trust."""
        now = self.monotonic()
        ages = Counter(self._in_batches(lambda user: self._store.ages(user, now)))
        with self._lock:
            regions = {
                name: replace(region, ages={age: ages[name, age] for age in AGES})
                for name, region in self._store.statistics().items()
            }
            return replace(
                self._feed.statistics(now),
                regions=regions,
                running_fills=len(self._running),
                invalidations=self._invalidations.statistics(),
            )

    def _invalidate(self, users: list[UserKey], changes: Changes) -> Counter[str]:
        """Drop the entries of ``users`` that the changes concern, in batches; return how many, by source."""
        dropped: Counter[str] = Counter()
        for first in range(0, len(users), USERS_A_BATCH):
            if first:
                # Without a pause the thread that releases a lock takes it again before any waiting thread does.
                time.sleep(BETWEEN_BATCHES_SECONDS)
            with self._lock:
                for user in users[first : first + USERS_A_BATCH]:
                    self._drop_concerned(user, changes, dropped)
        return dropped

    def _in_batches(self, of_user: Callable[[UserKey], Iterable[T]]) -> Iterator[T]:
        """Yield what ``of_user``, called under the lock, returns for each user."""
        with self._lock:
            users = list(self._store.users)
        for first in range(0, len(users), USERS_A_BATCH):
            with self._lock:
                found = [it for user in users[first : first + USERS_A_BATCH] for it in of_user(user)]
            yield from found

    # --- The callers of everything below hold the lock.

    def _drop_everything(self) -> None:
        self._store.clear("flushed")
        self._running.drop_all()

    def _drop_concerned(self, user: UserKey, changes: Changes, dropped: Counter[str]) -> None:
        rows = changes.of(user)
        for entry in self._store.of(user):
            answer = entry.dependence
            # An entry whose statement saw the drain already holds the drain's changes.
            guilty = (row for row in rows if row.drain_id > entry.drain_id and concerns(*row[2:], answer))
            if (first := next(guilty, None)) is not None:
                self._store.remove(entry, "invalidated")
                dropped[first.source] += 1
