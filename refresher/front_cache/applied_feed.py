"""The feed as one front cache has applied it: what a poll takes away from readers, and until when it proves the rest.

Invariant: a poll counts as applied, and extends trust, only when every entry that its changes concern is gone and no
running fill that lacks them can be stored. Where it says so the front cache's lock is held around a call.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from models.user_key import UserKey
from refresher.front_cache.entry import Entry
from refresher.front_cache.feed import (
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
from refresher.front_cache.fill import RunningFills
from refresher.front_cache.invalidations import Invalidations, count_rows, tell
from refresher.front_cache.statistics import AppliedStatistics, CacheStatistics, TrustStatistics
from refresher.front_cache.store import Store
from refresher.front_cache.trust import NEVER, Trust

NEWEST = (float("inf"), float("inf"))
# So many users are looked through before others get the lock: about 0.2 ms.
USERS_A_BITE = 500
BETWEEN_BITES_SECONDS = 0.0002


class AppliedFeed:
    """How far the feed was applied to the entries of ``store`` and the fills in ``running``, and what that allows.

    ``position``: None until a poll was applied, and after a failure that flushed everything. ``usable_until``: the end
    of trust, in monotonic seconds.

    :param lock: of the front cache; taken by :meth:`apply`, held by the caller of every other method.
    """

    def __init__(
        self, lock: threading.Lock, store: Store, running: RunningFills, memory: FeedMemory, trust: Trust
    ) -> None:
        self.position: Position | None = None
        self.usable_until = NEVER
        self.flushes: Counter[str] = Counter()
        self._lock, self._store, self._running = lock, store, running
        self._memory, self._trust = memory, trust
        self._invalidations = Invalidations()

    def apply(self, poll: Poll, *, reconnected: bool) -> bool:
        """Apply what a poll returned, then extend trust by it; return whether everything was flushed.

        From the first hold of the lock on no fill is stored that the poll's changes overtake. Entries are then dropped
        a few users a hold, and the poll counts as applied, and extends trust, only in the last one: until then a reader
        sees what would be if the poll had not yet returned.
        """
        by_user, counts = rows_by_user(poll.rows), count_rows(poll.rows, poll.bulks)
        with self._lock:
            why = break_in_feed(self.position, poll)
            if reconnected and why != "start":
                why = "reconnect"
            if why is None and poll.newest is not None:
                self._refuse_overtaken(poll, poll.newest, by_user)
                users = self._concerned(poll, by_user)
            else:
                self._flush(why or "backwards", poll.newest)
                users = []
            flushes = self.flushes.total()
        dropped = self._invalidate(users, by_user, poll.bulks)
        with self._lock:
            if flushes == self.flushes.total():  # no other thread has flushed, and ended trust, meanwhile
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

    # --- the lock is held in everything below

    def flush(self, why: str) -> None:
        """Drop everything and trust nothing until the feed was read anew."""
        self.usable_until = NEVER
        self._trust.lose()
        self._flush(why, None)

    def refusal(self, entry: Entry) -> str | None:
        """Return why the feed, as far as applied, forbids to store ``entry``, or None."""
        if self.position is None:
            return "no_feed"
        if entry.epoch != self.position.epoch:
            return "epoch"
        if entry.drain_id < self._memory.remembers_from:
            return "forgotten"
        return "overtaken" if self._memory.overtakes(dependence(entry), entry.drain_id) else None

    def ahead(self, epoch: int, drain_id: int, *, undrained: bool) -> tuple[float, float] | None:
        """Return up to which watermark entries may lack what such a read saw; None: it saw what was applied."""
        if undrained:
            # no watermark tells what it saw: an equal one may lack it, and one of before a crash be a lost drain's
            return NEWEST
        applied = self.position
        beyond = applied is None or (epoch, drain_id) > (applied.epoch, applied.drain_id)
        return (epoch, drain_id) if beyond else None

    def may_have_changed(self, user: UserKey, epoch: int, drain_id: int) -> bool:
        """Return whether anything about ``user`` may have been applied after that drain.

        True as well where that cannot be known: a drain of another epoch, one not applied yet, one already forgotten.
        """
        applied = self.position
        if applied is None or epoch != applied.epoch:
            return True
        if not self._memory.remembers_from <= drain_id <= applied.drain_id:
            return True
        return self._memory.names(user, drain_id)

    def statistics(self, now: float) -> CacheStatistics:
        """Return counters, the state of trust and how far the feed was applied; nothing about regions and fills."""
        applied = self.position
        return CacheStatistics(
            flushes=dict(self.flushes),
            invalidations=self._invalidations.statistics(),
            trust=TrustStatistics(
                trusted=now < self.usable_until,
                remaining_seconds=max(0.0, self.usable_until - now),
                doubt=self._trust.doubt,
                doubts=self._trust.doubts,
            ),
            feed=AppliedStatistics(
                epoch=applied.epoch if applied else None,
                drain_id=applied.drain_id if applied else None,
                remembered_rows=len(self._memory),
                remembers_from=self._memory.remembers_from,
            ),
        )

    def _refuse_overtaken(
        self, poll: Poll, newest: Position, by_user: Mapping[UserKey | None, Sequence[FeedRow]]
    ) -> None:
        """Keep the fills that run now, and lack the poll's changes, from the cache and from later requests."""
        if poll.bulks:  # more than is remembered one by one: no fill of before is stored
            self._memory.reset(newest.drain_id)
        else:
            self._memory.remember(poll.rows, newest.drain_id)
        named = None if None in by_user else set(by_user).union(*(bulk.users for bulk in poll.bulks))
        self._running.close(named)

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
        self.position = poll.newest
        if poll.seen is None:
            self._trust.lose()
        else:
            self._trust.observe(poll.seen)
        self.usable_until = self._trust.until

    def _flush(self, why: str, applied: Position | None) -> None:
        self._store.clear("flushed")
        self._running.drop_all()
        self.position = applied
        self._memory.reset(applied.drain_id if applied else 0)
        self.flushes[why] += 1
