"""A running computation of one answer, as the front cache and those who may share it see it.

Invariant: ``joinable`` and ``dropped`` only ever turn against it.
"""

from refresher.entry import EntryKey


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
