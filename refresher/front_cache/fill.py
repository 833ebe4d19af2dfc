"""Running computations of answers, as the front cache and those who may share them see them.

Invariant: ``joinable`` and ``dropped`` only ever turn against a fill. :class:`RunningFills` is not synchronised: the
front cache's lock is held around every call.
"""

from collections.abc import Set as AbstractSet

from models.user_key import UserKey
from refresher.front_cache.entry import EntryKey


class Fill:
    """A running computation of one answer.

    ``background``: no request waits for it unless one joins. ``joined``: a request did, so its answer may be shown.
    ``joinable``: later requests may share it; ends when a change of the user is applied, or it is finished.
    ``dropped``: its result must not be stored.
    """

    __slots__ = ("background", "began", "dropped", "joinable", "joined", "key")

    def __init__(self, key: EntryKey, began: float, *, background: bool = False) -> None:
        self.key = key
        self.began = began
        self.background = background
        self.joined = False
        self.joinable = True
        self.dropped = False

    def join(self) -> bool:
        """Return whether a request may share it; needs no lock.

        Said before it is asked: whoever finds it joinable is seen by the end of the computation.
        """
        self.joined = True
        return self.joinable

    def drop(self) -> None:
        """Keep its result from the cache and from later requests."""
        self.joinable = False
        self.dropped = True


class RunningFills:
    """The fills that are neither finished nor abandoned, by user."""

    def __init__(self) -> None:
        self._by_user: dict[UserKey, set[Fill]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_user.values()))

    def add(self, fill: Fill) -> None:
        """Take in a fill that begins."""
        self._by_user.setdefault(fill.key.user, set()).add(fill)

    def forget(self, fill: Fill) -> None:
        """Let go of a fill that is over; again and again, if need be."""
        running = self._by_user.get(fill.key.user)
        if running is not None:
            running.discard(fill)
            if not running:
                del self._by_user[fill.key.user]

    def close(self, users: AbstractSet[UserKey | None] | None) -> None:
        """Keep the fills of ``users`` (None: of everyone) from requests that come later."""
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
