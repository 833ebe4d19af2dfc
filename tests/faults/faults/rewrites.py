"""Faults of rewritten tables: 12a, 12b.

Invariant: rows that are taken away are put back in the same transaction, the same as before.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.held_compactions import HeldCompaction
from tests.faults.faults.scene import Scene
from tests.faults.faults.transactions import TWIN

# Writers take these tables in either order. The fault gives up before a writer's wait becomes a deadlock, at 1 s.
LOCK = f"""
SET LOCAL lock_timeout = '500ms';
LOCK TABLE lead_analytics, calls, {TWIN} IN ACCESS EXCLUSIVE MODE
"""
GAVE_UP = (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable)
STORAGE = "SELECT pg_relation_filenode('calls')"
READS_WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.relation = 'calls'::regclass AND a.application_name LIKE 'frontview-web%'
"""
COMPACTIONS_WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.relation = 'calls'::regclass AND a.query LIKE '%calls_1_compact%'
"""
TRUNCATE_AND_REFILL = """
CREATE TEMPORARY TABLE kept_calls ON COMMIT DROP AS SELECT * FROM calls;
CREATE TEMPORARY TABLE kept_leads ON COMMIT DROP AS SELECT * FROM lead_analytics;
TRUNCATE calls CASCADE;
INSERT INTO calls OVERRIDING SYSTEM VALUE SELECT * FROM kept_calls;
INSERT INTO lead_analytics OVERRIDING SYSTEM VALUE SELECT * FROM kept_leads;
"""
# A default that differs from row to row needs new storage; in earlier snapshots, the new storage is empty.
REWRITE = "ALTER TABLE calls ADD COLUMN fault_token uuid NOT NULL DEFAULT gen_random_uuid()"
UNDO_REWRITE = "ALTER TABLE calls DROP COLUMN fault_token"


class _Rewritten(Fault):
    """What both have in common: they commit while Frontview's reads wait for the table."""

    must_hold = "I1 I3 I8"
    seconds, subset_seconds = 6.0, 2.0
    touches = frozenset({"calls", "archives"})
    statements = ""

    def strike(self, scene: Scene) -> None:
        self.times = self.waited = self.compacting = 0
        self.work = HeldCompaction(scene)
        self.before = scene.value(STORAGE)

    def step(self, scene: Scene) -> None:
        with scene.open_transaction() as connection:
            try:
                if self.compacting:
                    connection.execute(LOCK.encode())
                else:
                    self._lock_between_chunks(scene, connection)
                connection.execute(self.statements.encode())
            except GAVE_UP:  # somebody had one of the tables already; the next step tries again
                connection.rollback()
                return
            finally:
                self.work.release()
            self.waited += scene.until(lambda: scene.value(READS_WAITING), "read that waits", seconds=5)
            self.compacting = self.compacting or scene.value(COMPACTIONS_WAITING)
        self.times += 1
        self.afterwards(scene)
        scene.wait(0.5)

    def _lock_between_chunks(self, scene: Scene, connection: psycopg.Connection[Any]) -> None:
        """Lock the tables as soon as a chunk of a compaction commits: the next one, the last, waits for them."""
        self.work.hold_inside("")
        with ThreadPoolExecutor(1) as threads:
            locked = threads.submit(connection.execute, LOCK.encode())
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
            pid = connection.info.backend_pid
            scene.until(lambda: locked.done() or scene.value(waiting, pid), "lock that waits")
            self.work.release()
            locked.result()

    def afterwards(self, scene: Scene) -> None:
        """Bring the table back to what it was."""

    def proof(self, scene: Scene) -> str:
        storage = scene.value(STORAGE)
        fact = f"{self.times} rewrites, {self.waited} reads waited, {self.compacting} between chunks of a compaction"
        return bit(
            f"{fact}; storage {self.before} became {storage}",
            self.times and self.waited and self.compacting and storage != self.before,
        )


class Truncated(_Rewritten):
    """Everything goes and comes back in one transaction."""

    number, name = "12a", "TRUNCATE … CASCADE and the same rows again, committed while reads wait"
    statements = TRUNCATE_AND_REFILL


class Altered(_Rewritten):
    """The table gets new storage, with rows that old snapshots cannot see."""

    number, name = "12b", "a rewriting ALTER, committed while reads wait"
    statements = REWRITE
    subset_seconds = None

    def afterwards(self, scene: Scene) -> None:
        scene.until(lambda: self._undone(scene), "table as it was", seconds=20)

    @staticmethod
    def _undone(scene: Scene) -> bool:
        try:
            with scene.open_transaction() as connection:
                connection.execute(f"{LOCK}; {UNDO_REWRITE}".encode())
        except GAVE_UP:
            return False
        return True


FAULTS = (Truncated, Altered)
