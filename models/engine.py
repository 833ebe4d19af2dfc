"""Connections from every process of Frontview to PostgreSQL.

Invariant: each connection has an ``application_name`` that begins with ``frontview``, keepalives on both sides (without
them a cut link raises no error), and the settings of :mod:`models.session_settings`. Through a transaction pooler the
server's keepalives are the pooler's own, and every session setting is sent again with each transaction.
"""

import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from models.connection import Connection
from models.deadlines import Deadlines, Watch
from models.errors import ServerTooOld
from models.session_settings import (
    NONE,
    SETTLE_SESSION,
    SessionSettings,
    after_startup,
    of_transaction,
    startup_options,
)
from models.settled_cursor import cursor_with
from models.timed_answer import answer_within

CONNECT_SECONDS = 5  # How long an attempt to connect may take.
# How long a request waits for a connection of the pool at least. It may then have to open one: with the second for
# which it may wait for a place among the requests that compute, that is less than the 10 s after which clients give up.
POOL_SECONDS = 3
OPENING_SECONDS = 1.0  # How long connections are opened in advance: requests wait for the pool meanwhile.
OLDEST_SERVER = 15  # The first version with UNIQUE NULLS NOT DISTINCT, and the oldest that the tests run on.


# With these the server notices a dead client as soon as a client notices a dead server, and releases its locks.
_LINE = {
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "5s",
}


def connection_arguments(url: str, application_name: str, session: SessionSettings = NONE) -> dict[str, Any]:
    """Return psycopg's arguments for one connection to ``url``; those of the URL itself are not repeated.

    :param session: server settings for this session, as in postgresql.conf.
    """
    given = conninfo_to_dict(url).get("options") or _options_of_the_environment()
    return {**_line_arguments(application_name), "options": startup_options({**_LINE, **session}, str(given))}


def pooler_arguments(application_name: str, session: SessionSettings = NONE) -> dict[str, Any]:
    """Return psycopg's arguments for one connection to a transaction pooler.

    Poolers refuse or drop ``options``, and a prepared statement would stay in a session that another client gets next.

    :param session: as in :func:`connection_arguments`; set in each transaction.
    """
    return {
        **_line_arguments(application_name),
        "prepare_threshold": None,
        "cursor_factory": cursor_with(of_transaction(session)),
    }


def _options_of_the_environment() -> str:
    """Return the value of PGOPTIONS or of a service file, which libpq ignores when it is given ``options``."""
    return next((d.val.decode() for d in Conninfo.get_defaults() if d.keyword == b"options" and d.val), "")


def _line_arguments(application_name: str) -> dict[str, Any]:
    return {
        "application_name": application_name,
        "client_encoding": "UTF8",  # wins over PGCLIENTENCODING, the role's and the database's
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
    }


def make_engine(
    url: str,
    application_name: str,
    *,
    pool_size: int = 5,
    session: SessionSettings = NONE,
    through_pooler: bool = False,
) -> Engine:
    """Return an engine with a bounded pool of connections.

    :param url: ``postgresql://…``; psycopg 3 is the driver.
    :param session: as in :func:`connection_arguments`.
    :param through_pooler: ``url`` may lead to a transaction pooler; also correct without one, but a little slower.
    """
    pooled = pooler_arguments(application_name, session)
    direct, late = connection_arguments(url, application_name, session), after_startup(session)

    def open_one() -> Connection:
        if through_pooler:
            with _closed_on_failure():
                return psycopg.connect(url, **pooled)
        connection = _open(url, direct, late)
        connection.autocommit = False
        return connection

    # The URL goes to libpq as it is: SQLAlchemy cannot read one with several hosts.
    return create_engine(
        "postgresql+psycopg://",
        creator=open_one,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_use_lifo=True,
    )


def limit_use(engine: Engine, deadlines: Deadlines, seconds: float) -> None:
    """Cut each connection of the pool that is in use for longer; its user sees it as a lost connection."""

    watches: dict[ConnectionPoolEntry, Watch] = {}

    @event.listens_for(engine, "checkout")
    def begin(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
        try:
            watches[record] = deadlines.begin(connection, seconds)
        except psycopg.Error:  # it was lost while it was idle: the pool opens another
            raise DisconnectionError from None

    @event.listens_for(engine, "checkin")
    def end(_: Any, record: ConnectionPoolEntry) -> None:
        if (watch := watches.pop(record, None)) is not None:
            deadlines.end(watch)


def open_connections(engine: Engine, count: int, stopping: Event) -> None:
    """Open ``count`` connections of the pool and return them to it; fewer if the server refuses or is slow.

    The pool opens the others when they are needed.
    """
    until = time.monotonic() + OPENING_SECONDS
    with ExitStack() as opened, suppress(SQLAlchemyError):
        for _ in range(count):
            if not stopping.is_set() and time.monotonic() < until:
                opened.enter_context(engine.connect())


def connect(url: str, application_name: str, session: SessionSettings = NONE) -> Connection:
    """Return a new psycopg connection in autocommit, for a thread that keeps it.

    :param session: as in :func:`connection_arguments`.
    :raises psycopg.OperationalError: no server answers, or it refuses.
    """
    return _open(url, connection_arguments(url, application_name, session), after_startup(session))


def _open(url: str, arguments: dict[str, Any], late: str) -> Connection:
    try:
        return _begin(url, arguments, late)
    except psycopg.errors.TransactionTimeout:  # It ends even the statement that lifts it.
        options = f"{arguments['options']} -c transaction_timeout=0"
        return _begin(url, {**arguments, "options": options}, late)


def _begin(url: str, arguments: dict[str, Any], late: str) -> Connection:
    with _closed_on_failure():
        connection = psycopg.connect(url, autocommit=True, **arguments)
    try:
        if answer_within(connection, SETTLE_SESSION.encode(), [late.encode()], CONNECT_SECONDS) is None:
            raise psycopg.errors.ConnectionTimeout("the server took the connection and does not answer")
    except psycopg.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _closed_on_failure() -> Iterator[None]:
    """When an attempt to connect times out, close its socket at once.

    psycopg's frame and the error it raises refer to each other, so the socket would stay open until the garbage
    collector runs; a link that is dead for a minute would leave dozens of sessions on the server.
    """
    try:
        yield
    except psycopg.Error as error:
        traceback.clear_frames(error.__traceback__)
        raise


def require_supported_server(server_version_num: int, server_version: str) -> None:
    """Raise unless the server is new enough.

    :param server_version_num: as in ``SHOW server_version_num``, e.g. 150018.
    :raises ServerTooOld: with both versions.
    """
    if server_version_num < OLDEST_SERVER * 10_000:
        raise ServerTooOld(server_version, OLDEST_SERVER)
