"""Connections: how every process of Frontview reaches PostgreSQL.

Invariant: each connection carries an ``application_name`` that begins with ``frontview``, has keepalives
(a cut link raises nothing without them) and runs in UTC.
"""

from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine, make_url

from models.errors import ServerTooOld

OLDEST_SERVER = 15  # UNIQUE NULLS NOT DISTINCT, and the versions the tests run on


def connection_arguments(application_name: str, *, statement_timeout_seconds: float = 0) -> dict[str, Any]:
    """Return libpq arguments for one connection.

    :param statement_timeout_seconds: 0 sets no limit.
    """
    options = "-c timezone=UTC -c jit=off"  # compiling takes longer than any statement of ours
    if statement_timeout_seconds:
        options += f" -c statement_timeout={int(statement_timeout_seconds * 1000)}"
    return {
        "application_name": application_name,
        "connect_timeout": 5,
        "keepalives": 1,
        "keepalives_idle": 2,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
        "options": options,
    }


def make_engine(url: str, application_name: str, *, pool_size: int = 5, statement_timeout_seconds: float = 0) -> Engine:
    """Return an engine whose connections are checked out of a bounded pool.

    :param url: ``postgresql://…``; psycopg 3 is the driver.
    """
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_use_lifo=True,
        connect_args=connection_arguments(application_name, statement_timeout_seconds=statement_timeout_seconds),
    )


def connect(url: str, application_name: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a psycopg connection of its own, in autocommit, for a thread that keeps it.

    :raises psycopg.OperationalError: no server there, or it refuses.
    """
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, **connection_arguments(application_name))


def require_supported_server(server_version_num: int, server_version: str) -> None:
    """Raise unless the server is new enough.

    :param server_version_num: as in ``SHOW server_version_num``, e.g. 150018.
    :raises ServerTooOld: with what was found and what is needed.
    """
    if server_version_num < OLDEST_SERVER * 10_000:
        raise ServerTooOld(server_version, OLDEST_SERVER)
