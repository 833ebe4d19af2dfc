"""Faults caused by other clients' transactions: 16, 17, 18, 19, 21, 22.

Invariant: what such a transaction wrote is in the history, with the moment of its commit, or as rolled back.
"""

from time import monotonic

from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History, Write

PREPARED = "fault_17"
FLAT = 0.5  # of the drains a second at the beginning that there must still be at the end
LEAST_MOVES = 100
# The load updates a row of calls only to move it.
_UPDATES = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'calls'::regclass"
TWIN = "control.control_calls"  # writers compare with it: what is done to calls is done to it, too


class LateCommit(Fault):
    """Its log rows carry a transaction id from long ago when they become visible."""

    number, name, must_hold = "16", "a writer commits 60 s late", "I1 I2"
    seconds, subset_seconds = 60.0, 5.0
    touches = frozenset({"late writer"})

    def strike(self, scene: Scene) -> None:
        self.connection = scene.open_transaction()
        self.rows = scene.rows.insert(self.connection, 6)
        self.began, self.drain_id = monotonic(), scene.observer.drain_id

    def proof(self, scene: Scene) -> str:
        drains = scene.observer.drain_id - self.drain_id
        return bit(f"rows {monotonic() - self.began:.0f} s old and uncommitted, {drains} drains since", drains > 10)

    def heal(self, scene: Scene) -> None:
        scene.rows.commit(self.connection, self.rows)
        self.connection.close()


class PreparedTransaction(Fault):
    """It has no session, outlives a crash of the server, and commits whenever somebody says so."""

    number, name, must_hold = "17", "a prepared transaction, with a crash of the server before its commit", "I1 I2 I7"
    seconds, subset_seconds = 10.0, 3.0

    def strike(self, scene: Scene) -> None:
        with scene.open_transaction() as connection:
            self.rows = scene.rows.insert(connection, 6)
            connection.execute(f"PREPARE TRANSACTION '{PREPARED}'".encode())
        self.drain_id = scene.observer.drain_id
        scene.wait(1.0)
        down_since = monotonic()
        scene.deployment.cluster.restart("immediate")
        self.crashes.append((down_since, monotonic()))

    def proof(self, scene: Scene) -> str:
        there = scene.value("SELECT count(*) FROM pg_prepared_xacts WHERE gid = %s", PREPARED)
        drains = scene.until(lambda: scene.value("SELECT max(drain_id) FROM frontview.drain") - self.drain_id, "drain")
        return bit(f"{there} transaction prepared before the crash and there after it, {drains} drains since", there)

    def heal(self, scene: Scene) -> None:
        sent = monotonic()
        scene.sql.execute(f"COMMIT PREPARED '{PREPARED}'".encode())
        scene.rows.committed(self.rows, sent)


class RolledBack(Fault):
    """Nothing of what is undone may ever be seen; what is kept beside it must be."""

    number, name, must_hold = "18", "rollbacks and savepoints at a high rate", "I3"
    seconds, subset_seconds = 6.0, None
    touches = frozenset({"own rows"})

    def strike(self, scene: Scene) -> None:
        self.connection = scene.open_transaction()
        self.undone = self.kept = 0

    def step(self, scene: Scene) -> None:
        for _ in range(4):
            kept = scene.rows.insert(self.connection)
            with_savepoint = self._undo_to_savepoint(scene)
            scene.rows.commit(self.connection, kept)
            gone = scene.rows.insert(self.connection, 2)
            self.connection.rollback()
            scene.rows.rolled_back(with_savepoint + gone)
            self.kept, self.undone = self.kept + 1, self.undone + 4

    def _undo_to_savepoint(self, scene: Scene) -> list[Write]:
        self.connection.execute("SAVEPOINT outer_one")
        rows = scene.rows.insert(self.connection)
        self.connection.execute("SAVEPOINT inner_one")
        rows += scene.rows.insert(self.connection)
        self.connection.execute("RELEASE SAVEPOINT inner_one")
        self.connection.execute("ROLLBACK TO SAVEPOINT outer_one")
        return rows

    def over(self, scene: Scene) -> bool:
        return scene.rows.left < 40

    def proof(self, scene: Scene) -> str:
        return bit(f"{self.undone} rows undone beside {self.kept} kept, and those of the load", self.undone > 100)

    def heal(self, scene: Scene) -> None:
        self.connection.close()


class RowsMoved(Fault):
    """A row is in one place at a time: the sums of all users together stay the same in every snapshot."""

    number, name, must_hold = "19", "rows moved between users and days, sums constant", "I1 I3"
    seconds, subset_seconds, writes_per_second = 8.0, None, 150
    touches = frozenset({"own rows"})

    def strike(self, scene: Scene) -> None:
        self.before = scene.value(_UPDATES)

    def proof(self, scene: Scene) -> str:
        moved = scene.value(_UPDATES) - self.before
        return bit(f"{moved} rows moved to another user or day", moved >= LEAST_MOVES)


class LongReader(Fault):
    """It holds back vacuum; drains must not take longer for it."""

    number, name, must_hold = "21", "a reader's transaction open for 60 s", "I6 I9, drain time flat"
    seconds, subset_seconds = 60.0, None
    touches = frozenset({"long reader"})

    def strike(self, scene: Scene) -> None:
        self.connection = scene.open_transaction()
        self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.connection.execute("SELECT count(*) FROM calls")
        self.began = monotonic()

    def proof(self, scene: Scene) -> str:
        age = scene.value(
            "SELECT age(backend_xmin) FROM pg_stat_activity WHERE pid = %s", self.connection.info.backend_pid
        )
        return bit(f"snapshot {age} transactions old", age and age > 100)

    def heal(self, scene: Scene) -> None:
        self.ended = monotonic()
        self.connection.close()

    def judge(self, scene: Scene, history: History) -> list[str]:
        third = (self.ended - self.began) / 3
        first = scene.observer.drains_a_second(self.began, self.began + third)
        last = scene.observer.drains_a_second(self.ended - third, self.ended)
        looks = [
            scene.observer.sample_ms(*third_of)
            for third_of in ((self.began, self.began + third), (self.ended - third, self.ended))
        ]
        self.note = (
            f"{first:.1f} drains/s and a look in {looks[0]:.1f} ms at first, {last:.1f} and {looks[1]:.1f} ms at last"
        )
        return [] if last >= FLAT * first else [f"I9: drains slowed down: {self.note}"]


class TableLocked(Fault):
    """Reads wait or get 503, in time; writers wait for the lock and for nothing else."""

    number, name, must_hold = "22", "ACCESS EXCLUSIVE on a base table for 5 s", "I6 I8"
    seconds, subset_seconds = 5.0, None
    touches = frozenset({"calls"})

    def strike(self, scene: Scene) -> None:
        self.waiting = 0
        self.connection = scene.open_transaction()
        self.connection.execute(f"LOCK TABLE calls, {TWIN} IN ACCESS EXCLUSIVE MODE".encode())

    def step(self, scene: Scene) -> None:
        self.waiting = max(
            self.waiting,
            scene.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'calls'::regclass"),
        )

    def proof(self, scene: Scene) -> str:
        return bit(f"up to {self.waiting} sessions waited for the table", self.waiting)

    def heal(self, scene: Scene) -> None:
        self.connection.close()


FAULTS = (LateCommit, PreparedTransaction, RolledBack, RowsMoved, LongReader, TableLocked)
