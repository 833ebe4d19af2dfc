"""Faults met at the start: 30, a transaction pooler in the URL.

Invariant: the pooler is a real one, in transaction mode; where the machine has none the fault is skipped.
"""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.faults.deployment.binaries import run_as
from tests.faults.deployment.ports import stable_port
from tests.faults.faults.fault import Fault, bit
from tests.faults.faults.scene import Scene
from tests.faults.record.history import History
from tests.waiting import until

START_SECONDS = 30
CONFIGURATION = """
[databases]
frontview = host=127.0.0.1 port={server} dbname=frontview user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = transaction
ignore_startup_parameters = options,extra_float_digits
unix_socket_dir =
"""


class TransactionPooler(Fault):
    """Session locks and LISTEN are lost there without an error: nobody may start."""

    number, name, must_hold = "30", "a transaction pooler in the URL", "refuses to start, says why"
    seconds, subset_seconds = 0.0, None

    def unavailable(self) -> str | None:
        return None if _pgbouncer() else "this machine has no pgbouncer"

    def strike(self, scene: Scene) -> None:
        self.said: dict[str, tuple[int, str]] = {}
        self.folder = TemporaryDirectory(prefix="frontview-pooler-")
        Path(self.folder.name).chmod(0o755)
        port = stable_port()
        self.pooler = self._start(scene, port)
        self.url = scene.deployment.cluster.url(port=port)
        until(self._same_session_for_two, "pooler that hands sessions around", seconds=15)
        for name, process in (
            ("refresher", next(iter(scene.deployment.refreshers.values()))),
            ("web worker", next(iter(scene.deployment.workers.values()))),
        ):
            self.said[name] = self._start_behind(process.command, scene.deployment.secret)

    def _start(self, scene: Scene, port: int) -> "subprocess.Popen[bytes]":
        settings = Path(self.folder.name) / "pooler.ini"
        settings.write_text(CONFIGURATION.format(server=scene.deployment.cluster.port, port=port))
        program = _pgbouncer()
        assert program is not None
        return subprocess.Popen(  # pgbouncer, too, refuses to run as root
            [program, settings], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as()
        )

    def _same_session_for_two(self) -> bool:
        """Return whether two connections get one backend, which is what makes the pooler a fault."""
        try:
            with psycopg.connect(self.url, autocommit=True) as one, psycopg.connect(self.url, autocommit=True) as two:
                pids = [it.execute("SELECT pg_backend_pid()").fetchone() for it in (one, two)]
        except psycopg.OperationalError:
            return False
        self.shared = pids[0]
        return pids[0] == pids[1]

    def _start_behind(self, command: list[str], secret: str) -> tuple[int, str]:
        """Start a process of Frontview behind the pooler; return its exit code (-1: it ran) and its output."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FRONTVIEW_")}
        environment |= {"FRONTVIEW_DATABASE_URL": self.url, "FRONTVIEW_JWT_SECRET": secret}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[3])
        port = str(stable_port())
        arguments = [
            port if before == "--port" else word for before, word in zip(["", *command], command, strict=False)
        ]
        try:
            ended = subprocess.run(
                arguments, env=environment, capture_output=True, text=True, timeout=START_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return -1, "it started"
        return ended.returncode, (ended.stdout + ended.stderr).strip()

    def proof(self, scene: Scene) -> str:
        return bit(f"backend {self.shared[0]} served two connections through pgbouncer", self.shared)

    def heal(self, scene: Scene) -> None:
        self.pooler.terminate()
        self.pooler.wait(10)
        self.folder.cleanup()

    def judge(self, scene: Scene, history: History) -> list[str]:
        found = []
        for name, (code, words) in self.said.items():
            if code <= 0 or "pooler" not in words or "FRONTVIEW_DIRECT_URL" not in words:
                found.append(f"the {name} did not refuse a transaction pooler: exit code {code}, {words[-200:]!r}")
        self.note = "; ".join(
            f"{name}: {words.splitlines()[-1][:120]}" for name, (_, words) in self.said.items() if words
        )
        return found


def _pgbouncer() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


FAULTS = (TransactionPooler,)
