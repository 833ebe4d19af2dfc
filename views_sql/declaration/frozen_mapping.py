"""A mapping that keeps its order and never changes, so that a value that holds it can be hashed and compared."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

Value = TypeVar("Value")


class FrozenMapping(Mapping[str, Value]):
    """What it is made of, copied. Its order counts: two with other orders are not equal."""

    __slots__ = ("_pairs",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._pairs = dict(values)

    def __getitem__(self, name: str) -> Value:
        return self._pairs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return hash(tuple(self._pairs.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenMapping) and [*self.items()] == [*other.items()]

    def __repr__(self) -> str:
        return repr(self._pairs)
