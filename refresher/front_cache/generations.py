"""A bounded memory in two generations: what was not asked for during a whole generation is forgotten.

Nearly the least recently used is forgotten first, at the cost of one dictionary look-up, and without a lock.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Generations(Generic[K, V]):
    """Values by key; any number of threads may use it. Two that do at once may lose what one of them put.

    :param most: values a generation, at least 1; there are never more than twice as many.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return what was put under ``key``, or None."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Keep ``value``; it was asked for now."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value
