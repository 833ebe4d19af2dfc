"""A PostgreSQL that belongs to one run: it can be stopped, crashed, reconfigured and given a wrong clock.

Invariant: its port and its data outlive every stop; :meth:`Cluster.close` leaves nothing behind, whatever happened.
"""

import atexit
import os
import shutil
import signal
import subprocess
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests.data_folders import data_folder
from tests.faults.deployment.binaries import embedded_binaries, hand_over, run_as
from tests.faults.deployment.clock import Clock
from tests.faults.deployment.ports import stable_port
from tests.waiting import until

START_SECONDS = 60
STOP_SECONDS = 60
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# A crash of the server leaves the system's page cache alone, so not even crashes need fsync.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "100",
    "max_prepared_transactions": "10",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "5s",
    "log_line_prefix": "%m [%p] %q%a ",
}
_open: "weakref.WeakSet[Cluster]" = weakref.WeakSet()


class Cluster:
    """A server on 127.0.0.1; :meth:`start` makes its data directory when there is none.

    :param folder: gets its log, ``postgres.log`` (or ``name``.log).
    :param binaries: where initdb and postgres are; None: those of the embedded PostgreSQL 18.
    :param settings: of postgresql.conf; they win over :data:`SETTINGS`.
    :param fake_clock: whether :meth:`shift_clock` will be used.
    :param port: of a cluster that this one takes the place of; None: a free one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] = {},
        fake_clock: bool = False,
        port: int | None = None,
        name: str = "postgres",
    ) -> None:
        self.binaries = binaries or embedded_binaries()
        self.port = port or stable_port()
        self.log_path = folder / f"{name}.log"
        self._home = data_folder("frontview-cluster-")
        self._home.chmod(0o755)
        self._data = self._home / "data"
        self._settings = {**SETTINGS, **settings, "port": str(self.port)}
        self._clock = Clock(self._home) if fake_clock else None
        self._postmaster: subprocess.Popen[bytes] | None = None
        _open.add(self)

    def url(self, database: str = "frontview", port: int | None = None) -> str:
        """Return where to connect; another ``port`` leads there through a link."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}?sslmode=disable&gssencmode=disable"

    def start(self) -> None:
        """Start the server and wait until it takes connections.

        :raises AssertionError: it does not; with the end of its log.
        """
        if not self._data.exists():
            self._make_data_directory()
        with self.log_path.open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self.binaries / "postgres", "-D", self._data],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the run, which then stops the server
                cwd="/",
                env={**os.environ, **(self._clock.environment if self._clock else {})},
                **run_as(),
            )
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the server takes connections, after a start or a crash."""
        try:
            until(self._answers, "connection to the server", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log: {self.log()[-2000:]}") from None

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: ``smart``, ``fast``, or ``immediate``, which is a crash."""
        if self._postmaster is None:
            return
        self._postmaster.send_signal(STOP_SIGNALS[mode])
        self._postmaster.wait(STOP_SECONDS)
        self._postmaster = None

    def restart(self, mode: str = "fast") -> None:
        """Stop and start; same port, same data."""
        self.stop(mode)
        self.start()

    def become_standby(self) -> None:
        """Stop, and start as a hot standby that follows nobody."""
        self.stop()
        (self._data / "standby.signal").touch()
        self.start()

    def configure(self, **settings: str) -> None:
        """Change settings by ALTER SYSTEM and reload; some take effect only at the next start."""
        with self.connect("postgres") as connection:
            for setting, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")

    def connect(self, database: str = "frontview") -> psycopg.Connection[tuple[Any, ...]]:
        """Return an autocommit connection straight to the server."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5, application_name="admin")

    def signal_backend(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one of the server's processes."""
        os.kill(pid, number)

    def shift_clock(self, seconds: float) -> None:
        """Set the wall clock of all the server's processes that far from the machine's, at once."""
        assert self._clock is not None, "the cluster was made without fake_clock"
        self._clock.shift(seconds)

    def log(self) -> str:
        """Return everything the server has logged."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def close(self) -> None:
        """Stop at once and remove the data; may be called twice."""
        postmaster, self._postmaster = self._postmaster, None
        if postmaster is not None:
            postmaster.send_signal(signal.SIGQUIT)
            try:
                postmaster.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(postmaster.pid, signal.SIGKILL)
                postmaster.wait()
        shutil.rmtree(self._home, ignore_errors=True)
        _open.discard(self)

    def _answers(self) -> bool:
        assert self._postmaster is not None
        if self._postmaster.poll() is not None:
            raise AssertionError(f"the server ended with {self._postmaster.returncode}")
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_data_directory(self) -> None:
        hand_over(self._home, self.binaries)
        made = subprocess.run(
            [self.binaries / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",  # reachable for everybody
            **run_as(),
        )
        assert made.returncode == 0, f"initdb failed: {made.stderr}"
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in self._settings.items())


@atexit.register
def _close_all() -> None:
    for cluster in list(_open):
        cluster.close()
