"""Checks of the server and of the connection to it."""

import secrets
import time
from collections.abc import Callable
from contextlib import closing

import psycopg

from models.connection import Connection
from models.engine import require_supported_server
from models.errors import ServerTooOld
from models.pooler import shares_sessions
from models.suitable_database import ENCODING, HIDDEN_ROWS, OTHER_ENCODING, hidden_rows, unreadable
from web.doctor.finding import Finding, failed, passed, warned

CLOCK_WARNING_SECONDS = 2.0  # The largest accepted difference between the clocks.
OLD_TRANSACTION_MINUTES = 10
QUEUE_WARNING, QUEUE_FAILURE = 0.25, 0.75  # Shares of the notification queue in use.
LISTEN_SECONDS = 2.0  # How long the check waits for its own notification.


def version(connection: Connection) -> Finding:
    """Check that the server is new enough."""
    found = connection.info.parameter_status("server_version") or "?"
    try:
        require_supported_server(connection.info.server_version, found)
    except ServerTooOld as error:
        return failed("server version", found, str(error))
    return passed("server version", found)


def writable(connection: Connection) -> Finding:
    """Check that this is a primary server."""
    row = connection.execute("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')").fetchone()
    if row and row[0]:
        return failed("primary server", "this is a standby", "Point FRONTVIEW_DATABASE_URL at the primary.")
    if row and row[1] == "on":
        return failed("primary server", "transactions are read-only", "Unset default_transaction_read_only.")
    return passed("primary server", "accepts writes")


def encoding(connection: Connection) -> Finding:
    """Check that text of the database can be converted to UTF8."""
    row = connection.execute(ENCODING).fetchone()
    found = row[0] if row else "?"
    return failed("encoding", found, OTHER_ENCODING) if unreadable(found) else passed("encoding", found)


def row_security(connection: Connection) -> Finding:
    """Check that row-level security hides no rows from the roles with whose rights Frontview reads."""
    found = hidden_rows(connection.execute(HIDDEN_ROWS).fetchall())
    if found:
        faults, remedies = [hidden.fault for hidden in found], [hidden.remedy for hidden in found]
        return failed("row-level security", " ".join(faults), " ".join(dict.fromkeys(remedies)))
    return passed("row-level security", "hides no rows from Frontview")


def session(open_connection: Callable[[], Connection]) -> Finding:
    """Check that a connection keeps its session, which it does not behind a transaction pooler."""
    if shares_sessions(open_connection):
        return failed(
            "sessions",
            "two connections share a session: a transaction pooler is in between",
            "Set FRONTVIEW_DIRECT_URL to the server itself (or a pool in session mode).",
        )
    with closing(open_connection()) as ours, closing(open_connection()) as other:
        return _listening(ours, other)


def _listening(ours: Connection, other: Connection) -> Finding:
    channel = f"frontview_doctor_{secrets.token_hex(4)}"
    ours.execute(f"LISTEN {channel}".encode())
    other.execute("SELECT pg_notify(%s, '')", (channel,))
    if any(True for _ in ours.notifies(timeout=LISTEN_SECONDS, stop_after=1)):
        return passed("sessions", "a connection keeps its session, and LISTEN works")
    return failed("sessions", "a notification did not arrive", "Connect to the server directly.")


def clock(connection: Connection) -> Finding:
    """Check that the clocks of this machine and the server agree; tokens depend on that, exactness does not."""
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    after = time.time()
    apart = row[0] - (before + after) / 2 if row else 0.0
    uncertain = (after - before) / 2
    detail = f"the server's differs by {apart:+.3f} s from this machine's (±{uncertain:.3f} s)"
    if abs(apart) - uncertain > CLOCK_WARNING_SECONDS:
        return warned("clock", detail, "Let both follow NTP: expiry of tokens and shown ages are off by that much.")
    return passed("clock", detail)


def old_transactions(connection: Connection) -> Finding:
    """Check for transactions that hold back vacuum, so that bookkeeping tables grow."""
    rows = connection.execute(
        "SELECT 'backend ' || pid || ' (' || COALESCE(NULLIF(application_name, ''), 'unnamed') || ')' "
        "FROM pg_stat_activity WHERE xact_start < now() - make_interval(mins => %s) "
        "AND backend_type = 'client backend' "
        "UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE prepared < now() - make_interval(mins => %s) "
        "UNION ALL SELECT 'replication slot ' || slot_name FROM pg_replication_slots "
        "WHERE NOT active AND (xmin IS NOT NULL OR catalog_xmin IS NOT NULL OR restart_lsn IS NOT NULL)",
        (OLD_TRANSACTION_MINUTES, OLD_TRANSACTION_MINUTES),
    ).fetchall()
    if rows:
        names = "; ".join(str(name) for (name,) in rows[:5])
        return warned(
            "long transactions",
            f"open for over {OLD_TRANSACTION_MINUTES} min, or a slot that is not read: {names}",
            "End them: they keep vacuum from cleaning and WAL from being removed.",
        )
    return passed("long transactions", f"none over {OLD_TRANSACTION_MINUTES} min")


def notification_queue(connection: Connection) -> Finding:
    """Check that no stopped listener fills the queue; a full queue only delays the caches' wake-up."""
    row = connection.execute("SELECT pg_notification_queue_usage()").fetchone()
    used = float(row[0]) if row else 0.0
    detail = f"{used:.1%} full"
    if used < QUEUE_WARNING:
        return passed("notification queue", detail)
    remedy = "Find the stopped listener (the oldest transaction in pg_stat_activity) and end it."
    return (failed if used > QUEUE_FAILURE else warned)("notification queue", detail, remedy)


def unreachable(error: psycopg.Error) -> Finding:
    """Return the finding about a server that cannot be reached."""
    reason = " ".join(str(error).split())
    return failed("server", reason, "Check FRONTVIEW_DATABASE_URL, the network and the server's log.")
