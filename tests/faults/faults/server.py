"""Faults of the database server as a whole: 13, 14, 15.

Invariant: the port stays; a client that connects again finds the server, or its successor.
"""

import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import psycopg

from tests.faults.deployment.cluster import Cluster
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.held_compactions import HeldCompaction, progress
from tests.faults.faults.scene import Scene
from views_sql.generation.rights import ROLES

# A restore takes some, too; the new cluster's must be below those that the dump's bookkeeping names.
USE_TRANSACTION_IDS = """
DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$
"""


class BackendKilled(Fault):
    """The server ends all sessions and recovers: everything not committed is gone, all else is there."""

    number, name, must_hold = "13", "SIGKILL of a database backend under load", "I1 I2 I3 I4 I5 I6 I7"
    seconds, subset_seconds = 2.0, 1.0

    def strike(self, scene: Scene) -> None:
        self.before = self._checkpointer(scene)
        victim, began = scene.ours(application="frontview")[0], monotonic()
        scene.deployment.cluster.signal_backend(victim, signal.SIGKILL)
        scene.until(lambda: self._checkpointer(scene) not in (None, self.before), "recovered server")
        self.crashes.append((began, monotonic()))

    @staticmethod
    def _checkpointer(scene: Scene) -> int | None:
        """Return its pid, which only a recovery of the server changes; None: no server answers."""
        try:
            pid: int | None = scene.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
        except psycopg.OperationalError:
            return None
        return pid

    def proof(self, scene: Scene) -> str:
        after = self._checkpointer(scene)
        return bit(f"checkpointer {self.before} became {after}: the server recovered", after != self.before)


class ServerCrashed(Fault):
    """An immediate shutdown leaves everything to recovery, the asynchronous commits of drains among it."""

    number, name, must_hold = "14", "immediate shutdown and restart under load", "I1 I2 I3 I4 I5 I6 I7"
    seconds, subset_seconds = 2.0, None

    def strike(self, scene: Scene) -> None:
        began = "SELECT pg_postmaster_start_time()::text"
        self.before = scene.value(began)
        down_since = monotonic()
        scene.deployment.cluster.stop("immediate")
        scene.wait(1.0)
        scene.deployment.cluster.start()
        self.crashes.append((down_since, monotonic()))
        self.after = scene.value(began)

    def proof(self, scene: Scene) -> str:
        recovered = "not properly shut down" in scene.deployment.cluster.log()
        return bit(f"recovered; started again at {self.after}", recovered and self.after != self.before)


class DumpedAndRestored(Fault):
    """In the new cluster transaction ids begin again, so what the dump says about them no longer holds."""

    number, name, must_hold = "15", "dump inside a compaction, restore into a new cluster, go on", "I1 I7"
    seconds, subset_seconds, spoils = 2.0, None, True

    def strike(self, scene: Scene) -> None:
        scene.load.pause_writers()  # what is written after the dump is not in it
        scene.sql.execute(USE_TRANSACTION_IDS)
        self.before = self._identity(scene)
        work = HeldCompaction(scene)  # A dump of that moment holds the first chunk and not the others.
        work.hold_inside(scene.leader())
        old, down_since = scene.deployment.cluster, monotonic()
        with TemporaryDirectory(prefix="frontview-dump-") as folder:
            dump = Path(folder) / "dump"
            _run(old.binaries / "pg_dump", "--format=custom", f"--file={dump}", f"--dbname={old.url()}")
            new = Cluster(old.log_path.parent, name="postgres-restored", port=old.port)
            old.stop("fast")
            work.release()
            new.start()
            with new.connect("postgres") as connection:
                for role in ROLES:  # a dump of one database has rights, not the roles that have them
                    connection.execute(f"CREATE ROLE {role} NOLOGIN".encode())
                connection.execute("CREATE DATABASE restoring")
            _run(new.binaries / "pg_restore", "--exit-on-error", f"--dbname={new.url('restoring')}", str(dump))
            with new.connect("restoring") as connection:
                self.compacted, self.all = progress(connection, scene)
            with new.connect("postgres") as connection:
                connection.execute("ALTER DATABASE restoring RENAME TO frontview")
        scene.deployment.move_to(new)
        self.after = self._identity(scene)
        self.crashes.append((down_since, monotonic()))
        scene.load.resume_writers()

    @staticmethod
    def _identity(scene: Scene) -> tuple[int, int]:
        """Return the cluster's identity and its next transaction id."""
        (row,) = scene.query(
            "SELECT (SELECT system_identifier FROM pg_control_system()), "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        )
        return row[0], row[1]

    def proof(self, scene: Scene) -> str:
        fact = (
            f"dumped inside a compaction ({self.compacted} of {self.all} keys done); "
            f"system identifier {self.before[0]} became {self.after[0]}, transaction {self.before[1]} {self.after[1]}"
        )
        another = self.before[0] != self.after[0] and self.after[1] < self.before[1]
        return bit(fact, another and 0 < self.compacted < self.all)


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-1000:]}"


FAULTS = (BackendKilled, ServerCrashed, DumpedAndRestored)
