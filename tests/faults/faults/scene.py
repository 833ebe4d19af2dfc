"""One deployment under load and what the run knows about it: what a fault acts on.

Invariant: everything here talks straight to the server or to the processes themselves, never through a link, so that
what is found is so whatever a link does.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any

import httpx
import psycopg

from tests.faults.database.observer import Observer
from tests.faults.deployment.deployment import Deployment, Process
from tests.faults.deployment.link import Link
from tests.faults.load.load import Load
from tests.faults.load.own_reads import OwnReads
from tests.faults.load.own_rows import OwnRows
from tests.faults.load.tokens import token_for
from tests.faults.record.history import History, Read, Write
from tests.waiting import until

TICK_SECONDS = 0.05
_OURS = """
SELECT pid, client_port, application_name FROM pg_stat_activity
WHERE application_name LIKE 'frontview%' AND datname = current_database()
"""


@dataclass
class Scene:
    """One fault's run.

    :param own_users: for whom faults write rows themselves.
    :param users: everybody the load reads and writes; the first three of each dozen are read most.
    :param crowd: users whose old days change all the while; nobody reads them.
    :param last_refresh: the newest row of the log of refreshes when the load began.
    :param writes: what the fault itself wrote, beside the load's; ``reads``: what it asked.
    """

    deployment: Deployment
    own_users: Sequence[int]
    users: Sequence[int]
    load: Load
    observer: Observer
    chance: random.Random
    short: bool = False
    crowd: Sequence[int] = ()
    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    struck_at: float = 0.0
    healed_at: float = 0.0
    last_refresh: int = 0
    _sql: psycopg.Connection[Any] | None = None

    def __post_init__(self) -> None:
        self.rows = OwnRows(self.deployment, list(self.own_users), self.writes)
        self.asking = OwnReads(self.deployment, self.token_of, self.reads)

    # --- time

    def wait(self, seconds: float) -> None:
        """Let time pass: a fault's length is part of what it is."""
        sleep(seconds)

    def seconds_since_strike(self) -> float:
        """Return how long ago the fault struck."""
        return monotonic() - self.struck_at

    def until(self, condition: Any, what: str, *, seconds: float = 30.0) -> Any:
        """Wait for a condition, like :func:`tests.waiting.until`."""
        return until(condition, what, seconds=seconds)

    # --- the server

    @property
    def sql(self) -> psycopg.Connection[Any]:
        """An administrator's connection, opened again when the server has gone meanwhile."""
        if self._sql is None or self._sql.closed or self._sql.broken:
            self._sql = self.deployment.connect()
        return self._sql

    def query(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return all rows; asks again, once, when the connection turns out to have ended with the server."""
        try:
            return self.sql.execute(query.encode(), parameters or None).fetchall()
        except psycopg.OperationalError:
            if self._sql is None or not self._sql.closed:
                raise
            return self.sql.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, *parameters: object) -> Any:
        """Return the first column of the first row."""
        found = self.query(query, *parameters)
        return found[0][0] if found else None

    def ours(self, *, process: str = "", application: str = "") -> list[int]:
        """Return the pids of Frontview's backends: of that process, of that application name."""
        ports = self.link(process).upstream_ports() if process else None
        return [
            pid
            for pid, port, name in self.query(_OURS)
            if (ports is None or port in ports) and name.startswith(application)
        ]

    def terminate(self, pids: Sequence[int]) -> int:
        """Terminate backends; return how many were there to be terminated."""
        return int(
            self.value(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM unnest(%s::int[]) pid", list(pids)
            )
        )

    def open_transaction(self) -> psycopg.Connection[Any]:
        """Return a connection of its own that is not in autocommit."""
        connection = self.deployment.connect()
        connection.autocommit = False
        return connection

    # --- processes

    def link(self, process: str) -> Link:
        """Return the link between a process and the server."""
        return self.deployment.links[process]

    def process(self, name: str) -> Process:
        """Return a worker or refresher by its name."""
        return self.deployment.processes()[name]

    def leader(self) -> str:
        """Return the name of the refresher that leads, as soon as one does."""
        found = self.until(self.deployment.leader, "leader")
        assert isinstance(found, str)
        return found

    def all_stand_by(self) -> bool:
        """Return whether every refresher is connected, so that one can take over from the other at once."""
        return all(self.ours(process=name) for name in self.deployment.refreshers)

    @property
    def some_worker(self) -> str:
        """One worker's name, always the same in a run."""
        return min(self.deployment.workers)

    # --- reads of the fault's own

    def client(self, worker: str, user: int) -> httpx.Client:
        """Return a client of that user with one connection to one worker."""
        return httpx.Client(
            base_url=self.deployment.worker_urls[worker],
            headers={"Authorization": f"Bearer {self.token_of(user)}"},
            timeout=10,
            limits=httpx.Limits(max_connections=1),
        )

    def token_of(self, user: int) -> str:
        """Return a token of that user that is good whatever a clock shows."""
        return token_for(self.deployment.secret, user)

    def question(self) -> str:
        """Return the path of a question about the whole window."""
        window = self.deployment.window
        return f"/api/v1/dashboard/analytics?from={window[0]}&to={window[-1]}&granularity=day"

    # --- end

    def history_with_own(self, history: History) -> History:
        """Return the load's history with the fault's own writes and reads in it."""
        history.writes.extend(self.writes)
        history.reads.extend(self.reads)
        return history

    def close(self) -> None:
        """Close what the scene has opened."""
        if self._sql is not None:
            self._sql.close()
