"""The front cache of one process: entries, running fills and the applied feed, all under one lock.

Invariant: no lookup returns an entry that misses a change committed more than ``trust_seconds`` before the
request arrived, nor one older than what the same user was shown before. The check of a fill, its storing and
the applying of feed rows exclude each other.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from typing import Any, TypeVar

from models.user_key import UserKey
from refresher.entry import Entry, EntryKey, Reads, expires_in
from refresher.feed import (
    Bulk,
    FeedMemory,
    FeedRow,
    Poll,
    Position,
    break_in_feed,
    concerns,
    dependence,
    rows_by_user,
)
from refresher.fill import Fill, RunningFills
from refresher.invalidations import Invalidations, count_rows, tell
from refresher.region import RegionLimits
from refresher.store import AGES, Store
from refresher.trust import NEVER, Trust

# Refusals that say nothing against the freshness of the answer: it may be shared with those who waited.
HARMLESS_REFUSALS = frozenset({"too_large", "expired"})
NEWEST = (float("inf"), float("inf"))
# So many users are looked through before others get the lock: about 0.2 ms.
USERS_A_BITE = 500
BETWEEN_BITES_SECONDS = 0.0002
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
        self._memory = memory if memory is not None else FeedMemory()
        self._trust = Trust(trust_seconds)
        self._usable_until = NEVER
        self._applied: Position | None = None
        self._flushes: Counter[str] = Counter()
        self._invalidations = Invalidations()

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
            elif arrived >= self._usable_until:
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
            if entry is None or arrived >= self._usable_until or arrived >= expires_in(entry.stamp)[0]:
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
            trusted_until = min(max(self._usable_until, entry.began), entry.expires)
            return entry if now <= trusted_until + beyond_trust_seconds else None

    def may_answer(self, arrived: float) -> bool:
        """Return whether entries are trusted for a request that arrived then."""
        return arrived < self._usable_until

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
            ahead = self._ahead(epoch, drain_id, undrained=undrained)
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
        return self._applied

    def may_have_changed(self, user: UserKey, epoch: int, drain_id: int) -> bool:
        """Return whether anything about ``user`` may have been applied after that drain.

        True as well where that cannot be known: a drain of another epoch, one not applied yet, one already forgotten.
        """
        with self._lock:
            applied = self._applied
            if applied is None or epoch != applied.epoch:
                return True
            if not self._memory.remembers_from <= drain_id <= applied.drain_id:
                return True
            return self._memory.names(user, drain_id)

    def apply(self, poll: Poll, *, reconnected: bool = False) -> bool:
        """Apply what a poll returned, then extend trust by it; return whether everything was flushed.

        From the first hold of the lock on no fill is stored that the poll's changes overtake. Entries are then dropped
        a few users a hold, and the poll counts as applied, and extends trust, only in the last one: until then a reader
        sees what would be if the poll had not yet returned.
        """
        by_user, counts = rows_by_user(poll.rows), count_rows(poll.rows, poll.bulks)
        with self._lock:
            why = break_in_feed(self._applied, poll)
            if reconnected and why != "start":
                why = "reconnect"
            if why is None and poll.newest is not None:
                self._refuse_overtaken(poll, poll.newest, by_user.keys())
                users = self._concerned(poll, by_user)
            else:
                self._flush(why or "backwards", poll.newest)
                users = []
            flushes = self._flushes.total()
        dropped = self._invalidate(users, by_user, poll.bulks)
        with self._lock:
            if flushes == self._flushes.total():  # no other thread has flushed, and ended trust, meanwhile
                self._extend(poll)
            if why is None:
                self._invalidations.add(counts, dropped)
        if why is None:
            tell(poll.rows, counts, dropped)
        return why is not None

    def _invalidate(
        self, users: Sequence[UserKey], by_user: Mapping[UserKey | None, Sequence[FeedRow]], bulks: Sequence[Bulk]
    ) -> Counter[str]:
        """Drop the entries of ``users`` that the rows concern, in bites; return how many, by source."""
        dropped: Counter[str] = Counter()
        everyone = by_user.get(None, ())
        for first in range(0, len(users), USERS_A_BITE):
            if first:
                time.sleep(BETWEEN_BITES_SECONDS)  # a lock let go and taken at once is had by nobody else
            with self._lock:
                for user in users[first : first + USERS_A_BITE]:
                    many = [bulk.row_of(user) for bulk in bulks if user in bulk.users]
                    self._drop_concerned(user, [*by_user.get(user, ()), *everyone, *many], dropped)
        return dropped

    def flush(self, why: str) -> None:
        """Drop everything and trust nothing until the feed was read anew."""
        with self._lock:
            self._usable_until = NEVER
            self._trust.lose()
            self._flush(why, None)

    def statistics(self) -> dict[str, Any]:
        """Return sizes, counters and the state of trust as plain numbers and texts.

        ``ages`` of a region: its entries by age in seconds, each under the least bound it does not exceed.
        """
        now = self.monotonic()
        ages = Counter(self._in_bites(lambda user: self._store.ages(user, now)))
        with self._lock:
            regions = self._store.statistics()
            for name, region in regions.items():
                region["ages"] = {age: ages[name, age] for age in AGES}
            applied = self._applied
            return {
                "regions": regions,
                "flushes": dict(self._flushes),
                "invalidations": self._invalidations.statistics(),
                "running_fills": len(self._running),
                "trust": {
                    "trusted": now < self._usable_until,
                    "remaining_seconds": max(0.0, self._usable_until - now),
                    "doubt": self._trust.doubt,
                    "doubts": self._trust.doubts,
                },
                "feed": {
                    "epoch": applied.epoch if applied else None,
                    "drain_id": applied.drain_id if applied else None,
                    "remembered_rows": len(self._memory),
                    "remembers_from": self._memory.remembers_from,
                },
            }

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
        if self._applied is None:
            return "no_feed"
        if entry.epoch != self._applied.epoch:
            return "epoch"
        if entry.drain_id < self._memory.remembers_from:
            return "forgotten"
        if self._memory.overtakes(dependence(entry), entry.drain_id):
            return "overtaken"
        return "expired" if self.monotonic() >= entry.expires else None

    def _keep(self, fill: Fill, entry: Entry) -> str | None:
        renewal = fill.background and self._store.peek(fill.key) is not None
        why = self._store.put(entry)
        self._regions[fill.key.region].renewals += renewal and why is None
        return why

    def _ahead(self, epoch: int, drain_id: int, *, undrained: bool) -> tuple[float, float] | None:
        """Return up to which watermark entries may lack what such a read saw; None: it saw what was applied."""
        if undrained:
            # no watermark tells what it saw: an equal one may lack it, and one of before a crash be a lost drain's
            return NEWEST
        applied = self._applied
        beyond = applied is None or (epoch, drain_id) > (applied.epoch, applied.drain_id)
        return (epoch, drain_id) if beyond else None

    def _drop_older(self, user: UserKey, watermark: tuple[float, float]) -> None:
        for entry in self._store.of(user):
            if (entry.epoch, entry.drain_id) <= watermark:
                self._store.remove(entry, "newer_read")
        self._running.drop(user)

    def _refuse_overtaken(self, poll: Poll, newest: Position, users: KeysView[UserKey | None]) -> None:
        """Keep the fills that run now, and lack the poll's changes, from the cache and from later requests.

        :param users: of the poll's rows; None: everybody.
        """
        if poll.bulks:  # more than is remembered one by one: no fill of before is stored
            self._memory.reset(newest.drain_id)
        else:
            self._memory.remember(poll.rows, newest.drain_id)
        self._running.close(None if None in users else set(users).union(*(bulk.users for bulk in poll.bulks)))

    def _concerned(self, poll: Poll, by_user: Mapping[UserKey | None, Sequence[FeedRow]]) -> list[UserKey]:
        """Return the users with entries whom the poll is about."""
        users = self._store.users
        if None in by_user:
            return list(users)
        found = users & by_user.keys()
        return list(found.union(*(users & bulk.users for bulk in poll.bulks)))

    def _drop_concerned(self, user: UserKey, rows: Sequence[FeedRow], dropped: Counter[str]) -> None:
        for entry in self._store.of(user):
            answer = dependence(entry)
            # an entry that saw the drain already holds its changes
            guilty = (row for row in rows if row.drain_id > entry.drain_id and concerns(*row[2:], answer))
            if (first := next(guilty, None)) is not None:
                self._store.remove(entry, "invalidated")
                dropped[first.source] += 1

    def _extend(self, poll: Poll) -> None:
        self._applied = poll.newest
        if poll.seen is None:
            self._trust.lose()
        else:
            self._trust.observe(poll.seen)
        self._usable_until = self._trust.until

    def _flush(self, why: str, applied: Position | None) -> None:
        self._store.clear("flushed")
        self._running.drop_all()
        self._applied = applied
        self._memory.reset(applied.drain_id if applied else 0)
        self._flushes[why] += 1
