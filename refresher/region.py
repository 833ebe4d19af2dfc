"""A region: a part of the front cache with limits of its own, the least recently used entry leaving first.

Invariant: never more than ``max_entries`` entries nor ``max_bytes`` bytes; an old value never survives a put
of a new one, stored or not. Not synchronised: the front cache's lock is held around every call.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cachetools import Cache, LRUCache

from models.errors import ConfigurationError
from refresher.entry import Entry, EntryKey, entry_bytes
from refresher.trust import NEVER
from views_sql.maintained_view import Region as DeclaredRegion


@dataclass(frozen=True, slots=True)
class RegionLimits:
    """What a region may hold; 0 entries or bytes: nothing.

    :param ttl_seconds: replaces the TTL of the region's dashboards; None: each dashboard's own.
    """

    name: str
    max_entries: int
    max_bytes: int
    ttl_seconds: int | None = None


def region_limits(
    declared: Iterable[DeclaredRegion], overrides: Mapping[str, Mapping[str, Any]]
) -> tuple[RegionLimits, ...]:
    """Return the declared limits with the operator's ``overrides`` put over them.

    :raises ConfigurationError: unknown regions or keys, negative values; all of them at once.
    """
    limits = {it.name: RegionLimits(it.name, it.max_entries, it.max_bytes) for it in declared}
    faults: list[str] = []
    for name, values in overrides.items():
        if name not in limits:
            faults.append(f"FRONTVIEW_REGIONS: no region {name!r}; there are {', '.join(sorted(limits))}")
            continue
        wrong = _wrong_values(name, values)
        faults += wrong
        if not wrong:
            limits[name] = replace(limits[name], **values)
    if faults:
        raise ConfigurationError(faults)
    return tuple(limits.values())


def _wrong_values(name: str, values: Mapping[str, int]) -> list[str]:
    known = ("max_bytes", "max_entries", "ttl_seconds")
    unknown = [f"no limit {key!r}; there are {', '.join(known)}" for key in sorted(values.keys() - known)]
    negative = [f"{key} is negative" for key in known if values.get(key, 0) < 0]
    return [f"FRONTVIEW_REGIONS: {name}: {fault}" for fault in unknown + negative]


class _Kept:
    """An entry in its place: what it takes, and when it was last hit since its fill (monotonic; None: never)."""

    __slots__ = ("entry", "read_at", "size_bytes")

    def __init__(self, entry: Entry, size_bytes: int) -> None:
        self.entry, self.size_bytes = entry, size_bytes
        self.read_at: float | None = None


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
        self._entries: LRUCache[EntryKey, _Kept] = LRUCache(limits.max_bytes, _size_bytes)

    def get(self, key: EntryKey) -> Entry | None:
        """Return the entry and make it the most recently used, or None."""
        try:
            return self._entries[key].entry
        except KeyError:
            return None

    def hit(self, key: EntryKey, arrived: float) -> None:
        """Count a hit, by a request that arrived then, of an entry that is there."""
        self.hits += 1
        Cache.__getitem__(self._entries, key).read_at = arrived

    def was_read(self, key: EntryKey, since: float = NEVER) -> bool:
        """Return whether an entry that is there was hit since it was put, and not before ``since``."""
        read_at = Cache.__getitem__(self._entries, key).read_at
        return read_at is not None and read_at >= since

    def put(self, key: EntryKey, entry: Entry) -> list[EntryKey] | None:
        """Store ``entry`` and return the keys evicted for it; None: too large, and nothing is stored."""
        self.remove(key, "replaced")
        size = entry_bytes(key, entry)
        if size > self.limits.max_bytes or self.limits.max_entries == 0:
            return None
        evicted = []
        while (why := self._lacks(size)) is not None:
            evicted.append(self._entries.popitem()[0])
            self.evictions[why] += 1
        self._entries[key] = _Kept(entry, size)
        self.fills += 1
        return evicted

    def remove(self, key: EntryKey, why: str) -> bool:
        """Take an entry away, if it is there; ``why`` is counted. Return whether it had been hit since it was put."""
        if key not in self._entries:
            return False
        read = self.was_read(key)
        del self._entries[key]
        self.evictions[why] += 1
        return read

    def clear(self, why: str) -> list[EntryKey]:
        """Drop every entry; return the keys of those that had been hit."""
        read = [key for key in self._entries if self.was_read(key)]
        self.evictions[why] += len(self._entries)
        self._entries.clear()
        return read

    def statistics(self) -> dict[str, Any]:
        """Return its limits, sizes and counters as plain numbers."""
        return {
            "entries": len(self._entries),
            "bytes": self._entries.currsize,
            "max_entries": self.limits.max_entries,
            "max_bytes": self.limits.max_bytes,
            "hits": self.hits,
            "misses": dict(self.misses),
            "hit_ratio": self.hits / asked if (asked := self.hits + self.misses.total()) else 0.0,
            "fills": self.fills,
            "renewals": self.renewals,
            "refused": dict(self.refused),
            "evictions": {why: count for why, count in self.evictions.items() if count},
        }

    def _lacks(self, size: int) -> str | None:
        """Return which limit leaves no room for ``size`` more bytes in one more entry."""
        if len(self._entries) >= self.limits.max_entries:
            return "entries"
        return "bytes" if self._entries.currsize + size > self.limits.max_bytes else None


def _size_bytes(kept: _Kept) -> int:
    return kept.size_bytes
