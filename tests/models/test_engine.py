"""Connections that cannot be had leave nothing behind."""

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from models import engine
from models.database_errors import is_outage, sqlstate_of
from models.engine import make_engine
from tests.faults.deployment.cluster import Cluster

NAME = "frontview-test"
ATTEMPTS: dict[str, Callable[[str], object]] = {
    "engine": lambda url: engine.make_engine(url, NAME).connect(),
    "connection": lambda url: engine.connect(url, NAME),
}


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Only objects without references are deallocated."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.usefixtures("no_collection")
def test_an_attempt_that_timed_out_has_closed_its_socket(
    silent: socket.socket, attempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 2)  # libpq knows nothing shorter
    with suppress(psycopg.errors.ConnectionTimeout, OperationalError):
        ATTEMPTS[attempt](f"postgresql://somebody@127.0.0.1:{silent.getsockname()[1]}/somewhere")
    accepted, _ = silent.accept()
    with accepted:
        accepted.settimeout(1)
        while accepted.recv(4096):  # what it asked for, then the end
            pass


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_server_that_says_nothing_after_it_took_the_connection_is_given_up(
    silent: socket.socket, attempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a proxy whose link to the server is cut at that moment."""
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 4)

    def accept() -> None:
        accepted, _ = silent.accept()
        with accepted:
            accepted.recv(16384)  # what the session begins with
            accepted.sendall(b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I")  # welcome, and ready for a statement
            while accepted.recv(16384):
                pass

    server = threading.Thread(target=accept)
    server.start()
    url = f"postgresql://somebody@127.0.0.1:{silent.getsockname()[1]}/somewhere?sslmode=disable&gssencmode=disable"
    with pytest.raises((psycopg.errors.ConnectionTimeout, OperationalError), match="does not answer"):
        ATTEMPTS[attempt](url)
    server.join(10)
    assert not server.is_alive(), "its socket is closed"


def test_a_standby_that_a_pooler_leads_to_is_an_outage(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.start()
    cluster.become_standby()
    standby = make_engine(cluster.url("postgres"), "frontview-test", through_pooler=True)
    try:
        with pytest.raises(DBAPIError) as caught, standby.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        assert is_outage(caught.value)
        assert sqlstate_of(caught.value) == "25006"
    finally:
        standby.dispose()
        cluster.close()
