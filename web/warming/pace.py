"""How soon a key may be warmed again: shortly before its next read, and less and less often if it is not read.

Invariant: pure; there is a pause between two fills of one key, and the number of remembered keys is bounded.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from refresher.front_cache.entry import EntryKey, Reads

HOT_SECONDS = 0.5  # The pause of a key that is read and invalidated all the time.
UNREAD_SECONDS = (0.5, 10.0, 30.0, 600.0)  # The pauses after the first, second … fill in a row that was not read.
FAILED_SECONDS = (0.5, 5.0, 60.0)  # The pauses after the first, second … try in a row that stored nothing.
# A page that polls may be invalidated many times between two reads, and one fill shortly before the read is enough:
# early by this share of the time between two reads.
EARLY_SHARE = 0.2
MISSED_READS = 2.5  # When this number of reads did not come, the reader has left.
LEAST_LEFT_SECONDS = 10.0
MOST_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class _Past:
    filled_at: float
    unread: int = 0
    failures: int = 0
    every_seconds: float | None = None


class Pace:
    """When each key was last warmed; not synchronised."""

    def __init__(self) -> None:
        self._past: OrderedDict[EntryKey, _Past] = OrderedDict()

    def was_read(self, key: EntryKey) -> None:
        """Note that the last fill was read."""
        past = self._past.get(key)
        if past is not None and past.unread:
            self._past[key] = replace(past, unread=0)

    def wanted_at(self, key: EntryKey, reads: Reads, now: float) -> float | None:
        """Return when to fill an answer that its readers lost, judged by its reads until then; None: never."""
        every = self._every_seconds(key, reads)
        if now - reads.last > max(LEAST_LEFT_SECONDS, MISSED_READS * every):
            return None
        return reads.last + (1 - EARLY_SHARE) * every

    def may_fill(self, key: EntryKey, now: float) -> bool:
        """Return whether enough time has passed since the key was last filled or tried."""
        past = self._past.get(key)
        return past is None or now - past.filled_at >= _pause_seconds(past)

    def filled(self, key: EntryKey, now: float) -> None:
        """Note a fill that was not read yet."""
        past = self._past.get(key) or _Past(now)
        self._note(key, replace(past, filled_at=now, unread=past.unread + 1, failures=0))

    def failed(self, key: EntryKey, now: float) -> bool:
        """Note a try that stored nothing; return whether another one is worthwhile."""
        past = self._past.get(key) or _Past(now)
        self._note(key, replace(past, filled_at=now, failures=past.failures + 1))
        return past.failures + 1 < len(FAILED_SECONDS)

    def forget_before(self, moment: float) -> None:
        """Forget what was last filled before then."""
        while self._past and next(iter(self._past.values())).filled_at < moment:
            self._past.popitem(last=False)

    def _every_seconds(self, key: EntryKey, reads: Reads) -> float:
        """Return the time between two reads; after a single read of a warm fill, the one known from before."""
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
