"""What each fill of the cache was for, what it cost in statements, and whether anybody read it.

Invariant: the shares of all causes add up to the statements; one that answered several questions is shared evenly.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from refresher.front_cache.entry import EntryKey


@dataclass(slots=True)
class _Filled:
    cause: str
    at: float
    is_used: bool


@dataclass(slots=True)
class FillLog:
    """Counts fills by their cause.

    :param answers: how many were computed; :param unread: of these, how many answered no request.
    :param statements: how many statements they took.
    """

    answers: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    statements: Counter[str] = field(default_factory=Counter)
    _last: dict[EntryKey, _Filled] = field(default_factory=dict)
    _changed_at: dict[object, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Reset the counts; entries stay known."""
        for counts in (self.answers, self.unread, self.statements):
            counts.clear()
        for filled in self._last.values():
            filled.is_used = True

    def changed(self, user: object, now: float) -> None:
        """Note that a user's data changed."""
        self._changed_at[user] = now

    def read(self, key: EntryKey, now: float, *, hit: bool) -> None:
        """Note a read; a miss is a fill."""
        if hit:
            self._last[key].is_used = True
            return
        before = self._last.get(key)
        if before is None:
            cause = "read, not asked for before"
        else:
            is_changed = self._changed_at.get(key.user, float("-inf")) >= before.at
            cause = "read after a change" if is_changed else "read after the end of a life"
        self.filled({key: cause}, now, is_used=True)

    def filled(self, causes: dict[EntryKey, str], now: float, *, is_used: bool = False) -> None:
        """Note, for each answer that one statement computed, why it was computed."""
        for key, cause in causes.items():
            self._end(self._last.get(key))
            self._last[key] = _Filled(cause, now, is_used)
            self.answers[cause] += 1
            self.statements[cause] += 1 / len(causes)  # type: ignore[assignment]

    def end(self) -> None:
        """Count the entries that are left at the end."""
        for filled in self._last.values():
            self._end(filled)

    def causes(self) -> Sequence[str]:
        """Return all causes, the most expensive first."""
        return [cause for cause, _ in self.statements.most_common()]

    def _end(self, filled: _Filled | None) -> None:
        if filled is not None and not filled.is_used:
            self.unread[filled.cause] += 1
