"""A host at work on a random application: writers, DDL, maintenance and questions, all at the same time.

Invariant: no writer fails but where it would without us. A question is asked and answered by plain SQL in one snapshot,
under a lock that keeps the table's columns and rows from being exchanged; what is asked meanwhile only waits for what a
host does before its leader has looked (a partition with rows, triggers that were switched off).
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any

import psycopg

from refresher.watch.coverage import adopt_partitions, check_coverage
from tests.exactness.host_sessions import host_session
from tests.exactness.installation import Installation
from tests.exactness.pools import TABLE, USERS_TABLE
from tests.exactness.writes import Writer

NAMES = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
NOT_ALWAYS = """SELECT tgrelid::regclass::text, tgname FROM pg_trigger
WHERE tgname LIKE 'frontview_capture_%' AND tgenabled <> 'A'"""
FIRST_ID = 1_000_000
# What a host's statements may meet without us: rows of other transactions, and users that are deleted meanwhile.
OF_THE_HOST = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.ForeignKeyViolation)
# What a refresh may meet: a host that holds its table, or empties it meanwhile.
OF_A_REFRESH = {"failed: 55P03", "failed: 40P01", "failed: 40001"}
LEAST, LONGEST_SECONDS = 3, 60.0


class Storm:
    """One storm over an installation; ``failures`` are what threads ended with."""

    def __init__(self, made: Installation, writers: int = 2) -> None:
        self.made, self.over, self.failures = made, threading.Event(), list[BaseException]()
        self.quiet = threading.Lock()
        self.leader = psycopg.connect(made.url, autocommit=True)
        self.sessions = [self.leader]
        self.done = dict.fromkeys(("written", "changed", "refreshed", "compared"), 0)
        made.writer.partitions.adopt = self._adopt
        work = [self._change, self._maintain, *(self._writer(number) for number in range(writers))]
        self.threads = [threading.Thread(target=self._until_over, args=(it,)) for it in work]

    def rage(self, seconds: float) -> None:
        """Let everything happen at once for so long, or until each thing has happened; then compare at rest."""
        self.made.adopt()
        self.made.writer.fill(60)
        for thread in self.threads:
            thread.start()
        try:
            self._compare_for(seconds)
        finally:
            self.over.set()
            for thread in self.threads:
                thread.join(60)
            for session in self.sessions:
                session.close()
        if self.failures:
            raise self.failures[0]
        self.made.drain()
        for move in (False, True):
            self.made.refresh_all(move=move)
            for _ in range(10):
                self.made.compare("at rest")

    def _until_over(self, work: Callable[[], None]) -> None:
        try:
            while not self.over.is_set():
                work()
        except BaseException as error:
            self.failures.append(error)
            self.over.set()

    def _compare_for(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        of = deepcopy(self.made.of)
        with psycopg.connect(self.made.url, autocommit=True) as c:
            while time.monotonic() < ends + self._patience() and not self.over.is_set():
                with self.quiet, suppress(psycopg.errors.SerializationFailure):  # A tier was rewritten: asked again.
                    self.made.compare_with(c, of, "in a storm", prepare=self._look)
                    self.done["compared"] += 1

    def _patience(self) -> float:
        """Return how much longer a busy machine may take."""
        return LONGEST_SECONDS if min(self.done.values()) < LEAST else 0.0

    def _look(self, c: psycopg.Connection[Any], of: Any) -> None:
        """Keep the host's tables as they are, and see what their columns are called; LOCK takes no snapshot."""
        c.execute(f"LOCK TABLE {TABLE}, {USERS_TABLE} IN ACCESS SHARE MODE".encode())
        names = [name for (name,) in c.execute(NAMES, (TABLE,))]
        for column, name in zip(of.all_columns, names[2:], strict=True):
            column.name = name

    def _change(self) -> None:
        """Write as the host's deterministic writer does, with renames, TRUNCATE and partitions."""
        writer = self.made.writer
        try:
            if self.made.chance.random() < 0.05:
                with self.quiet:
                    self._load_with_disabled_triggers(writer)
            elif self.made.of.partitioned and self.made.chance.random() < 0.2:
                with self.quiet:
                    writer.one_of(writer.partitions.kinds)
            else:
                writer.one_of(writer.kinds())
        except OF_THE_HOST:
            writer.c.execute("RESET session_replication_role")
        self.done["changed"] += 1

    def _adopt(self) -> None:
        """Look for new partitions, on the leader's own connection."""
        adopt_partitions(self.leader)
        check_coverage(self.leader)

    def _load_with_disabled_triggers(self, writer: Writer) -> None:
        """Load as pg_restore --disable-triggers does; the leader finds it, and its remedy is applied."""
        with writer.c.transaction():
            writer.c.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL".encode())
            writer.insert(writer.c, 5)
            writer.c.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER ALL".encode())
        check_coverage(self.leader)
        for relation, name in self.leader.execute(NOT_ALWAYS).fetchall():
            self.leader.execute(f'ALTER TABLE {relation} ENABLE ALWAYS TRIGGER "{name}"'.encode())

    def _maintain(self) -> None:
        made, chance = self.made, self.made.chance
        made.drain()
        view = chance.choice(made.views)
        horizon = made.day() if view.day_column and chance.random() < 0.2 else None
        ended = made.refresh_one(view, horizon)
        assert not ended.startswith("failed") or ended in OF_A_REFRESH, ended
        self.done["refreshed"] += 1

    def _writer(self, number: int) -> Callable[[], None]:
        """Return the work of a writer that names no column, so that no rename may fail it."""
        made, chance = self.made, Random(f"writer {self.made.of.seed} {number}")
        session = host_session(made.url, chance)
        self.sessions.append(session)
        ids = iter(range(FIRST_ID * (number + 1), FIRST_ID * (number + 2)))
        kinds = [f"%s::text::{it.cast}" for it in made.of.all_columns]
        insert = f"INSERT INTO {TABLE} VALUES (%s::bigint, %s::integer, {', '.join(kinds)})".encode()
        mine = list[int]()

        def write() -> None:
            what = chance.random()
            try:
                if what < 0.5 or not mine:
                    key = next(ids)
                    values = [made.of.value(it, chance) for it in made.of.all_columns]
                    session.execute(insert, [key, chance.randint(0, 3), *values])
                    mine.append(key)
                elif what < 0.75:
                    text = f"UPDATE {TABLE} SET part = %s WHERE id = %s".encode()
                    session.execute(text, (chance.randint(0, 3), chance.choice(mine)))
                else:
                    session.execute(f"DELETE FROM {TABLE} WHERE id = %s".encode(), (mine.pop(),))
            except OF_THE_HOST:
                pass
            self.done["written"] += 1
            time.sleep(0.005)

        return write
