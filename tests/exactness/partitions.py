"""What a host does to partitions: rows straight into one, between them, attached, detached, dropped, emptied."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from tests.exactness.pools import SCHEMA, TABLE

if TYPE_CHECKING:
    from tests.exactness.writes import Writer

LEAVES = {f"{SCHEMA}.low": (0, 1), f"{SCHEMA}.rest": (2, 3)}


class Partitions:
    """Writes to the partitions of a writer's table; ``attached`` are those that came later, by their part."""

    def __init__(self, writer: Writer, adopt: Callable[[], None]) -> None:
        self.writer, self.adopt, self.attached = writer, adopt, list[int]()
        self.kinds: dict[Callable[[], None], float] = {
            self._attach: 1.5, self._remove: 1, self._part: 2, self._leaf: 3, self._truncate: 0.3,
        }  # fmt: skip

    def _run(self, text: str) -> None:
        self.writer.c.execute(text.encode(), ())

    def _part(self) -> None:
        with suppress(psycopg.errors.UniqueViolation):  # There may be a row of the same number.
            self._run(f"UPDATE {TABLE} SET part = {self.writer.chance.randint(0, 3)} WHERE {self.writer.some()}")

    def _leaf(self) -> None:
        writer, chance = self.writer, self.writer.chance
        leaf, parts = chance.choice(list(LEAVES.items()))
        what = chance.random()
        if what < 0.4:
            writer.insert(writer.c, chance.choice((1, 4)), leaf, chance.choice(parts))
        elif what < 0.8:
            writer.set(chance.sample(writer.of.all_columns, 2), leaf)
        else:
            self._run(f"DELETE FROM {leaf} WHERE {writer.some()}")

    def _truncate(self) -> None:
        self._run(f"TRUNCATE {self.writer.chance.choice(list(LEAVES))}")

    def _attach(self) -> None:
        writer = self.writer
        writer.next_id += 1
        part = 1000 + writer.next_id
        name = f"{SCHEMA}.part_{part}"
        if writer.chance.random() < 0.5:
            self._run(f"CREATE TABLE {name} PARTITION OF {TABLE} FOR VALUES IN ({part})")
            writer.insert(writer.c, 3, TABLE, part)
        else:
            self._run(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL)")
            writer.insert(writer.c, 5, name, part)
            self._run(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES IN ({part})")
        self.attached.append(part)
        self.adopt()

    def _remove(self) -> None:
        """Detach a partition, in either way, or drop it."""
        if not self.attached:
            return
        name = f"{SCHEMA}.part_{self.attached.pop()}"
        detach = f"ALTER TABLE {TABLE} DETACH PARTITION {name}"
        self._run(self.writer.chance.choice((detach, f"{detach} CONCURRENTLY", f"DROP TABLE {name}")))
        self.adopt()
