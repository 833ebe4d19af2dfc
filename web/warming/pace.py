"""How soon a key may be warmed again: shortly before people read it, ever less often where nobody does.

Invariant: pure; between two fills of one key lies a pause, and what is kept of keys is bounded.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from refresher.front_cache.entry import EntryKey, Reads

HOT_SECONDS = 0.5  # a key that is read and invalidated all the time
UNREAD_SECONDS = (0.5, 10.0, 30.0, 600.0)  # after the first, second … fill in a row that nobody read
FAILED_SECONDS = (0.5, 5.0, 60.0)  # after the first, second … try in a row that stored nothing
# Between two reads of a page that polls, changes are many and one fill is enough: late, and yet before the read.
EARLY_SHARE = 0.2  # of the time between two reads
MISSED_READS = 2.5  # so many reads did not come: who read has left
LEAST_LEFT_SECONDS = 10.0
MOST_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class _Past:
    filled_at: float
    unread: int = 0
    failures: int = 0
    every_seconds: float | None = None


class Pace:
    """What was warmed when; not synchronised."""

    def __init__(self) -> None:
        self._past: OrderedDict[EntryKey, _Past] = OrderedDict()

    def was_read(self, key: EntryKey) -> None:
        """Note that somebody read the last fill."""
        past = self._past.get(key)
        if past is not None and past.unread:
            self._past[key] = replace(past, unread=0)

    def wanted_at(self, key: EntryKey, reads: Reads, now: float) -> float | None:
        """Return when an answer that its readers lost is worth filling, by its reads until then; None: never."""
        every = self._every_seconds(key, reads)
        if now - reads.last > max(LEAST_LEFT_SECONDS, MISSED_READS * every):
            return None
        return reads.last + (1 - EARLY_SHARE) * every

    def may_fill(self, key: EntryKey, now: float) -> bool:
        """Return whether enough time has passed since the key was last filled or tried."""
        past = self._past.get(key)
        return past is None or now - past.filled_at >= _pause_seconds(past)

    def filled(self, key: EntryKey, now: float) -> None:
        """Note a fill, unread as yet."""
        past = self._past.get(key) or _Past(now)
        self._note(key, replace(past, filled_at=now, unread=past.unread + 1, failures=0))

    def failed(self, key: EntryKey, now: float) -> bool:
        """Note a try that stored nothing; return whether the next one may well succeed."""
        past = self._past.get(key) or _Past(now)
        self._note(key, replace(past, filled_at=now, failures=past.failures + 1))
        return past.failures + 1 < len(FAILED_SECONDS)

    def forget_before(self, moment: float) -> None:
        """Forget what was last filled before then."""
        while self._past and next(iter(self._past.values())).filled_at < moment:
            self._past.popitem(last=False)

    def _every_seconds(self, key: EntryKey, reads: Reads) -> float:
        """Return the time between two reads; of one after a fill of ours nothing can be told, but from before."""
        past = self._past.get(key)
        if past is None:
            return reads.every_seconds
        if reads.hits == 1 and past.every_seconds is not None:
            return past.every_seconds
        self._past[key] = replace(past, every_seconds=reads.every_seconds)
        return reads.every_seconds

    def _note(self, key: EntryKey, past: _Past) -> None:
        self._past[key] = past
        self._past.move_to_end(key)
        if len(self._past) > MOST_KEYS:
            self._past.popitem(last=False)


def _pause_seconds(past: _Past) -> float:
    if past.failures:
        return FAILED_SECONDS[min(past.failures, len(FAILED_SECONDS)) - 1]
    if not past.unread:
        return HOT_SECONDS
    return UNREAD_SECONDS[min(past.unread, len(UNREAD_SECONDS)) - 1]
