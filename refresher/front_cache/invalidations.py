"""What invalidations dropped in this process: counters by source (those by hand together), and lines in the log.

Invariant: neither a counter nor a line names a user or holds a pattern as it was requested.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import structlog

from refresher.front_cache.feed import Bulk, FeedRow
from refresher.front_cache.patterns import CACHE_ONLY, is_by_hand, shape
from refresher.front_cache.statistics import InvalidationStatistics

log = structlog.get_logger(__name__)

BY_HAND = "by_hand"


def kind_of(source: str) -> str:
    """Return the name under which an invalidation of ``source`` is counted."""
    return BY_HAND if is_by_hand(source) else source


def count_rows(rows: Iterable[FeedRow], bulks: Iterable[Bulk] = ()) -> Counter[str]:
    """Return how many invalidations there are by kind."""
    by_source = Counter(row.source for row in rows)
    for bulk in bulks:
        by_source[bulk.source] += len(bulk.users)
    return by_kind(by_source)


def by_kind(by_source: Mapping[str, int]) -> Counter[str]:
    """Add up counts by source into counts by kind: those of sources, and one of invalidations by hand."""
    counts: Counter[str] = Counter()
    for source, count in by_source.items():
        counts[kind_of(source)] += count
    return counts


class Invalidations:
    """Counters of one process; not synchronised: callers hold the front cache's lock."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    def add(self, rows: Mapping[str, int], dropped: Mapping[str, int]) -> None:
        """Add the numbers of feed rows by kind, and of entries by the source that dropped them."""
        self._rows.update(rows)
        self._dropped.update(by_kind(dropped))

    def statistics(self) -> InvalidationStatistics:
        """Return the rows of the feed and the entries that they dropped."""
        return InvalidationStatistics(rows=dict(self._rows), dropped=dict(self._dropped))


def log_invalidations(rows: Iterable[FeedRow], counts: Mapping[str, int], dropped: Mapping[str, int]) -> None:
    """Log one line for each invalidation by hand, and one line at level debug for all others together.

    :param counts: of ``rows`` by kind.
    :param dropped: entries by source; an entry that several rows concern is counted for the first of them.
    """
    if counts.get(BY_HAND):
        for row in rows:
            if is_by_hand(row.source):
                pattern = shape(row.source.removeprefix(CACHE_ONLY))
                log.info(
                    "invalidated_by_hand", drain_id=row.drain_id, pattern=pattern, dropped=dropped.get(row.source, 0)
                )
    others = {kind: count for kind, count in counts.items() if kind != BY_HAND}
    if others:
        log.debug("invalidated", rows=others, dropped={kind: dropped.get(kind, 0) for kind in others})
