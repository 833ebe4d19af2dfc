"""A region: a part of the front cache with limits of its own, the least recently used entry leaving first.

Invariant: never more than ``max_entries`` entries nor ``max_bytes`` bytes; an old value never survives a put
of a new one, stored or not. Not synchronised: the front cache's lock is held around every call.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.errors import ConfigurationError
from refresher.front_cache.entry import Entry, EntryKey, entry_bytes
from refresher.front_cache.statistics import RegionStatistics
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
        self.renewals = 0
        self.misses: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.evictions: Counter[str] = Counter()
        self._entries: dict[EntryKey, Entry] = {}  # the least recently used first
        self.peek: Callable[[EntryKey], Entry | None] = self._entries.get  # the entry as it lies there, or None
        self._bytes = 0
        self._second = 0  # one object for all entries that are hit in the same second

    def use(self, key: EntryKey) -> Entry | None:
        """Return the entry and make it the most recently used, or None."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._entries[entry.key] = entry  # its own key, which shares what it is made of
        return entry

    def hit(self, entry: Entry, arrived: float) -> None:
        """Count a hit, by a request that arrived then, of an entry that is there: it is the most recently used now.

        Between hits in the same second, their order is not told: the first of an entry moves it, the others need not.
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
        """Store ``entry`` and return what was evicted for it; None: too large, and nothing is stored.

        There must be none under its key.
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
        """Take away an entry that is there; ``why`` is counted."""
        del self._entries[entry.key]
        self._bytes -= entry_bytes(entry)
        self.evictions[why] += 1

    def clear(self, why: str) -> list[Entry]:
        """Drop every entry; return those that had been hit."""
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
        """Return which limit leaves no room for ``size`` more bytes in one more entry."""
        if len(self._entries) >= self.limits.max_entries:
            return "entries"
        return "bytes" if self._bytes + size > self.limits.max_bytes else None
