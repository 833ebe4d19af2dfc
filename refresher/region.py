"""A region: a part of the front cache with limits of its own, the least recently used entry leaving first.

Invariant: never more than ``max_entries`` entries nor ``max_bytes`` bytes; an old value never survives a put
of a new one, stored or not. Not synchronised: the front cache's lock is held around every call.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cachetools import LRUCache

from models.errors import ConfigurationError
from refresher.entry import Entry, EntryKey, entry_bytes
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


class Region:
    """The entries of one region, and its counters."""

    def __init__(self, limits: RegionLimits) -> None:
        self.limits = limits
        self.hits = 0
        self.fills = 0
        self.misses: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.evictions: Counter[str] = Counter()
        self._entries: LRUCache[EntryKey, tuple[Entry, int]] = LRUCache(limits.max_bytes, _size_beside)

    def get(self, key: EntryKey) -> Entry | None:
        """Return the entry and make it the most recently used, or None."""
        try:
            return self._entries[key][0]
        except KeyError:
            return None

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
        self._entries[key] = (entry, size)
        self.fills += 1
        return evicted

    def remove(self, key: EntryKey, why: str) -> bool:
        """Return whether there was an entry, which is gone now; ``why`` is counted."""
        if key not in self._entries:
            return False
        del self._entries[key]
        self.evictions[why] += 1
        return True

    def clear(self, why: str) -> None:
        """Drop every entry."""
        self.evictions[why] += len(self._entries)
        self._entries.clear()

    def statistics(self) -> dict[str, Any]:
        """Return its limits, sizes and counters as plain numbers."""
        return {
            "entries": len(self._entries),
            "bytes": self._entries.currsize,
            "max_entries": self.limits.max_entries,
            "max_bytes": self.limits.max_bytes,
            "hits": self.hits,
            "misses": dict(self.misses),
            "fills": self.fills,
            "refused": dict(self.refused),
            "evictions": {why: count for why, count in self.evictions.items() if count},
        }

    def _lacks(self, size: int) -> str | None:
        """Return which limit leaves no room for ``size`` more bytes in one more entry."""
        if len(self._entries) >= self.limits.max_entries:
            return "entries"
        return "bytes" if self._entries.currsize + size > self.limits.max_bytes else None


def _size_beside(sized: tuple[Entry, int]) -> int:
    return sized[1]
