"""The entries of all regions, and where to find those of one user.

Invariant: an entry is in its region if and only if it is in the index; nothing but :class:`Store` puts or removes.
Not synchronised: the front cache's lock is held around every call.
"""

from collections.abc import Iterable, KeysView
from typing import Any

from models.user_key import UserKey
from refresher.entry import Entry, EntryKey
from refresher.region import Region, RegionLimits

# Of what was taken away from readers, the newest so many are remembered; whoever warms takes them every moment.
MOST_DROPPED = 1_000
# An entry cut short by midnight is not renewed again and again until then.
LEAST_RENEWED_LIFE_SECONDS = 5.0
LATELY_SHARE = 0.25  # of its life, in which an entry was read that is worth renewing
# Bounds of the ages that statistics tell apart; an entry counts in the first that it does not exceed.
AGE_SECONDS = (1, 10, 60, 300, 900)
AGES = (*map(str, AGE_SECONDS), "inf")
_WANTED_BACK = {"invalidated", "newer_read", "flushed"}


class Store:
    """Regions by name, entries by user, and the keys that readers lost."""

    def __init__(self, limits: Iterable[RegionLimits]) -> None:
        self.regions = {limit.name: Region(limit) for limit in limits}
        self._by_user: dict[UserKey, dict[EntryKey, Entry]] = {}
        self._dropped: dict[EntryKey, None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_user.values()))

    @property
    def users(self) -> KeysView[UserKey]:
        """Everybody who has an entry."""
        return self._by_user.keys()

    def of(self, user: UserKey) -> list[tuple[EntryKey, Entry]]:
        """Return the entries of ``user``."""
        return list(self._by_user.get(user, {}).items())

    def peek(self, key: EntryKey) -> Entry | None:
        """Return the entry without making it recently used, or None."""
        return self._by_user.get(key.user, {}).get(key)

    def put(self, key: EntryKey, entry: Entry) -> str | None:
        """Store ``entry``, or return why it was not; whatever was there is gone."""
        self._unlist(key)
        evicted = self.regions[key.region].put(key, entry)
        if evicted is None:
            return "too_large"
        for other in evicted:
            self._unlist(other)
        self._by_user.setdefault(key.user, {})[key] = entry
        return None

    def remove(self, key: EntryKey, why: str) -> None:
        """Take an entry away; ``why`` is counted."""
        if self.regions[key.region].remove(key, why) and why in _WANTED_BACK:
            self._note_dropped(key)
        self._unlist(key)

    def clear(self, why: str) -> None:
        """Drop every entry."""
        for region in self.regions.values():
            for key in region.clear(why):
                self._note_dropped(key)
        self._by_user.clear()

    def expire(self, user: UserKey, now: float) -> list[EntryKey]:
        """Drop the entries of ``user`` whose life is over, and return their keys."""
        over = [key for key, entry in self._by_user.get(user, {}).items() if now >= entry.expires]
        for key in over:
            self.remove(key, "expired")
        return over

    def due(self, user: UserKey, now: float, share: float) -> list[EntryKey]:
        """Return the keys of ``user`` that are past ``share`` of their life and were read in the last quarter of it.

        Who left is not waited for: half of all renewals would be for somebody who is gone.
        """
        return [
            key
            for key, entry in self._by_user.get(user, {}).items()
            if _is_due(entry, now, share) and self.regions[key.region].was_read(key, _lately(entry, now))
        ]

    def ages(self, user: UserKey, now: float) -> list[tuple[str, str]]:
        """Return region and age of each entry of ``user``; ages as in :data:`AGES`."""
        return [(key.region, _age(now - entry.began)) for key, entry in self._by_user.get(user, {}).items()]

    def take_dropped(self) -> list[EntryKey]:
        """Return the keys that readers lost since the last call, the newest first."""
        taken = list(reversed(self._dropped))
        self._dropped.clear()
        return taken

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Return limits, sizes and counters of each region as plain numbers."""
        return {name: region.statistics() for name, region in self.regions.items()}

    def _note_dropped(self, key: EntryKey) -> None:
        self._dropped.pop(key, None)
        self._dropped[key] = None
        if len(self._dropped) > MOST_DROPPED:
            del self._dropped[next(iter(self._dropped))]

    def _unlist(self, key: EntryKey) -> None:
        listed = self._by_user.get(key.user)
        if listed is not None:
            listed.pop(key, None)
            if not listed:
                del self._by_user[key.user]


def _is_due(entry: Entry, now: float, share: float) -> bool:
    life = entry.expires - entry.began
    return life >= LEAST_RENEWED_LIFE_SECONDS and entry.began + share * life <= now < entry.expires


def _lately(entry: Entry, now: float) -> float:
    return now - LATELY_SHARE * (entry.expires - entry.began)


def _age(seconds: float) -> str:
    return next((str(bound) for bound in AGE_SECONDS if seconds <= bound), AGES[-1])
