"""The front cache of one process, as readers and computations use it: entries, running fills and the applied feed.

It is their only way to the cache, and it cannot fail them: a defect in its code is counted and logged, everything that
it holds is dropped, and the request is answered as if nothing had been cached.

Invariant: no lookup returns an entry that misses a change committed more than ``trust_seconds`` before the request
arrived, nor one older than what the same user was shown before. The check of a fill, its storing and the applying of
feed rows exclude each other by one lock.
"""

import structlog

from models.user_key import UserKey
from refresher.front_cache.entry import Entry, EntryKey, expires_in
from refresher.front_cache.fill import Fill, FillResult, Turn, turn_of
from refresher.front_cache.trust import NEVER
from refresher.front_cache.upkeep import Upkeep


class FrontCache(Upkeep):
    """Answers kept in this process, never older than ``trust_seconds`` while they are served."""

    # --- reading

    def lookup(
        self, key: EntryKey, arrived: float, max_age_seconds: float | None = None
    ) -> tuple[Entry | None, str | None]:
        """Return the entry that may answer a request that arrived then, or None and why there is none.

        Reasons: ``absent``, ``untrusted``, ``expired``, ``too_old`` (for ``max_age_seconds``), ``failure``.
        """
        try:
            with self._lock:
                region = self._regions[key.region]
                entry = region.peek(key)
                why = "absent" if entry is None else self._objection(entry, arrived, max_age_seconds)
                if why is None and entry is not None:
                    region.hit(entry, arrived)
                    return entry, None
                region.misses[why or "absent"] += 1
                return None, why
        except Exception as error:
            self._failed(error)
            return None, "failure"

    def hit(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return what :meth:`lookup` returns to a plain request, without counting a miss; the shortest way to a hit."""
        try:
            with self._lock:
                region = self._regions[key.region]
                entry = region.peek(key)
                if entry is None or arrived >= self._feed.usable_until or arrived >= expires_in(entry.stamp)[0]:
                    return None
                region.hit(entry, arrived)
                return entry
        except Exception as error:
            self._failed(error)
            return None

    def last_resort(self, key: EntryKey, now: float, beyond_trust_seconds: float) -> Entry | None:
        """Return the entry if its trust ended at most that long ago; for requests that the database cannot answer."""
        try:
            with self._lock:
                entry = self._regions[key.region].use(key)
                if entry is None:
                    return None
                # When it was computed, an entry was as good as exact, no matter how far the feed had been read.
                trusted_until = min(max(self._feed.usable_until, entry.began), entry.expires)
                return entry if now <= trusted_until + beyond_trust_seconds else None
        except Exception as error:
            self._failed(error)
            return None

    def may_answer(self, arrived: float) -> bool:
        """Return whether entries are trusted for a request that arrived then."""
        return arrived < self._feed.usable_until

    def holds(self, key: EntryKey) -> bool:
        """Return whether an entry is there whose life is not over, trusted or not; counts nothing and uses nothing."""
        try:
            with self._lock:
                entry = self._store.peek(key)
                return entry is not None and self.monotonic() < entry.expires
        except Exception as error:
            self._failed(error)
            return False

    # --- filling

    def join(
        self,
        key: EntryKey,
        arrived: float,
        *,
        exact: bool = False,
        max_age_seconds: float | None = None,
        not_before: float = NEVER,
    ) -> Entry | tuple[Turn, Fill]:
        """Return what a request that missed does: take the entry that was stored since, or its turn at the fill.

        An entry whose computation began after the request arrived is as exact as one of the request's own. Where the
        turn is :attr:`Turn.OWN` or :attr:`Turn.REPLACE`, the fill is new, and the caller must finish or abandon it.

        :param exact: the request accepts only what began after it arrived.
        :param not_before: it shares only a computation that began after that time.
        """
        try:
            with self._lock:
                entry = self._came_meanwhile(key, arrived, exact, max_age_seconds)
                if entry is not None:
                    return entry
                oldest = max(not_before, self._oldest_to_share(arrived, exact, max_age_seconds))
                return self._take_turn(key, oldest)
        except Exception as error:
            self._failed(error)
            return Turn.OWN, self._unregistered(key)

    def begin_ahead(self, key: EntryKey, since: float) -> Fill | None:
        """Begin a computation that no request waits for, which must be finished or abandoned.

        Returns None if another one of ``key`` runs, or has stored an entry since that time.
        """
        try:
            with self._lock:
                entry = self._store.peek(key)
                stored_since = entry is not None and entry.began > since
                if stored_since or self._running.find(key) is not None:
                    return None
                return self._begin(key, background=True)
        except Exception as error:
            self._failed(error)
            return None

    def abandon(self, fill: Fill) -> None:
        """End a computation that gave no answer; one that has ended stays as it is."""
        if fill.ended:
            return
        try:
            with self._lock:
                self._running.forget(fill)
        except Exception as error:
            self._failed(error)
        finally:
            fill.end(None)

    def finish(
        self,
        fill: Fill,
        entry: Entry | None,
        *,
        epoch: int,
        drain_id: int,
        undrained: bool,
        database_ms: float | None = None,
    ) -> str | None:
        """End a computation with what it read: store ``entry``, or return why it was refused.

        A read that saw more than was applied drops the user's older entries and running fills, so that no later hit
        returns something older. That holds for an answer without an entry (nothing found), too. A background fill that
        no request shares is refused instead (``ahead``): the feed will have caught up with it a moment later.
        """
        try:
            with self._lock:
                self._running.forget(fill)
                why = self._store_checked(fill, entry, self._feed.ahead(epoch, drain_id, undrained=undrained))
        except Exception as error:
            self._failed(error)
            why = "failure"
        fill.end(None if entry is None else FillResult(entry, why, database_ms))
        return why

    def ttl_seconds(self, region: str, declared: float) -> float:
        """Return the TTL of a new entry: the one ``region`` imposes, else the dashboard's own."""
        imposed = self._regions[region].limits.ttl_seconds
        return declared if imposed is None else imposed

    @property
    def running(self) -> int:
        """How many computations run."""
        with self._lock:
            return len(self._running)

    def _failed(self, error: Exception) -> None:
        """Count and log a failure, and drop everything: what the cache holds may be behind what was shown."""
        if self.failures.add("cache_failed"):
            times = self.failures["cache_failed"]
            structlog.get_logger(__name__).error("cache_failed", times=times, exc_info=error)
        try:
            self.flush("failure")
        except Exception:
            self.failures.add("cache_flush_failed")

    def _unregistered(self, key: EntryKey) -> Fill:
        """Return a fill that nobody can share and whose answer is not kept."""
        fill = Fill(key, self.monotonic(), self._make_event())
        fill.drop()
        return fill

    # --- The callers of everything below hold the lock.

    def _objection(self, entry: Entry, arrived: float, max_age_seconds: float | None) -> str | None:
        """Return why ``entry`` may not answer a request that arrived then, or None."""
        if arrived >= self._feed.usable_until:
            return "untrusted"
        if arrived >= expires_in(entry.stamp)[0]:
            return "expired"
        return "too_old" if max_age_seconds is not None and arrived - entry.began > max_age_seconds else None

    def _came_meanwhile(
        self, key: EntryKey, arrived: float, exact: bool, max_age_seconds: float | None
    ) -> Entry | None:
        region = self._regions[key.region]
        entry = region.peek(key)
        if entry is None:
            return None
        if entry.began > arrived:
            return region.use(key)
        if exact or self._objection(entry, arrived, max_age_seconds) is not None:
            return None
        region.hit(entry, arrived)
        return entry

    def _oldest_to_share(self, arrived: float, exact: bool, max_age_seconds: float | None) -> float:
        """Return the time after which a computation must have begun to answer such a request."""
        if exact or not self.may_answer(arrived):
            return arrived
        return NEVER if max_age_seconds is None else arrived - max_age_seconds

    def _take_turn(self, key: EntryKey, oldest: float) -> tuple[Turn, Fill]:
        running = self._running.find(key)
        turn = turn_of(None if running is None else running.state, oldest)
        if running is None or turn is Turn.REPLACE:
            return turn, self._begin(key)
        running.joined = running.joined or turn is Turn.SHARE
        return turn, running

    def _begin(self, key: EntryKey, *, background: bool = False) -> Fill:
        fill = Fill(key, self.monotonic(), self._make_event(), background=background)
        self._running.add(fill)
        return fill

    def _store_checked(self, fill: Fill, entry: Entry | None, ahead: tuple[float, float] | None) -> str | None:
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

    def _refusal(self, fill: Fill, entry: Entry) -> str | None:
        if fill.dropped:
            return "dropped"
        if fill.key.declaration != self._declaration:
            return "declaration"
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
