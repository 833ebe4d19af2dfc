"""Verified tokens, remembered for a moment: checking a signature costs 127 µs, looking one up 2 µs.

Invariant: an entry is used for at most 60 s and never at or after the token's ``exp``. Only digests of tokens
are kept, and a bounded number of them.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

LONGEST_SECONDS = 60.0
MOST_TOKENS = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Verified(Generic[T]):
    value: T
    expires_at: float  # wall clock: the token's exp
    until: float  # monotonic: a stepped clock cannot stretch the minute


class ClaimsCache(Generic[T]):
    """What verified tokens said, by digest."""

    def __init__(
        self,
        capacity: int = MOST_TOKENS,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: LRUCache[bytes, _Verified[T]] = LRUCache(capacity)
        self._lock = threading.Lock()
        self._wall, self._monotonic = wall, monotonic

    def get(self, token: str) -> T | None:
        """Return what ``token`` said when it was verified, or None when that may no longer be used."""
        digest = _digest(token)
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None:
                return None
            if self._wall() < entry.expires_at and self._monotonic() < entry.until:
                return entry.value
            del self._entries[digest]
        return None

    def put(self, token: str, value: T, expires_at: float) -> None:
        """Remember what a token said that has just been verified.

        :param expires_at: its ``exp``, in seconds of the epoch.
        """
        if self._wall() >= expires_at:  # accepted within the leeway: not worth an entry
            return
        entry = _Verified(value, expires_at, self._monotonic() + LONGEST_SECONDS)
        with self._lock:
            self._entries[_digest(token)] = entry


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
