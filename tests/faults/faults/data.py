"""Faults that lie in the shape of the data: 12a, 26, 27.

Invariant: rows that are taken away are put back in the same transaction, the same as before.
"""

from datetime import UTC, datetime, time
from typing import Any

import psycopg

from refresher.leader.alarms import REFRESH_FAILING
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.held_tiers import HeldTiers
from tests.faults.faults.scene import Scene
from tests.faults.faults.transactions import TWIN
from tests.faults.record.history import History

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
    touches = frozenset({"calls"})
    statements = ""

    def strike(self, scene: Scene) -> None:
        self.times = self.waited = 0
        self.before = scene.value(STORAGE)

    def step(self, scene: Scene) -> None:
        with scene.open_transaction() as connection:
            try:
                connection.execute(LOCK.encode())
                connection.execute(self.statements.encode())
            except GAVE_UP:  # somebody had one of the tables already; the next step tries again
                connection.rollback()
                return
            self.waited += scene.until(lambda: scene.value(READS_WAITING), "read that waits", seconds=5)
        self.times += 1
        self.afterwards(scene)
        scene.wait(0.5)

    def afterwards(self, scene: Scene) -> None:
        """Bring the table back to what it was."""

    def proof(self, scene: Scene) -> str:
        storage = scene.value(STORAGE)
        fact = f"{self.times} rewrites, {self.waited} reads waited; storage {self.before} became {storage}"
        return bit(fact, self.times and self.waited and storage != self.before)


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


class RefreshesTimeOut(Fault):
    """No refresh succeeds: reads get slower and stay right."""

    number, name, must_hold = "26", "every refresh times out", "I1 I2 I7"
    seconds, subset_seconds = 40.0, None
    touches = frozenset({"refreshes"})
    failures = "SELECT count(*) FROM frontview.refresh_log WHERE outcome LIKE 'failed%%' AND started_at > %s"

    def strike(self, scene: Scene) -> None:
        self.tiers = HeldTiers(scene, "call_daily", "lead_daily", "agent_quality_daily", "account_summary")
        self.tiers.hold()
        self.tiers.hold_archives()
        self.since = scene.value("SELECT clock_timestamp()")  # An earlier refresh is logged after it releases its lock.

    def over(self, scene: Scene) -> bool:
        return bool(scene.value(self.failures, self.since) >= 4)

    def proof(self, scene: Scene) -> str:
        failures = scene.value(self.failures, self.since)
        good = scene.value(
            "SELECT count(*) FROM frontview.refresh_log WHERE outcome = 'refreshed' AND started_at > %s", self.since
        )
        return bit(f"{failures} refreshes of a tier failed, {good} succeeded", failures and not good)

    def heal(self, scene: Scene) -> None:
        self.tiers.release()


class DuplicateKey(Fault):
    """A refresh fails again and again; reads patch, and an alarm says that somebody must look."""

    number, name, must_hold = "27", "a duplicate key appears in a view", "I1 I2, alarm"
    seconds, subset_seconds = 60.0, None
    touches = frozenset({"refreshes"})
    failures = "SELECT count(*) FROM frontview.refresh_log WHERE outcome = 'failed: 23505' AND refresh_id > %s"

    def prepare(self, scene: Scene) -> None:
        self.user = scene.deployment.add_users(1)[0]

    def strike(self, scene: Scene) -> None:
        self.before = {subject for _, subject, _ in self._alarms_of_it(scene)}
        self.alarms: list[Any] = []
        self.last = scene.value("SELECT COALESCE(max(refresh_id), 0) FROM frontview.refresh_log")
        # One row a user and day is what this index allows: the second agent's first call of a day is a duplicate.
        scene.until(lambda: self._index(scene), "index", seconds=10)
        noon = datetime.combine(scene.deployment.window[-1], time(12), UTC)
        scene.sql.execute(
            "INSERT INTO calls (user_id, agent_id, started_at, status, cost_cents) "
            "SELECT user_id, max(id), %s, 'completed', 1 FROM agents WHERE user_id = %s GROUP BY user_id",
            (noon, self.user),
        )

    def _index(self, scene: Scene) -> bool:
        scene.sql.execute(
            f"CREATE UNIQUE INDEX IF NOT EXISTS fault_one_row_a_day ON frontview.call_daily_recent (user_id, day) "
            f"WHERE user_id = {self.user}".encode()
        )
        return True

    def step(self, scene: Scene) -> None:
        self.alarms = [it for it in self._alarms_of_it(scene) if it[1] not in self.before] or self.alarms

    @staticmethod
    def _alarms_of_it(scene: Scene) -> list[tuple[Any, ...]]:
        return [it for it in alarms(scene) if it[0] == REFRESH_FAILING and it[1].startswith("call_daily/")]

    def over(self, scene: Scene) -> bool:
        return bool(scene.value(self.failures, self.last) >= 6 and self.alarms)

    def proof(self, scene: Scene) -> str:
        failures = scene.value(self.failures, self.last)
        return bit(f"{failures} refreshes of a tier failed with 23505", failures)

    def heal(self, scene: Scene) -> None:
        scene.sql.execute("DROP INDEX IF EXISTS frontview.fault_one_row_a_day")

    def judge(self, scene: Scene, history: History) -> list[str]:
        self.note = f"alarms: {self.alarms}"
        return [] if self.alarms else [f"no alarm {REFRESH_FAILING} about call_daily was raised"]


def alarms(scene: Scene) -> list[tuple[Any, ...]]:
    """Return kind, subject and times of every alarm there is."""
    return scene.query("SELECT kind, subject, times FROM frontview.alarm ORDER BY kind, subject")


FAULTS = (Truncated, Altered, RefreshesTimeOut, DuplicateKey)
