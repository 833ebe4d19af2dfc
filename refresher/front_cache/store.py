"""The entries of all regions, each region with limits of its own, and the index that finds the entries of one user.

Invariant: a region never holds more than ``max_entries`` entries or ``max_bytes`` bytes; its least recently used entry
leaves first, and putting an entry removes the old one of its key even where the new one is not stored. An entry is in
its region if and only if it is in its user's chain; only :class:`Store` puts and removes. Not synchronised: callers
hold the front cache's lock.
"""

from collections import Counter
from collections.abc import Callable, Iterable, KeysView

from models.user_key import UserKey
from refresher.front_cache.entry import Entry, EntryKey, Reads, entry_bytes
from refresher.front_cache.limits import RegionLimits
from refresher.front_cache.statistics import RegionStatistics

MOST_DROPPED = 1_000  # How many keys that readers lost are remembered; the warmer takes them four times a second.
# An entry whose life midnight cuts shorter than this is not renewed: it would be renewed over and over until then.
LEAST_RENEWED_LIFE_SECONDS = 5.0
# An entry is in use while its last read lies in the last quarter of its life and at most about two reads were missed.
LATELY_SHARE = 0.25
MISSED_READS = 2.5
LEAST_LATELY_SECONDS = 10.0
# Upper bounds of the age groups of statistics; an entry counts in the first group whose bound it does not exceed.
AGE_SECONDS = (1, 10, 60, 300, 900)
AGES = (*map(str, AGE_SECONDS), "inf")
_WANTED_BACK = {"invalidated", "newer_read", "flushed"}


class Region:
    """The entries of one region, and its counters."""

    def __init__(self, limits: RegionLimits) -> None:
        self.limits = limits
        self.hits = 0
        self.fills = 0
        self.renewals = 0
        self.misses: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.evictions: Counter[str] = Counter()
        self._entries: dict[EntryKey, Entry] = {}  # The least recently used entry comes first.
        # Returns the entry without making it recently used, or None.
        self.peek: Callable[[EntryKey], Entry | None] = self._entries.get
        self._bytes = 0
        self._second = 0  # One object for all entries that are hit in the same second.

    def use(self, key: EntryKey) -> Entry | None:
        """Return the entry and make it the most recently used, or None."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._entries[entry.key] = entry  # The entry's own key shares its parts with other entries' keys.
        return entry

    def hit(self, entry: Entry, arrived: float) -> None:
        """Count a hit of an entry in this region by a request that arrived then, and make it the most recently used.

        Only the first hit of an entry in a second moves it, so the order of entries hit in one second is not kept.
        """
        self.hits += 1
        entry.hits += 1
        second = self._second
        if not second <= arrived < second + 1:
            second = self._second = int(arrived)
        if entry.read_at is not second:
            entry.read_at = second
            entries, key = self._entries, entry.key
            del entries[key]
            entries[key] = entry

    def put(self, entry: Entry) -> list[Entry] | None:
        """Store ``entry``, whose key must be free, and return what was evicted for it.

        Returns None, and stores nothing, if the entry is too large for the region.
        """
        size = entry_bytes(entry)
        if size > self.limits.max_bytes or self.limits.max_entries == 0:
            return None
        evicted = []
        while (why := self._lacks(size)) is not None:
            oldest = self._entries[next(iter(self._entries))]
            self.remove(oldest, why)
            evicted.append(oldest)
        self._entries[entry.key] = entry
        self._bytes += size
        self.fills += 1
        return evicted

    def remove(self, entry: Entry, why: str) -> None:
        """Remove an entry that is there and count ``why``."""
        del self._entries[entry.key]
        self._bytes -= entry_bytes(entry)
        self.evictions[why] += 1

    def clear(self, why: str) -> list[Entry]:
        """Drop every entry; return those that were hit since their fill."""
        read = [entry for entry in self._entries.values() if entry.hits]
        self.evictions[why] += len(self._entries)
        self._entries.clear()
        self._bytes = 0
        return read

    def statistics(self) -> RegionStatistics:
        """Return its limits, sizes and counters; the ages of its entries are left out."""
        lookups = self.hits + self.misses.total()
        return RegionStatistics(
            entries=len(self._entries),
            bytes=self._bytes,
            max_entries=self.limits.max_entries,
            max_bytes=self.limits.max_bytes,
            hits=self.hits,
            misses=dict(self.misses),
            hit_ratio=self.hits / lookups if lookups else 0.0,
            fills=self.fills,
            renewals=self.renewals,
            refused=dict(self.refused),
            evictions={why: count for why, count in self.evictions.items() if count},
        )

    def _lacks(self, size: int) -> str | None:
        """Return which limit forbids one more entry of ``size`` bytes, or None."""
        if len(self._entries) >= self.limits.max_entries:
            return "entries"
        return "bytes" if self._bytes + size > self.limits.max_bytes else None


class Store:
    """Regions by name, a chain of entries for each user, and the keys that readers lost."""

    def __init__(self, limits: Iterable[RegionLimits]) -> None:
        self.regions = {limit.name: Region(limit) for limit in limits}
        self._first_of: dict[UserKey, Entry] = {}
        self._dropped: dict[EntryKey, Reads] = {}

    def limit(self, limits: Iterable[RegionLimits]) -> None:
        """Give regions these limits, before all entries are dropped; a region without new ones stays, for its counters
        and for requests that still name it.
        """
        for limit in limits:
            if (region := self.regions.get(limit.name)) is None:
                self.regions[limit.name] = Region(limit)
            else:
                region.limits = limit

    @property
    def users(self) -> KeysView[UserKey]:
        """The users who have entries."""
        return self._first_of.keys()

    def of(self, user: UserKey) -> list[Entry]:
        """Return the entries of ``user``."""
        found, entry = [], self._first_of.get(user)
        while entry is not None:
            found.append(entry)
            entry = entry.neighbour
        return found

    def peek(self, key: EntryKey) -> Entry | None:
        """Return the entry without making it recently used, or None."""
        return self.regions[key.region].peek(key)

    def put(self, entry: Entry) -> str | None:
        """Store ``entry``, or return why it was not stored; the old entry of its key is removed either way."""
        region = self.regions[entry.key.region]
        before = region.peek(entry.key)
        if before is not None:
            region.remove(before, "replaced")
            self._unlink(before)
        evicted = region.put(entry)
        if evicted is None:
            return "too_large"
        for other in evicted:
            self._unlink(other)
        self._link(entry)
        return None

    def remove(self, entry: Entry, why: str) -> None:
        """Remove an entry that is there and count ``why``."""
        self.regions[entry.key.region].remove(entry, why)
        if why in _WANTED_BACK:
            self._note_dropped(entry)
        self._unlink(entry)

    def clear(self, why: str) -> None:
        """Drop every entry."""
        for region in self.regions.values():
            for entry in region.clear(why):
                self._note_dropped(entry)
        for user in self._first_of:
            for entry in self.of(user):
                entry.neighbour = entry.neighbour_before = None
        self._first_of.clear()

    def expire(self, user: UserKey, now: float) -> list[EntryKey]:
        """Drop the entries of ``user`` whose life is over, and return their keys."""
        over = [entry for entry in self.of(user) if now >= entry.expires]
        for entry in over:
            self.remove(entry, "expired")
        return [entry.key for entry in over]

    def due(self, user: UserKey, now: float, share: float) -> list[EntryKey]:
        """Return the keys of ``user`` that are past ``share`` of their life and in use.

        Entries that are no longer read are left out: half of all renewals would be for users who have gone.
        """
        return [entry.key for entry in self.of(user) if _is_due(entry, now, share) and _is_in_use(entry, now)]

    def ages(self, user: UserKey, now: float) -> list[tuple[str, str]]:
        """Return region and age of each entry of ``user``; ages as in :data:`AGES`."""
        return [(entry.key.region, _age(now - entry.began)) for entry in self.of(user)]

    def take_dropped(self) -> dict[EntryKey, Reads]:
        """Return the keys that readers lost since the last call, with their reads, the newest first."""
        taken = dict(reversed(self._dropped.items()))
        self._dropped.clear()
        return taken

    def statistics(self) -> dict[str, RegionStatistics]:
        """Return limits, sizes and counters of each region."""
        return {name: region.statistics() for name, region in self.regions.items()}

    def _note_dropped(self, entry: Entry) -> None:
        reads = entry.reads
        if reads is None:
            return
        self._dropped.pop(entry.key, None)
        self._dropped[entry.key] = reads
        if len(self._dropped) > MOST_DROPPED:
            del self._dropped[next(iter(self._dropped))]

    def _link(self, entry: Entry) -> None:
        first = self._first_of.get(entry.key.user)
        if first is not None:
            entry.neighbour, first.neighbour_before = first, entry
        self._first_of[entry.key.user] = entry

    def _unlink(self, entry: Entry) -> None:
        before, after = entry.neighbour_before, entry.neighbour
        if after is not None:
            after.neighbour_before = before
        if before is not None:
            before.neighbour = after
        elif after is not None:
            self._first_of[entry.key.user] = after
        else:
            del self._first_of[entry.key.user]
        entry.neighbour = entry.neighbour_before = None


def _is_due(entry: Entry, now: float, share: float) -> bool:
    life = entry.expires - entry.began
    return life >= LEAST_RENEWED_LIFE_SECONDS and entry.began + share * life <= now < entry.expires


def _is_in_use(entry: Entry, now: float) -> bool:
    reads = entry.reads
    if reads is None:
        return False
    missed = max(LEAST_LATELY_SECONDS, MISSED_READS * reads.every_seconds)
    return reads.last >= now - min(LATELY_SHARE * (entry.expires - entry.began), missed)


def _age(seconds: float) -> str:
    return next((str(bound) for bound in AGE_SECONDS if seconds <= bound), AGES[-1])
