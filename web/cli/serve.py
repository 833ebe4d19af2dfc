"""``frontview serve``: runs the web server, once its preconditions are met.

Invariant: a fault of configuration, database, schema or port is reported in one sentence before any worker starts,
and the exit code is 1. An embedded database is started here and stopped when this process ends.
"""

import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import psycopg
from sqlalchemy.exc import DBAPIError

from models.embedded import start_embedded
from models.preconditions import require_usable_database
from models.settings import Settings, load_settings
from web.auth.signing_keys import token_secret
from web.process.termination import end_children_that_start
from web.process.worker import threads_for

MOST_DEFAULT_WORKERS = 4
STOP_SECONDS = 10  # How long granian waits for a worker to end before it kills it.


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Worker processes. [default: one per core, at least 2, at most 4]"
)
@click.option(
    "--own-core",
    is_flag=True,
    help="Pin each worker to one core: more cache hits a second if nothing else uses the cores.",
)
def serve(host: str, port: int, workers: int | None, own_core: bool) -> None:
    """Run the web server until SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, _leave)  # Until granian installs its handlers: an embedded database must be stopped.
    settings = load_settings()
    environment = worker_environment(settings)
    url = environment.get("FRONTVIEW_DATABASE_URL") or str(settings.database_url)
    check_database(url, settings.direct_url or url)
    address = check_address(host, port)
    with _environment(environment):
        _run(settings, address, port, workers or default_workers(), own_core)


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables to add for workers; start the embedded database if it is used.

    :raises ConfigurationError: no way to verify tokens, or no embedded database can run.
    """
    secret = token_secret(settings)
    if settings.database_url is not None:
        return {}
    environment = {"FRONTVIEW_DATABASE_URL": start_embedded(settings.data_dir)}
    if secret is not None:
        environment["FRONTVIEW_JWT_SECRET"] = secret
    return environment


def check_database(url: str, direct_url: str) -> None:
    """Raise unless the server answers, is new enough, holds the schema of this code, and can be listened to.

    :raises ConfigurationError: ``direct_url`` leads to a transaction pooler.
    :raises click.ClickException: the database cannot be reached.
    :raises ServerTooOld: the server cannot run the protocol.
    :raises NotMigrated: the schema is missing or older.
    """
    try:
        require_usable_database(url, direct_url, "frontview-serve-check")
    except (DBAPIError, psycopg.Error) as error:
        reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
        raise click.ClickException(f"The database of FRONTVIEW_DATABASE_URL cannot be used: {reason}") from None


def check_address(host: str, port: int) -> str:
    """Return the address of ``host``, an IPv4 one if it has any, if the port is free there.

    Granian takes only addresses, and would silently share the port with another server.

    :raises click.ClickException: the host has no address, none of this machine, or the port cannot be used.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]") or None, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or "not a host"
        option = "--port" if getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise click.ClickException(f"Cannot listen on {host}:{port}: {reason}. Choose another {option}.") from None
    return str(address[0])


def default_workers() -> int:
    """Return one worker per usable core, at least 2 and at most :data:`MOST_DEFAULT_WORKERS`."""
    return max(2, min(len(os.sched_getaffinity(0)), MOST_DEFAULT_WORKERS))


def _run(settings: Settings, address: str, port: int, workers: int, own_core: bool) -> None:
    """Run granian until a signal ends it."""
    from granian import Granian  # noqa: PLC0415  imported only by the process that serves
    from granian.constants import Interfaces  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415

    from models.logs import GRANIAN_LOGGERS, configure_logs, warn_of_variables  # noqa: PLC0415

    configure_logs(settings)
    warn_of_variables()
    end_children_that_start()
    server = Granian(
        "web.wsgi:started_app_on_own_core" if own_core else "web.wsgi:started_app",
        factory=True,
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads_for(settings.pool_size, settings.event_streams),
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        log_level=LogLevels(settings.log_level),
        log_dictconfig={"version": 1, "disable_existing_loggers": False, "loggers": GRANIAN_LOGGERS},
    )
    logging.getLogger("_granian").addFilter(_is_not_about_threads)
    server.serve()


def _is_not_about_threads(record: logging.LogRecord) -> bool:
    """Return whether a line of granian's is not its warning about many threads: ours wait, each stream keeps one."""
    return not record.getMessage().startswith("Configuration allows spawning")


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables while the workers are forked, and restore the earlier values."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _leave(number: int, _frame: Any) -> None:
    sys.exit(128 + number)
