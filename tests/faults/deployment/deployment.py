"""The whole system under fault: its own PostgreSQL, refreshers and web workers, each behind a link.

Invariant: each of our processes reaches the database through its own link only; admin and writers go straight there.
"""

import os
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS
from tests.faults.deployment.clock import clock_faults_unavailable
from tests.faults.deployment.cluster import Cluster
from tests.faults.deployment.commands import refresher_command, worker_command
from tests.faults.deployment.link import Link
from tests.faults.deployment.population import add_users
from tests.faults.deployment.ports import stable_port
from tests.faults.deployment.process import ROOT, Process
from tests.faults.record import encoding
from tests.fix_postgres import migrate
from tests.waiting import until
from web.operators.system_state import system_state

DATABASE = "frontview"
READY_SECONDS = 60
# Refreshes and compactions come often, and the window covers both tiers.
SETTINGS = {
    "FRONTVIEW_REFRESH_MIN_SECONDS": "0.5",
    "FRONTVIEW_REFRESH_DUTY": "0.3",
    "FRONTVIEW_RECENT_DAYS": str(encoding.RECENT_DAYS),
    "FRONTVIEW_STATEMENT_TIMEOUT_SECONDS": "3",
    "FRONTVIEW_ACCESS_LOG": "false",
    "FRONTVIEW_RATE_LIMIT_PER_SECOND": "0",
}
_LEADER_PORT = """
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE client_port = ANY (%s) AND application_name LIKE %s ORDER BY pid
"""


class Deployment:
    """Everything a run needs; :meth:`start` it, and :meth:`close` it whatever happened.

    :param folder: gets all logs.
    :param settings: environment variables of our processes; they win over :data:`SETTINGS`.
    :param cluster_settings: of postgresql.conf.
    :param fake_clocks: gives each process and the server a wall clock to shift.
    :param server: of the web workers: granian, gunicorn or gunicorn-preload.
    """

    def __init__(
        self,
        folder: Path,
        *,
        refreshers: int = 2,
        workers: int = 2,
        settings: Mapping[str, str] = {},
        cluster_settings: Mapping[str, str] = {},
        fake_clocks: bool = False,
        server: str = "granian",
    ) -> None:
        if fake_clocks and (reason := clock_faults_unavailable()):
            raise RuntimeError(reason)
        today = datetime.now(UTC).date()
        self.window: list[date] = [today - timedelta(days=ago) for ago in reversed(range(encoding.DAYS))]
        self.secret = uuid.uuid4().hex + uuid.uuid4().hex
        self._folder, self._settings, self._fake_clocks = folder, {**SETTINGS, **settings}, fake_clocks
        self.cluster = Cluster(folder, settings=cluster_settings, fake_clock=fake_clocks)
        self.links: dict[str, Link] = {}
        self.worker_urls: dict[str, str] = {}
        self.refreshers = {
            name: self._process(name, refresher_command())
            for name in (f"refresher-{number + 1}" for number in range(refreshers))
        }
        self.workers = {
            name: self._process(name, worker_command(server, self._worker_port(name)))
            for name in (f"worker-{number + 1}" for number in range(workers))
        }

    # --- start and end

    def start(self) -> None:
        """Start everything; returns when all views are populated and every worker trusts its cache."""
        self.cluster.start()
        with self.cluster.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
        migrate(self.cluster.url())
        for process in self.refreshers.values():
            process.start()
        with self.connect() as connection:
            unpopulated = "SELECT count(*) FROM frontview.view_state WHERE through IS NULL"
            until(lambda: connection.execute(unpopulated).fetchone() == (0,), "populated views", seconds=READY_SECONDS)
        for process in self.workers.values():
            process.start()
        for name in self.workers:
            self._wait_for_trust(name)

    def close(self) -> None:
        """End everything and remove what it made, except the logs."""
        with ExitStack() as last_things:  # in reverse, and each one whatever became of the others
            last_things.callback(self.cluster.close)
            for link in self.links.values():
                last_things.callback(link.close)
            for process in self.processes().values():
                last_things.callback(process.close)

    def processes(self) -> dict[str, Process]:
        """Return refreshers and workers by name."""
        return {**self.refreshers, **self.workers}

    def move_to(self, cluster: Cluster) -> None:
        """Let every link lead to another cluster, which this deployment then owns; the old one is closed.

        Connections that exist are reset.
        """
        old, self.cluster = self.cluster, cluster
        for link in self.links.values():
            link.lead_to(cluster.port)
            link.reset_connections()
        old.close()

    # --- data

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return an autocommit connection straight to the server."""
        return self.cluster.connect(DATABASE)

    def add_users(self, count: int) -> list[int]:
        """Add users, each with two agents and on each day of the window a call that costs the user's tag.

        :return: their ids.
        """
        with self.connect() as connection:
            return add_users(connection, count, self.window)

    # --- what can be seen

    def leader(self) -> str | None:
        """Return the name of the refresher whose connection holds the leader's lock.

        None: nobody does, it is no longer one of our processes (its connection is gone, its backend not yet), or the
        server does not answer.
        """
        try:
            with self.connect() as connection:
                holder = connection.execute(_LEADER_PORT, (LOCK_CLASS, LEADER_LOCK)).fetchone()
        except psycopg.OperationalError:
            return None
        return next((n for n in self.refreshers if holder and holder[0] in self.links[n].upstream_ports()), None)

    def backends(self, name: str, application_name: str = "%") -> list[int]:
        """Return the server's processes that serve the process of that name; ``application_name`` is a pattern."""
        with self.connect() as connection:
            found = connection.execute(_BACKENDS, (list(self.links[name].upstream_ports()), application_name))
            return [row[0] for row in found]

    def trusted(self, worker: str) -> bool:
        """Return whether that worker is ready and may answer from its cache."""
        try:
            answer = httpx.get(f"{self.worker_urls[worker]}/readyz", timeout=3)
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and answer.json()["trust"] is True

    def converged(self) -> bool:
        """Return whether all is as it should be at rest.

        That is: no tier has a stale key, no logged change is undrained, somebody leads, every worker trusts its cache.
        """
        try:
            with self.connect() as connection:
                state = system_state(connection)
        except psycopg.OperationalError:
            return False
        tidy = all(tier.populated and tier.stale_keys == 0 for tier in state.views)
        drained = state.watermark is not None and state.watermark.undrained_rows == 0
        return tidy and drained and state.leader is not None and all(self.trusted(name) for name in self.workers)

    # --- building

    def _wait_for_trust(self, worker: str) -> None:
        until(lambda: self.trusted(worker), f"trust of {worker}", seconds=READY_SECONDS)

    def _worker_port(self, name: str) -> int:
        port = stable_port()
        self.worker_urls[name] = f"http://127.0.0.1:{port}"
        return port

    def _process(self, name: str, command: list[str]) -> Process:
        link = self.links[name] = Link(self.cluster.port)
        url = self.cluster.url(DATABASE, link.port)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FRONTVIEW_")}
        environment |= {
            "FRONTVIEW_DATABASE_URL": url,
            "FRONTVIEW_DIRECT_URL": url,
            "FRONTVIEW_JWT_SECRET": self.secret,
            "PYTHONPATH": str(ROOT),
            **self._settings,
        }
        return Process(name, command, environment, self._folder, fake_clock=self._fake_clocks)
