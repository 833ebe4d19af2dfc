"""How soon a key may be warmed again: at once where people read, ever less often where nobody does.

Invariant: pure; between two fills of one key lies a pause, and what is kept of keys is bounded.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from refresher.entry import EntryKey

HOT_SECONDS = 0.5  # a key that is read and invalidated all the time
UNREAD_SECONDS = (0.5, 30.0, 600.0)  # after the first, second … fill in a row that nobody read
# Who was expected and did not come while the answer lay ready is expected less: it is not kept ready all the time.
LAPSED_AFTER_SECONDS = 240.0  # less than any TTL: what was lost sooner, a change took
LAPSED_SECONDS = 3_600.0
FAILED_SECONDS = (0.5, 5.0, 60.0)  # after the first, second … try in a row that stored nothing
MOST_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class _Past:
    filled_at: float
    unread: int = 0
    failures: int = 0


class Pace:
    """What was warmed when; not synchronised."""

    def __init__(self) -> None:
        self._past: OrderedDict[EntryKey, _Past] = OrderedDict()

    def was_read(self, key: EntryKey) -> None:
        """Note that somebody read the last fill, or is expected anew."""
        past = self._past.get(key)
        if past is not None and past.unread:
            self._past[key] = replace(past, unread=0)

    def may_fill(self, key: EntryKey, now: float) -> bool:
        """Return whether enough time has passed since the key was last filled or tried."""
        past = self._past.get(key)
        return past is None or now - past.filled_at >= _pause_seconds(past, now)

    def filled(self, key: EntryKey, now: float) -> None:
        """Note a fill, unread as yet."""
        past = self._past.get(key)
        self._note(key, _Past(now, unread=past.unread + 1 if past else 1))

    def failed(self, key: EntryKey, now: float) -> bool:
        """Note a try that stored nothing; return whether the next one may well succeed."""
        past = self._past.get(key) or _Past(now)
        self._note(key, replace(past, filled_at=now, failures=past.failures + 1))
        return past.failures + 1 < len(FAILED_SECONDS)

    def forget_before(self, moment: float) -> None:
        """Forget what was last filled before then."""
        while self._past and next(iter(self._past.values())).filled_at < moment:
            self._past.popitem(last=False)

    def _note(self, key: EntryKey, past: _Past) -> None:
        self._past[key] = past
        self._past.move_to_end(key)
        if len(self._past) > MOST_KEYS:
            self._past.popitem(last=False)


def _pause_seconds(past: _Past, now: float) -> float:
    if past.failures:
        return FAILED_SECONDS[min(past.failures, len(FAILED_SECONDS)) - 1]
    if not past.unread:
        return HOT_SECONDS
    if now - past.filled_at >= LAPSED_AFTER_SECONDS:
        return LAPSED_SECONDS
    return UNREAD_SECONDS[min(past.unread, len(UNREAD_SECONDS)) - 1]
