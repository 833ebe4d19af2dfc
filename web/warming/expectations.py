"""Expected users: which planned answers should be ready, and when to give up one that was not read.

Invariant: pure; each planned answer has one expectation at a time, which ends when its user has read an answer, or
some minutes after the answer was ready. It begins again when the plan says so, and after some hours.
"""

from collections.abc import Iterator, Sequence

from refresher.front_cache.entry import EntryKey
from refresher.front_cache.trust import NEVER
from web.warming.warm_plan import Planned

# An answer that was ready for so long and not read is no longer kept ready. Less than any TTL.
LAPSED_AFTER_SECONDS = 180.0
LAPSED_SECONDS = 4 * 3_600.0


class Expectations:
    """The plan as it was last read, and the state of its rows; not synchronised."""

    def __init__(self) -> None:
        self._plan: Sequence[Planned] = ()
        self._since: dict[EntryKey, float] = {}
        self._ready_at: dict[EntryKey, float] = {}

    def __len__(self) -> int:
        return len(self._plan)

    def follow(self, plan: Sequence[Planned], now: float) -> None:
        """Replace the plan by what is planned now."""
        before = {planned.key: planned.since for planned in self._plan}
        begun = {planned.key for planned in plan if planned.since != before.get(planned.key)}
        self._since = {it.key: now if it.key in begun else self._since[it.key] for it in plan}
        self._ready_at = {key: at for key, at in self._ready_at.items() if key in self._since and key not in begun}
        self._plan = plan

    def open(self, now: float) -> Iterator[tuple[EntryKey, str]]:
        """Yield the answers that should be ready now, with their reasons, the most urgent first."""
        for planned in self._plan:
            key = planned.key
            if now - self._since[key] >= LAPSED_SECONDS:
                self._since[key] = now
                self._ready_at.pop(key, None)
            ready_at = self._ready_at.get(key)
            if ready_at is None or now - ready_at < LAPSED_AFTER_SECONDS:
                yield key, planned.reason

    def ready(self, key: EntryKey, now: float) -> None:
        """Note that an answer is in the cache, for any reason."""
        if key in self._since:
            self._ready_at.setdefault(key, now)

    def has_come(self, key: EntryKey) -> None:
        """Note that its user read the answer: from now on those reads decide whether it is kept."""
        if key in self._since:
            self._ready_at[key] = NEVER
