"""How the refresher connects: sessions that the server ends by itself when we fall silent.

Invariant: a leader behind a dead link, or stopped, loses its lock within ``DRAIN_IDLE_SECONDS`` even where a proxy
answers the keepalives; a refresh in that state loses its gates within ``TRANSACTION_IDLE_SECONDS``.
"""

import select
import time
from contextlib import closing

import psycopg

from models.connection import Connection
from models.engine import connect

DRAIN_IDLE_SECONDS = 5  # the leader speaks every few milliseconds, a standby twice a second
TRANSACTION_IDLE_SECONDS = 5  # nothing is awaited inside a transaction of ours
MAINTENANCE_IDLE_SECONDS = 30  # a leader looks each second; gates may be held between two statements
LOCK_SECONDS = 10  # a table that others lock is left for later; who queues behind us waits no longer
DRAIN_NAME = "frontview-refresher-drain"  # of the leader's connection and of each standby's
SILENT_SECONDS = 5.0  # of a statement without an answer, before anybody asks what became of it

_EVERY = {
    "client_connection_check_interval": "2s",
    "idle_in_transaction_session_timeout": f"{TRANSACTION_IDLE_SECONDS}s",
}
_STILL_WORKS = b"""
SELECT a.state IN ('active', 'disabled') AND a.wait_event_type IS DISTINCT FROM 'Client'
    OR a.state_change > clock_timestamp() - interval '3 seconds'
FROM pg_stat_activity a WHERE a.pid = $1::integer
"""


def connect_drain(url: str) -> Connection:
    """Return the connection that holds the leader's lock and drains."""
    return connect(url, DRAIN_NAME, _EVERY | {"idle_session_timeout": f"{DRAIN_IDLE_SECONDS}s"})


def connect_maintenance(url: str) -> Connection:
    """Return a connection for refreshes and whatever else takes a second or more."""
    session = _EVERY | {"idle_session_timeout": f"{MAINTENANCE_IDLE_SECONDS}s", "lock_timeout": f"{LOCK_SECONDS}s"}
    return connect(url, "frontview-refresher-maintenance", session)


def connect_inspection(url: str) -> Connection:
    """Return a connection for looks that may be put off: they wait for no lock, and none takes for ever."""
    session = _EVERY | {"idle_session_timeout": f"{MAINTENANCE_IDLE_SECONDS}s", "lock_timeout": f"{LOCK_SECONDS}s"}
    session |= {"lock_timeout": "1s", "statement_timeout": "30s"}
    return connect(url, "frontview-refresher-inspection", session)


def still_works(url: str, pid: int) -> bool:
    """Return whether the server still works for the backend ``pid``: a drain or a refresh may take minutes.

    A backend that waits for us, or is gone, has answered into a link that carries nothing any more. So has one about
    which nobody answers; a refusal (no connection free) says nothing against it.
    """
    try:
        with closing(connect(url, "frontview-refresher-check")) as other:
            return _ask(other, pid)
    except psycopg.errors.ConnectionTimeout:
        return False
    except psycopg.Error:
        return True


def _ask(other: Connection, pid: int) -> bool:
    """Ask about ``pid``, and do not wait for long: this link, too, may have fallen silent."""
    other.pgconn.send_query_params(_STILL_WORKS, [str(pid).encode()])
    answers = select.poll()
    answers.register(other.fileno(), select.POLLIN)
    due = time.monotonic() + SILENT_SECONDS
    while True:
        if not answers.poll(max(0.0, due - time.monotonic()) * 1000):
            return False
        other.pgconn.consume_input()
        if not other.pgconn.is_busy():
            result = other.pgconn.get_result()
            return result is not None and result.ntuples > 0 and result.get_value(0, 0) == b"t"
