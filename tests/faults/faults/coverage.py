"""Faults of capture: 20, each a way in which a change could go unnoticed.

Invariant: what such a write did must be seen, or an alarm be raised within a minute, after which it is seen.
"""

from time import monotonic
from typing import Any

import psycopg

from refresher.leader.alarms import CAPTURE_CHANGED, UNCAPTURED
from tests.faults.faults.failing_refreshes import alarms
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.rewrites import GAVE_UP, LOCK, TRUNCATE_AND_REFILL
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History

ALARM_SECONDS = 60.0
LOOKING_SECONDS = 2.0  # until a step has found the alarm
CHILD = "calls_child"
COST_CENTS = 7_777
_EXACT = """
SELECT (a.body::json -> 'series' -> 'totals' ->> 'cost_cents')::bigint
FROM frontview.analytics_1_dashboard(%(user)s, %(first)s, %(last)s, 'day', NULL, NULL, {base}) a
"""
_INTO_CHILD = f"""
INSERT INTO {CHILD} (id, user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT -1 - (SELECT count(*) FROM {CHILD}), user_id, min(id), now(), 'completed', 60, {COST_CENTS}
FROM agents WHERE user_id = %s GROUP BY user_id
"""


class ReplicaRole(Fault):
    """Ordinary triggers do not fire there; the capture's must."""

    number, name, must_hold = "20", "writes with session_replication_role = replica", "I7"
    seconds, subset_seconds = 4.0, None
    touches = frozenset({"own rows"})

    def strike(self, scene: Scene) -> None:
        self.connection = scene.deployment.connect()
        self.connection.execute("SET session_replication_role = replica")
        self.connection.autocommit = False
        self.written = 0

    def step(self, scene: Scene) -> None:
        scene.rows.commit(self.connection, scene.rows.insert(self.connection, 2))
        self.written += 2

    def proof(self, scene: Scene) -> str:
        row = self.connection.execute("SHOW session_replication_role").fetchone()
        self.connection.rollback()
        return bit(f"{self.written} rows written in role {row[0]}", row and row[0] == "replica" and self.written)

    def heal(self, scene: Scene) -> None:
        self.connection.close()


class _Child(Fault):
    """What both ways to a child table have in common: its rows belong to calls, and nothing tells us."""

    must_hold = "I7, or an alarm within 60 s"
    seconds, subset_seconds = ALARM_SECONDS + 5, None

    def prepare(self, scene: Scene) -> None:
        self.user = scene.deployment.add_users(1)[0]  # nobody else reads it: until the alarm its answers may be wrong

    def strike(self, scene: Scene) -> None:
        self.before = set(alarms(scene))  # one about an earlier child may still be there; times tells them apart
        self.alarms: set[Any] = set()
        self.raised_after: float | None = None
        self.seen_after: float | None = None
        self.attach(scene)
        self.began = monotonic()
        assert self._sum(scene, base=True) % (1 << 50) == COST_CENTS, "the child's row is not in calls"

    def attach(self, scene: Scene) -> None:
        """Make the child, with a row in it."""

    def _sum(self, scene: Scene, *, base: bool) -> int:
        window = scene.deployment.window
        query, days = _EXACT.format(base=base), {"user": self.user, "first": window[0], "last": window[-1]}

        def asked() -> tuple[Any, ...] | None:
            try:
                return scene.sql.execute(query.encode(), days).fetchone()
            except psycopg.errors.SerializationFailure:  # Rewritten under the read; the product asks again, too.
                return None

        return _number_in(scene.until(asked, "sum while nothing is rewritten"))

    def step(self, scene: Scene) -> None:
        self.alarms |= {it for it in set(alarms(scene)) - self.before if self._is_of_child(*it)}
        if self.alarms and self.raised_after is None:
            self.raised_after = monotonic() - self.began
        if self._sum(scene, base=False) == self._sum(scene, base=True):
            self.seen_after = self.seen_after or monotonic() - self.began
        else:
            self.seen_after = None

    @staticmethod
    def _is_of_child(kind: str, subject: str, _: int) -> bool:
        return kind in (UNCAPTURED, CAPTURE_CHANGED) and subject.rpartition(".")[2] == CHILD

    def over(self, scene: Scene) -> bool:
        return self.seen_after is not None and bool(self.alarms)

    def proof(self, scene: Scene) -> str:
        rows = scene.value(f"SELECT count(*) FROM ONLY {CHILD}")
        return bit(f"{rows} row of a child of calls, written past it", rows)

    def heal(self, scene: Scene) -> None:
        scene.sql.execute(f"DELETE FROM calls WHERE tableoid = '{CHILD}'::regclass".encode())
        scene.sql.execute(f"DROP TABLE {CHILD}".encode())

    def judge(self, scene: Scene, history: History) -> list[str]:
        seen = "never" if self.seen_after is None else f"after {self.seen_after:.0f} s"
        raised = "never" if self.raised_after is None else f"after {self.raised_after:.0f} s"
        self.note = f"alarms {sorted(self.alarms)} {raised}; right {seen}"
        in_time = self.raised_after is not None and self.raised_after <= ALARM_SECONDS + LOOKING_SECONDS
        return [] if in_time and self.seen_after is not None else [f"I7: a row of a child table: {self.note}"]


class ChildWritten(_Child):
    """A child made after the capture's triggers were installed has none."""

    number, name = "20b", "rows written straight into an inheritance child"

    def attach(self, scene: Scene) -> None:
        scene.sql.execute(f"CREATE TABLE {CHILD} () INHERITS (calls)".encode())
        scene.sql.execute(_INTO_CHILD.encode(), (self.user,))


class ChildAttached(_Child):
    """Rows arrive with a table that was filled elsewhere; no statement on calls ever ran."""

    number, name = "20c", "a table with rows attached as an inheritance child"

    def attach(self, scene: Scene) -> None:
        scene.sql.execute(f"CREATE TABLE {CHILD} (LIKE calls INCLUDING ALL)".encode())
        scene.sql.execute(_INTO_CHILD.encode(), (self.user,))
        scene.sql.execute(f"ALTER TABLE {CHILD} INHERIT calls".encode())


class CascadeReached(Fault):
    """TRUNCATE … CASCADE of one table empties another; nobody named that one."""

    number, name, must_hold = "20d", "TRUNCATE … CASCADE reaches a table that nobody named", "I7"
    seconds, subset_seconds = 3.0, None
    touches = frozenset({"calls"})

    def strike(self, scene: Scene) -> None:
        scene.sql.execute(
            "INSERT INTO lead_analytics (call_id, user_id, agent_id, score, stage) "
            "SELECT id, user_id, agent_id, 1, 'new' FROM calls ORDER BY id DESC LIMIT 50 ON CONFLICT DO NOTHING"
        )
        scene.until(lambda: self._truncated(scene), "both tables for the truncation", seconds=20)

    def _truncated(self, scene: Scene) -> bool:
        leads = "SELECT count(*) FROM lead_analytics"
        kept = [line for line in TRUNCATE_AND_REFILL.splitlines() if "lead" not in line]
        try:
            with scene.open_transaction() as connection:
                connection.execute(LOCK.encode())
                self.before = _number_in(connection.execute(leads).fetchone())
                connection.execute("\n".join(kept).encode())
                self.after = _number_in(connection.execute(leads).fetchone())
        except GAVE_UP:
            return False
        return True

    def proof(self, scene: Scene) -> str:
        return bit(f"{self.before} rows of lead_analytics became {self.after}", self.before and not self.after)


def _number_in(row: tuple[Any, ...] | None) -> int:
    """Return the number in a row of one count."""
    assert row is not None
    return int(row[0])


FAULTS = (ReplicaRole, ChildWritten, ChildAttached, CascadeReached)
