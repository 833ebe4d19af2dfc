"""The front cache as the read path sees it: a failure in cache code is counted and read past.

Invariant: no exception of the cache reaches a read; after one the cache is empty and untrusted, for what it
holds may be behind what users were shown.
"""

import structlog

from models.event_counter import EventCounter
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.fill import Fill
from web.reads.exact_read import Answer


class GuardedCache:
    """A front cache that cannot fail.

    :param counter: where failures are counted, as ``cache_failed``.
    """

    def __init__(self, cache: FrontCache, counter: EventCounter) -> None:
        self._cache, self._counter = cache, counter

    def lookup(
        self, key: EntryKey, arrived: float, max_age_seconds: float | None, *, again: bool = False
    ) -> tuple[Entry | None, str]:
        """Return the usable entry, or None and why there is none."""
        try:
            entry, why = self._cache.lookup(key, arrived, max_age_seconds, again=again)
        except Exception as error:
            self._failed(error)
            return None, "failure"
        return entry, why or "hit"

    def hit(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return the entry that may answer a plain request, or None."""
        try:
            return self._cache.hit(key, arrived)
        except Exception as error:
            self._failed(error)
            return None

    def computed_since(self, key: EntryKey, arrived: float) -> Entry | None:
        """Return the entry if its computation began after that time, or None."""
        try:
            return self._cache.computed_since(key, arrived)
        except Exception as error:
            self._failed(error)
            return None

    def last_resort(self, key: EntryKey, now: float, beyond_trust_seconds: float) -> Entry | None:
        """Return the entry that may be served although nobody can vouch for it, or None."""
        try:
            return self._cache.last_resort(key, now, beyond_trust_seconds)
        except Exception as error:
            self._failed(error)
            return None

    def holds(self, key: EntryKey) -> bool:
        """Return whether an entry is there whose life is not over."""
        try:
            return self._cache.holds(key)
        except Exception as error:
            self._failed(error)
            return False

    def begin(self, key: EntryKey, *, background: bool = False) -> Fill:
        """Return the running computation; one that cannot be stored or shared when the cache fails."""
        try:
            return self._cache.begin(key, background=background)
        except Exception as error:
            self._failed(error)
            fill = Fill(key, self._cache.monotonic(), background=background)
            fill.drop()
            return fill

    def finish(self, fill: Fill, entry: Entry | None, answer: Answer) -> str | None:
        """Return why the entry was not stored, or None: it was."""
        try:
            return self._cache.finish(
                fill, entry, epoch=answer.epoch, drain_id=answer.drain_id, undrained=answer.undrained
            )
        except Exception as error:
            self._failed(error)
            return "failure"

    def abandon(self, fill: Fill) -> None:
        """Forget a computation that gave no answer."""
        try:
            self._cache.abandon(fill)
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._counter.add("cache_failed"):
            times = self._counter["cache_failed"]
            structlog.get_logger(__name__).error("cache_failed", times=times, exc_info=error)
        try:
            self._cache.flush("failure")
        except Exception:
            self._counter.add("cache_flush_failed")
