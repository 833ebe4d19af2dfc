"""A host's own applications: threads that write one row a statement, whatever happens to the tables meanwhile.

Invariant: a statement that fails is kept and fails the test; none is tried again.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from random import Random

import psycopg

from tests.hosts.host import Host, Rename
from tests.waiting import until


class Applications:
    """Two threads: one writes what names a column that is renamed, between renames; one everything else, always."""

    def __init__(self, url: str, host: Host) -> None:
        self.url, self.host = url, host
        self.failures: list[str] = []
        self.written = [0, 0]
        self._naming = threading.Lock()
        self._ends = threading.Event()
        self._seeds = Random(f"applications of {host.name}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write until the end of the block; fail if any statement did."""
        self._ends.clear()
        named = [it for it in self.host.writes if "{" in it.replace("{{", "")]
        others = [it for it in self.host.writes if it not in named]
        threads = [
            threading.Thread(target=self._write, args=(number, writes)) for number, writes in enumerate((named, others))
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ends.set()
            for thread in threads:
                thread.join()
        assert not self.failures, self.failures

    def wait_for_more(self, rows: int = 40) -> None:
        """Wait until both threads have written at least ``rows`` rows more."""
        wanted = [done + rows for done in self.written]
        until(lambda: self.failures or all(a >= b for a, b in zip(self.written, wanted, strict=True)), "writes")

    def rename(self, connection: psycopg.Connection, rename: Rename) -> None:
        """Rename a column; from then on the applications write its new name."""
        new = '"' + rename.name + '"'
        with self._naming:
            connection.execute(f"ALTER TABLE {rename.table} RENAME COLUMN {rename.column.sql} TO {new}".encode())
            rename.column.name = rename.name

    def _write(self, number: int, writes: list[str]) -> None:
        chance = Random(f"{self.host.name} {number}")
        with psycopg.connect(self.url, autocommit=True, application_name="host") as connection:
            while not self._ends.wait(0.002):
                try:
                    self._one(connection, chance.choice(writes), number)
                except psycopg.errors.SerializationFailure:
                    continue  # Of two writers that move one row between partitions, PostgreSQL always refuses one.
                except psycopg.Error as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                    return

    def _one(self, connection: psycopg.Connection, write: str, number: int) -> None:
        with self._naming if number == 0 else nullcontext():
            connection.execute(self._named(write).encode(), self.host.keys)
        self.written[number] += 1

    def _named(self, write: str) -> str:
        return write.format(**{name: column.escaped for name, column in self.host.names.items()})
