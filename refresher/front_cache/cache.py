"""The front cache of one process: entries, running fills and the applied feed, all under one lock.

Invariant: no lookup returns an entry that misses a change committed more than ``trust_seconds`` before the
request arrived, nor one older than what the same user was shown before. The check of a fill, its storing and
the applying of feed rows exclude each other.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from models.user_key import UserKey
from refresher.front_cache.applied_feed import USERS_A_BITE, AppliedFeed
from refresher.front_cache.entry import Entry, EntryKey, Reads, expires_in
from refresher.front_cache.feed import FeedMemory, Poll, Position
from refresher.front_cache.fill import Fill, RunningFills
from refresher.front_cache.region import RegionLimits
from refresher.front_cache.statistics import CacheStatistics
from refresher.front_cache.store import AGES, Store
from refresher.front_cache.trust import Trust

# Refusals that say nothing against the freshness of the answer: it may be shared with those who waited.
HARMLESS_REFUSALS = frozenset({"too_large", "expired"})
T = TypeVar("T")


class FrontCache:
    """Answers kept in this process, never older than ``trust_seconds`` while they are served.

    :param trust_seconds: H of the protocol.
    :param monotonic: seconds that never go back; the only clock it knows.
    """

    def __init__(
        self,
        limits: Iterable[RegionLimits],
        *,
        trust_seconds: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        memory: FeedMemory | None = None,
    ) -> None:
        self.monotonic = monotonic
        self._lock = threading.Lock()
        self._store = Store(limits)
        self._regions = self._store.regions
        self._running = RunningFills()
        memory = memory if memory is not None else FeedMemory()
        self._feed = AppliedFeed(self._lock, self._store, self._running, memory, Trust(trust_seconds))

    # --- reading

    def lookup(
        self, key: EntryKey, arrived: float, max_age_seconds: float | None = None, *, again: bool = False
    ) -> tuple[Entry | None, str | None]:
        """Return the entry that may answer a request that arrived then, or None and why there is none.

        Reasons: ``absent``, ``untrusted``, ``expired``, ``too_old`` (for ``max_age_seconds``).

        :param again: a second look of the same request, whose miss is not counted twice.
        """
        with self._lock:
            region = self._regions[key.region]
            entry = region.peek(key)
            if entry is None:
                why = "absent"
            elif arrived >= self._feed.usable_until:
                why = "untrusted"
            elif arrived >= entry.expires:
                why = "expired"
            elif max_age_seconds is not None and arrived - entry.began > max_age_seconds:
                why = "too_old"
            else:
                region.hit(entry, arrived)
                return entry, None
            if not again:
                region.misses[why] += 1
            return None, why

    def hit(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return what :meth:`lookup` would to a plain request, a miss not counted; the shortest way to a hit."""
        with self._lock:
            region = self._regions[key.region]
            entry = region.peek(key)
            if entry is None or arrived >= self._feed.usable_until or arrived >= expires_in(entry.stamp)[0]:
                return None
            region.hit(entry, arrived)
            return entry

    def computed_since(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return the entry if its computation began after that time: as exact as one of the request's own."""
        with self._lock:
            entry = self._regions[key.region].use(key)
            return entry if entry is not None and entry.began > arrived else None

    def last_resort(self, key: EntryKey, now: float, beyond_trust_seconds: float) -> Entry | None:
        """Return the entry if its trust ended at most that long ago; for when the database is gone."""
        with self._lock:
            entry = self._regions[key.region].use(key)
            if entry is None:
                return None
            # an answer is as good as exact when it was computed, whatever was known of the feed
            trusted_until = min(max(self._feed.usable_until, entry.began), entry.expires)
            return entry if now <= trusted_until + beyond_trust_seconds else None

    def may_answer(self, arrived: float) -> bool:
        """Return whether entries are trusted for a request that arrived then."""
        return arrived < self._feed.usable_until

    def ttl_seconds(self, region: str, declared: float) -> float:
        """Return the TTL of a new entry: the one ``region`` imposes, else the dashboard's own."""
        imposed = self._regions[region].limits.ttl_seconds
        return declared if imposed is None else imposed

    # --- filling

    def begin(self, key: EntryKey, *, background: bool = False) -> Fill:
        """Register a computation that begins now; must be finished or abandoned.

        :param background: no request waits for it.
        """
        with self._lock:
            fill = Fill(key, self.monotonic(), background=background)
            self._running.add(fill)
            return fill

    def abandon(self, fill: Fill) -> None:
        """Forget a computation that gave no answer."""
        with self._lock:
            self._running.forget(fill)

    def finish(self, fill: Fill, entry: Entry | None, *, epoch: int, drain_id: int, undrained: bool) -> str | None:
        """Take in what a computation read: store ``entry``, or return why it was refused.

        A read newer than what was applied drops the user's older entries and running fills, so that no later
        hit goes back behind it. That holds for an answer without an entry (nothing found), too. One that nobody
        waited for is refused instead (``ahead``): a moment later the feed will have caught up with it.
        """
        with self._lock:
            self._running.forget(fill)
            fill.joinable = False  # nothing watches it from here on; who comes later finds the entry
            ahead = self._feed.ahead(epoch, drain_id, undrained=undrained)
            shown = fill.joined or not fill.background
            if ahead is not None and shown:
                self._drop_older(fill.key.user, ahead)
            if entry is None:
                return None
            why = "ahead" if ahead is not None and not shown else self._refusal(fill, entry)
            why = why or self._keep(fill, entry)
            if why is not None:
                self._regions[fill.key.region].refused[why] += 1
            return why

    # --- warming

    def holds(self, key: EntryKey) -> bool:
        """Return whether an entry is there whose life is not over; counts nothing and uses nothing.

        Whether entries are trusted at the moment is :meth:`may_answer`.
        """
        with self._lock:
            entry = self._store.peek(key)
            return entry is not None and self.monotonic() < entry.expires

    def sweep(self) -> int:
        """Drop the entries whose life is over; return how many."""
        now = self.monotonic()
        return sum(1 for _ in self._in_bites(lambda user: self._store.expire(user, now)))

    def due_for_renewal(self, share: float) -> list[EntryKey]:
        """Return the keys of entries that are in use and past ``share`` of their life."""
        now = self.monotonic()
        return list(self._in_bites(lambda user: self._store.due(user, now, share)))

    def take_dropped(self) -> dict[EntryKey, Reads]:
        """Return the entries that were read since their fill and that a change, a newer read or a flush took away
        since the last call, with those reads; at most the newest thousand, the newest first.
        """
        with self._lock:
            return self._store.take_dropped()

    # --- following the feed

    @property
    def applied(self) -> Position | None:
        """How far the feed was applied; None: nothing yet, or everything was flushed after a failure."""
        return self._feed.position

    def may_have_changed(self, user: UserKey, epoch: int, drain_id: int) -> bool:
        """Return whether anything about ``user`` may have been applied after that drain; True if it cannot be known."""
        with self._lock:
            return self._feed.may_have_changed(user, epoch, drain_id)

    def apply(self, poll: Poll, *, reconnected: bool = False) -> bool:
        """Apply what a poll returned, then extend trust by it; return whether everything was flushed."""
        return self._feed.apply(poll, reconnected=reconnected)

    def flush(self, why: str) -> None:
        """Drop everything and trust nothing until the feed was read anew."""
        with self._lock:
            self._feed.flush(why)

    def statistics(self) -> CacheStatistics:
        """Return sizes, counters and the state of trust."""
        now = self.monotonic()
        ages = Counter(self._in_bites(lambda user: self._store.ages(user, now)))
        with self._lock:
            regions = {
                name: replace(region, ages={age: ages[name, age] for age in AGES})
                for name, region in self._store.statistics().items()
            }
            return replace(self._feed.statistics(now), regions=regions, running_fills=len(self._running))

    def _in_bites(self, look: Callable[[UserKey], Iterable[T]]) -> Iterator[T]:
        """Yield what ``look`` finds of each user under the lock, letting others have it now and then."""
        with self._lock:
            users = list(self._store.users)
        for first in range(0, len(users), USERS_A_BITE):
            with self._lock:
                found = [it for user in users[first : first + USERS_A_BITE] for it in look(user)]
            yield from found

    # --- the lock is held in everything below

    def _refusal(self, fill: Fill, entry: Entry) -> str | None:
        if fill.dropped:
            return "dropped"
        why = self._feed.refusal(entry)
        return why or ("expired" if self.monotonic() >= entry.expires else None)

    def _keep(self, fill: Fill, entry: Entry) -> str | None:
        renewal = fill.background and self._store.peek(fill.key) is not None
        why = self._store.put(entry)
        self._regions[fill.key.region].renewals += renewal and why is None
        return why

    def _drop_older(self, user: UserKey, watermark: tuple[float, float]) -> None:
        for entry in self._store.of(user):
            if (entry.epoch, entry.drain_id) <= watermark:
                self._store.remove(entry, "newer_read")
        self._running.drop(user)
