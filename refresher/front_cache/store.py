"""The entries of all regions, and where to find those of one user.

Invariant: an entry is in its region if and only if it is in its user's chain; nothing but :class:`Store` puts or
removes. Not synchronised: the front cache's lock is held around every call.
"""

from collections.abc import Iterable, KeysView

from models.user_key import UserKey
from refresher.front_cache.entry import Entry, EntryKey, Reads
from refresher.front_cache.region import Region, RegionLimits
from refresher.front_cache.statistics import RegionStatistics

# Of what was taken away from readers, the newest so many are remembered; whoever warms takes them every moment.
MOST_DROPPED = 1_000
# An entry cut short by midnight is not renewed again and again until then.
LEAST_RENEWED_LIFE_SECONDS = 5.0
# An entry is in use that was read in the last quarter of its life, and since about twice the time between two reads.
LATELY_SHARE = 0.25
MISSED_READS = 2.5
LEAST_LATELY_SECONDS = 10.0
# Bounds of the ages that statistics tell apart; an entry counts in the first that it does not exceed.
AGE_SECONDS = (1, 10, 60, 300, 900)
AGES = (*map(str, AGE_SECONDS), "inf")
_WANTED_BACK = {"invalidated", "newer_read", "flushed"}


class Store:
    """Regions by name, entries by user (a chain of neighbours each), and the keys that readers lost."""

    def __init__(self, limits: Iterable[RegionLimits]) -> None:
        self.regions = {limit.name: Region(limit) for limit in limits}
        self._first_of: dict[UserKey, Entry] = {}
        self._dropped: dict[EntryKey, Reads] = {}

    @property
    def users(self) -> KeysView[UserKey]:
        """Everybody who has an entry."""
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
        """Store ``entry``, or return why it was not; whatever was there is gone."""
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
        """Take away an entry that is there; ``why`` is counted."""
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

        Who left is not waited for: half of all renewals would be for somebody who is gone.
        """
        return [entry.key for entry in self.of(user) if _is_due(entry, now, share) and _is_in_use(entry, now)]

    def ages(self, user: UserKey, now: float) -> list[tuple[str, str]]:
        """Return region and age of each entry of ``user``; ages as in :data:`AGES`."""
        return [(entry.key.region, _age(now - entry.began)) for entry in self.of(user)]

    def take_dropped(self) -> dict[EntryKey, Reads]:
        """Return what readers lost since the last call, the newest first."""
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
