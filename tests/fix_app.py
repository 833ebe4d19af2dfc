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
from tests.fix_postgres import NEUTRAL, Application, Server
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

    def __init__(self, url: str, folder: Path, application: Application = NEUTRAL) -> None:
        self.url, self.folder, self.application = url, folder, application
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

    def add(self, user: int, *, days_ago: int = 0, cents: int = 1) -> None:
        """Write one row more of a user, with an amount."""
        self.application.add(self.sql, user, days_ago, cents)


@contextmanager
def filled_system(
    server: Server, folder: Path, *, users: int = 5, front_layer: str = "true", application: Application = NEUTRAL
) -> Iterator[System]:
    """Yield a system on a database of its own with data in it, and no process yet; they end with it."""
    url = server.create(server.template_of(application))
    system = System(url, folder, application)
    system.environment["FRONTVIEW_FRONT_LAYER"] = front_layer
    try:
        application.fill(system.sql, users)
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
def system(embedded_server: Server, tmp_path: Path, front_layer: str, application: Application) -> Iterator[System]:
    """The database with data in it, and no process yet."""
    with filled_system(embedded_server, tmp_path, front_layer=front_layer, application=application) as system:
        yield system


@pytest.fixture
def running(system: System) -> System:
    """Two web workers, a refresher that leads, views populated."""
    return start_everything(system)


@pytest.fixture(scope="module")
def shared(
    embedded_server: Server, tmp_path_factory: pytest.TempPathFactory, front_layer: str, application: Application
) -> Iterator[System]:
    """A system that runs, for tests that compare with what they found; who stops or configures takes ``running``."""
    folder = tmp_path_factory.mktemp("shared")
    with filled_system(embedded_server, folder, front_layer=front_layer, application=application) as system:
        yield start_everything(system)


def start_everything(system: System) -> System:
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=2)
    return system
