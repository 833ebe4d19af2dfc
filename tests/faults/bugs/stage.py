"""A small deployment, its load and its history so far: what a circumstance and a seeded bug act on.

Invariant: :meth:`Stage.judge` sees a moment at which no transaction is under way, so that a write is in the history
before an answer that shows it.
"""

import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from tests.faults.checker.checker import check
from tests.faults.checker.verdict import Verdict
from tests.faults.deployment.deployment import Deployment
from tests.faults.deployment.link import Link
from tests.faults.deployment.process import Process
from tests.faults.load.load import Load
from tests.faults.load.own_rows import OwnRows
from tests.faults.record.history import History, Write
from tests.waiting import until

FUNCTIONS = """
SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p
WHERE p.pronamespace = 'frontview'::regnamespace AND p.prokind = 'f'
"""


class Stage:
    """One circumstance with or without a bug in it."""

    def __init__(self, deployment: Deployment, load: Load, users: list[int]) -> None:
        self.deployment, self.load, self.users = deployment, load, users
        self._own: list[Write] = []
        self.rows = OwnRows(deployment, users[:3], self._own)
        self.sql = deployment.connect()

    @property
    def worker(self) -> Process:
        return self.deployment.workers["worker-1"]

    @property
    def link(self) -> Link:
        return self.deployment.links["worker-1"]

    def judge(self) -> Verdict:
        """Return the verdict on everything that has happened so far."""
        self.load.pause_writers()
        told = self.load.so_far()
        self.load.resume_writers()
        return check(History([*told.writes, *self._own], told.reads, told.attempts))

    def commit_late(self, seconds: float) -> None:
        """Insert a row, and commit after others have committed for that long."""
        with self.deployment.connect() as connection:
            connection.autocommit = False
            rows = self.rows.insert(connection)
            time.sleep(seconds)
            self.rows.commit(connection, rows)

    def close(self) -> None:
        self.sql.close()


class Cast:
    """A deployment whose parts run with a seeded bug or without, whichever is wanted next."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._healthy = {name: process.command for name, process in deployment.processes().items()}

    def run_with(self, bug: str | None, parts: Collection[str] = ()) -> Deployment:
        """Return the deployment once the ``workers`` or ``refreshers`` run with the bug, all others without any."""
        for kind in ("refreshers", "workers"):
            for process in getattr(self._deployment, kind).values():
                self._let_run(process, bug if kind in parts else None)
        until(lambda: self._deployment.leader() is not None, "leader", seconds=30)
        until(lambda: all(map(self._deployment.trusted, self._deployment.workers)), "trust", seconds=30)
        return self._deployment

    def _let_run(self, process: Process, bug: str | None) -> None:
        command = healthy = self._healthy[process.name]
        if bug is not None:
            entry = ["refresher"] if "serve" not in healthy else healthy[healthy.index("serve") :]
            command = [sys.executable, "-m", "tests.faults.bugs.broken", bug, *entry]
        if process.command != command:
            process.kill()
            process.command = command
            process.start()


@contextmanager
def functions_put_back(url: str) -> Iterator[None]:
    """Restore every function of Frontview that the block has changed."""
    before = _functions(url)
    try:
        yield
    finally:
        after = _functions(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for name, definition in before.items():
                if after[name] != definition:
                    connection.execute(definition.encode())


def _functions(url: str) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return dict(connection.execute(FUNCTIONS).fetchall())


def terminate_quietly(connection: psycopg.Connection[Any]) -> None:
    """End a connection that may have been lost."""
    with suppress(psycopg.Error):
        connection.rollback()
    connection.close()
