"""The refresher's connections: the server ends their sessions when the refresher stops sending.

Invariant: a leader that hangs, or whose link is dead, loses its lock within ``DRAIN_IDLE_SECONDS`` even if a proxy
answers the keepalives; a refresh in that state loses its gates within ``TRANSACTION_IDLE_SECONDS``.
"""

from contextlib import closing

import psycopg

from models.connection import Connection
from models.engine import connect
from models.timed_answer import answer_within

DRAIN_IDLE_SECONDS = 5  # The leader sends a statement every few milliseconds, a standby twice a second.
TRANSACTION_IDLE_SECONDS = 5  # The refresher waits for nothing else while it has a transaction open.
MAINTENANCE_IDLE_SECONDS = 30  # A leader uses the session each second; it may hold gates between two statements.
LOCK_SECONDS = 10  # A refresh that waits longer for a table lock gives up: other sessions queue behind it.
DRAIN_NAME = "frontview-refresher-drain"  # The name of the leader's connection and of each standby's.
SILENT_SECONDS = 5.0  # How long a statement may take before the server is asked whether it still works on it.

_EVERY = {
    "client_connection_check_interval": "2s",
    "idle_in_transaction_session_timeout": f"{TRANSACTION_IDLE_SECONDS}s",
}
_LONG_WORK = _EVERY | {
    "idle_session_timeout": f"{MAINTENANCE_IDLE_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
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
    """Return a connection for refreshes and other work of a second or more.

    Commits do not wait for the disk: a crash of the server undoes the newest refreshes as if they had not been, with
    all that was committed after them.
    """
    return connect(url, "frontview-refresher-maintenance", _LONG_WORK | {"synchronous_commit": "off"})


def connect_declaration(url: str) -> Connection:
    """Return a connection on which declarations are switched and dropped."""
    return connect(url, "frontview-refresher-declaration", _LONG_WORK)


def connect_inspection(url: str) -> Connection:
    """Return a connection for periodic checks, whose statements neither wait long for a lock nor run for long."""
    session = _EVERY | {"idle_session_timeout": f"{MAINTENANCE_IDLE_SECONDS}s"}
    session |= {"lock_timeout": "1s", "statement_timeout": "30s"}
    return connect(url, "frontview-refresher-inspection", session)


def still_works(url: str, pid: int) -> bool:
    """Return whether the backend ``pid`` still works on its statement: a drain or a refresh may take minutes.

    A backend that waits for its client, or no longer exists, has already answered into a link that is dead. A server
    that does not answer this question counts as dead, too; a refused connection (none is free) does not.
    """
    try:
        with closing(connect(url, "frontview-refresher-check")) as other:
            # This link may be dead as well.
            answer = answer_within(other, _STILL_WORKS, [str(pid).encode()], SILENT_SECONDS)
            return answer is not None and answer.ntuples > 0 and answer.get_value(0, 0) == b"t"
    except psycopg.errors.ConnectionTimeout:
        return False
    except psycopg.Error:
        return True
