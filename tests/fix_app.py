"""Fixtures: the whole system as an operator runs it, with web workers and a refresher as processes, over HTTP."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from models.user_key import UserKey
from tests.fix_postgres import Server
from tests.waiting import until
from web.auth.claims import SUBJECT
from web.auth.tokens import issue_token

SECRET = "a secret for the tests that is long enough"
BOTH_WAYS = pytest.mark.parametrize(
    "front_layer",
    [pytest.param("true", id="front layer"), pytest.param("false", id="Flask alone", marks=pytest.mark.proof)],
    scope="module",
)  # of the module: all tests one way, then the other, so that they can share what runs
BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class System:
    """A database with some data, and the processes around it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.port = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **os.environ,
            "FRONTVIEW_DATABASE_URL": url,
            "FRONTVIEW_JWT_SECRET": SECRET,
            "FRONTVIEW_REFRESH_MIN_SECONDS": "0.5",
            "FRONTVIEW_RATE_LIMIT_PER_SECOND": "0",  # one user here asks for many
            "PYTHONPATH": str(ROOT),
        }
        self.sql = psycopg.connect(url, autocommit=True)
        self.claim = SUBJECT  # the claim of a token that holds the user's key

    def start(self, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            process = subprocess.Popen(
                [str(part) for part in command], env=self.environment, cwd=ROOT, stdout=log, stderr=log
            )
        self.processes[name] = process
        return process

    def start_refresher(self, name: str = "refresher") -> None:
        self.start(name, sys.executable, "-m", "refresher")

    def wait_for_views(self) -> None:
        unpopulated = "SELECT count(*) FROM frontview.view_state WHERE through IS NULL"
        until(lambda: self.value(unpopulated) == 0, "populated view", seconds=30)

    def start_web(self, workers: int = 2) -> None:
        self.start("web", BIN / "frontview", "serve", "--port", str(self.port), "--workers", str(workers))
        self.wait_for_web()

    def wait_for_web(self) -> None:
        until(self._answers, f"answer on /healthz; log: {self.log('web')}", seconds=30)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text()[-2000:] if path.exists() else ""

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            return process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{name} did not end; log: {self.log(name)}") from None

    def close(self) -> None:
        """End everything at once; what does not end is killed, and is an error."""
        self.sql.close()
        for process in self.processes.values():
            process.terminate()
        hung = []
        for name, process in self.processes.items():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                hung.append(name)
        self.processes.clear()
        assert not hung, f"{hung} did not end"

    def value(self, query: str, *parameters: Any) -> Any:
        row = self.sql.execute(query.encode(), parameters).fetchone()
        return row[0] if row else None

    def client(self, user: UserKey, *, admin: bool = False) -> httpx.Client:
        """A keep-alive client: one connection, so always the same worker."""
        token = issue_token(SECRET, user, admin, 3600, claim=self.claim)
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            limits=httpx.Limits(max_connections=1),
        )

    def add_call(self, user: int, *, days_ago: int = 0, cost_cents: int = 1) -> None:
        self.sql.execute(
            "INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
            "SELECT user_id, min(id), now() - make_interval(days => %s), 'completed', 60, %s FROM agents "
            "WHERE user_id = %s GROUP BY user_id",
            (days_ago, cost_cents, user),
        )


def fill(connection: psycopg.Connection[Any], users: int = 5) -> None:
    connection.execute(
        "INSERT INTO users (email, name, timezone, credits_cents) SELECT 'u' || g || '@example.org', 'User ' || g, "
        "(ARRAY['UTC', 'Europe/Berlin', 'America/New_York'])[1 + g %% 3], g * 100 FROM generate_series(1, %s) g",
        (users,),
    )
    connection.execute(
        "INSERT INTO agents (user_id, name) SELECT u.id, 'Agent ' || g FROM users u, generate_series(1, 3) g"
    )
    connection.execute(
        "INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
        "SELECT a.user_id, a.id, now() - g * interval '17 hours', "
        "(ARRAY['completed', 'failed', 'no_answer', 'busy'])[1 + (g * a.id) % 4], 30 + g, 5 + g % 7 "
        "FROM agents a, generate_series(1, 120) g"
    )
    connection.execute(
        "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
        "SELECT id, user_id, agent_id, started_at, id % 101, "
        "(ARRAY['new', 'engaged', 'qualified', 'converted', 'lost'])[1 + id % 5] FROM calls WHERE id % 3 = 0"
    )
    connection.execute(
        "INSERT INTO agent_analytics (agent_id, user_id, day, csat_points, csat_answers, talk_seconds, transfers) "
        "SELECT id, user_id, CURRENT_DATE - g, 9, 2, 300, 1 FROM agents, generate_series(0, 80) g"
    )


@contextmanager
def filled_system(server: Server, folder: Path, *, users: int = 5, front_layer: str = "true") -> Iterator[System]:
    """Yield a system on a database of its own with data in it, and no process yet; they end with it."""
    url = server.create(server.template)
    system = System(url, folder)
    system.environment["FRONTVIEW_FRONT_LAYER"] = front_layer
    try:
        fill(system.sql, users)
        yield system
    finally:
        try:
            system.close()
        finally:
            server.drop(url)


@pytest.fixture(scope="module")
def front_layer() -> str:
    """Whether web workers answer hits before Flask; what must be alike both ways asks for both (``BOTH_WAYS``)."""
    return "true"


@pytest.fixture
def system(embedded_server: Server, tmp_path: Path, front_layer: str) -> Iterator[System]:
    """The database with data in it, and no process yet."""
    with filled_system(embedded_server, tmp_path, front_layer=front_layer) as system:
        yield system


@pytest.fixture
def running(system: System) -> System:
    """Two web workers, a refresher that leads, views populated."""
    return start_everything(system)


@pytest.fixture(scope="module")
def shared(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory, front_layer: str) -> Iterator[System]:
    """A system that runs, for tests that compare with what they found; who stops or configures takes ``running``."""
    with filled_system(embedded_server, tmp_path_factory.mktemp("shared"), front_layer=front_layer) as system:
        yield start_everything(system)


def start_everything(system: System) -> System:
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=2)
    return system
