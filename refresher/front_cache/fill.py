"""Running computations of answers: who owns one, who may share its result, and who waits until it ends.

Invariant: ``joinable`` and ``dropped`` only ever turn against a fill. A fill that has begun is ended, whatever happens
to its owner, and its end wakes everyone who waits for it. :class:`RunningFills` is not synchronised: its callers hold
the front cache's lock.
"""

import threading
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from models.errors import StatementFailed
from models.user_key import UserKey
from refresher.front_cache.entry import Entry, EntryKey

# Refusals that say nothing against the freshness of an answer: requests that waited for it may have it.
HARMLESS_REFUSALS = frozenset({"too_large", "expired"})


class Turn(Enum):
    """What a request does whose answer is not in the cache."""

    OWN = "own"  # It computes the answer: nobody else does.
    REPLACE = "replace"  # It computes the answer beside a background fill that it may not share.
    SHARE = "share"  # It waits for the running computation and takes its result.
    WAIT = "wait"  # It waits for the running computation, whose result is too old for it, and asks again.


class FillState(NamedTuple):
    """What a request needs to know about a running computation.

    :param began: monotonic seconds.
    :param joinable: whether later requests may share it.
    :param background: whether it was begun ahead of need.
    """

    began: float
    joinable: bool
    background: bool


def turn_of(running: FillState | None, not_before: float) -> Turn:
    """Return what a request does that may share only a computation that began after ``not_before``.

    Without warming there would be no background fill to wait for, so no request waits for one that it may not share.
    """
    if running is None:
        return Turn.OWN
    if running.joinable and running.began > not_before:
        return Turn.SHARE
    return Turn.REPLACE if running.background else Turn.WAIT


@dataclass(frozen=True, slots=True)
class FillResult:
    """What a computation came to; ``refused``: why the cache did not keep the entry, None: it did."""

    entry: Entry
    refused: str | None
    database_ms: float | None

    @property
    def shareable(self) -> bool:
        """Whether requests that arrived while it was computed may have it."""
        return self.refused is None or self.refused in HARMLESS_REFUSALS


class Fill:
    """A running computation of one answer.

    ``background``: it was begun ahead of need. ``joined``: a request shares it, so its answer will be shown.
    ``joinable``: later requests may share it; a change of the user that is applied meanwhile ends that.
    ``dropped``: its result must not be stored. ``result``: None until it has ended, and if it failed. ``failure``: the
    defect that ended it, which would end another attempt as well.
    """

    __slots__ = ("_over", "background", "began", "dropped", "failure", "joinable", "joined", "key", "result")

    def __init__(self, key: EntryKey, began: float, over: threading.Event, *, background: bool = False) -> None:
        """Begin it; ``over`` is set when it ends."""
        self.key, self.began, self.background = key, began, background
        self.joined = self.dropped = False
        self.joinable = True
        self.result: FillResult | None = None
        self.failure: StatementFailed | None = None
        self._over = over

    @property
    def state(self) -> FillState:
        """The values by which :func:`turn_of` decides whether a request may share it."""
        return FillState(self.began, self.joinable, self.background)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._over.is_set()

    def drop(self) -> None:
        """Neither store its result nor give it to later requests."""
        self.joinable = False
        self.dropped = True

    def end(self, result: FillResult | None) -> None:
        """End it and wake everyone who waits; None: it failed."""
        self.result = result
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Return whether it ended within that time."""
        return self._over.wait(max(0.0, seconds))


class RunningFills:
    """The fills that are neither finished nor abandoned, by user, in the order in which they began."""

    def __init__(self) -> None:
        self._by_user: dict[UserKey, list[Fill]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_user.values()))

    def find(self, key: EntryKey) -> Fill | None:
        """Return the newest fill of ``key``, or None."""
        for fill in reversed(self._by_user.get(key.user, ())):
            if fill.key == key and not fill.ended:
                return fill
        return None

    def add(self, fill: Fill) -> None:
        """Add a fill that begins."""
        self._by_user.setdefault(fill.key.user, []).append(fill)

    def forget(self, fill: Fill) -> None:
        """Remove a fill that is over; removing it again does nothing."""
        running = self._by_user.get(fill.key.user, [])
        if fill in running:
            running.remove(fill)
            if not running:
                del self._by_user[fill.key.user]

    def close(self, users: AbstractSet[UserKey | None] | None) -> None:
        """Let no later request share the fills of ``users`` (None: of everyone)."""
        for user in list(self._by_user) if users is None else self._by_user.keys() & users:
            for fill in self._by_user[user]:
                fill.joinable = False

    def drop(self, user: UserKey) -> None:
        """Drop the fills of ``user``."""
        for fill in self._by_user.get(user, ()):
            fill.drop()

    def drop_all(self) -> None:
        """Drop every fill."""
        for user in self._by_user:
            self.drop(user)
