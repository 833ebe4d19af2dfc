"""Coverage: whether every change of every captured table is seen, and whether the notification queue has room.

Invariant: the marks for changes that may have gone by are committed together with the memory of what was looked at,
never by the drain's connection; a look that fails leaves both as they were, and the next one finds it again.
"""

from models.connection import Connection
from refresher.leader.alarms import (
    CAPTURE_CHANGED,
    NOTIFICATION_QUEUE,
    REFRESH_FAILING,
    UNCAPTURED,
    clear_alarms,
    clear_all_but,
    expire_alarms,
    raise_alarm,
)

QUEUE_LIMIT = 0.25
QUEUE = "pg_notify"
TIERS = "SELECT view || '/' || tier FROM frontview.view_state"


def check_coverage(connection: Connection) -> None:
    """Mark and raise what `check_capture` finds; clear what is no more. One transaction."""
    with connection.transaction():
        found = connection.execute("SELECT kind, subject, detail FROM frontview.check_capture()").fetchall()
        for kind, subject, detail in found:
            raise_alarm(connection, kind, subject, detail)
        clear_all_but(connection, UNCAPTURED, [subject for kind, subject, _ in found if kind != CAPTURE_CHANGED])
        tiers = [tier for (tier,) in connection.execute(TIERS)]
        clear_all_but(connection, REFRESH_FAILING, tiers)  # of views that were dropped
        expire_alarms(connection)


def check_queue(connection: Connection, limit: float = QUEUE_LIMIT) -> None:
    """Raise an alarm while the notification queue is fuller than ``limit`` (0 to 1).

    A full one fails every NOTIFY of the server, the application's own among them; ours are only wake-ups.
    """
    row = connection.execute("SELECT pg_notification_queue_usage()").fetchone()
    used = float(row[0]) if row else 0.0
    if used > limit:
        raise_alarm(connection, NOTIFICATION_QUEUE, QUEUE, f"{used:.0%} full: a listener has stopped")
    else:
        clear_alarms(connection, NOTIFICATION_QUEUE, [QUEUE])
