"""Adopts new partitions; checks that capture sees every change, that no row is hidden, that notifications have room.

Invariant: the marks for changes that capture may have missed are committed together with the noted state of the
capture, never on the drain's connection; a check that fails changes neither, and the next one finds the same again.
"""

import structlog

from models.connection import Connection
from models.suitable_database import HIDDEN_ROWS, hidden_rows
from refresher.leader.alarms import (
    CAPTURE_CHANGED,
    NOTIFICATION_QUEUE,
    REFRESH_FAILING,
    ROWS_HIDDEN,
    SEALED_CHANGED,
    UNCAPTURED,
    clear_alarms,
    clear_all_but,
    expire_alarms,
    raise_alarm,
)

QUEUE_LIMIT = 0.25  # Share of the notification queue that may be in use without an alarm.
QUEUE = "pg_notify"  # The alarm's subject.
LATE_CHANGES = """
UPDATE frontview.seal s SET alarmed_changes = s.sealed_changes
FROM (SELECT l.view, l.alarmed_changes AS before FROM frontview.seal l) l
WHERE l.view = s.view AND s.sealed_changes > l.before
RETURNING s.view, s.sealed_changes, s.sealed_changes - l.before
"""
TIERS = "SELECT view || '/' || tier FROM frontview.view_state"
ADOPT = "SELECT source, name, lacked, failure FROM frontview.adopt_partitions()"

ADOPTED = ("partition_adopted", "partition_not_adopted")
RESTORED = ("capture_restored", "capture_not_restored")

log = structlog.get_logger(__name__)


def adopt_partitions(connection: Connection) -> None:
    """Give new partitions and children their capture triggers, and make triggers ENABLE ALWAYS that are no longer.

    In a transaction that keeps the locks short. The check that comes next marks what was written until then.
    """
    for source, name, lacked, failure in connection.execute(ADOPT).fetchall():
        done, failed = ADOPTED if lacked else RESTORED
        event = done if failure is None else failed
        log.info(event, source=source, table=name, sqlstate=failure)


def check_coverage(connection: Connection) -> None:
    """Mark what `check_capture` finds and raise its alarms; clear alarms that ended. All in one transaction."""
    with connection.transaction():
        found = connection.execute("SELECT kind, subject, detail FROM frontview.check_capture()").fetchall()
        for kind, subject, detail in found:
            raise_alarm(connection, kind, subject, detail)
        clear_all_but(connection, UNCAPTURED, [subject for kind, subject, _ in found if kind != CAPTURE_CHANGED])
        _check_row_security(connection)
        tiers = [tier for (tier,) in connection.execute(TIERS)]
        clear_all_but(connection, REFRESH_FAILING, tiers)  # of views that were dropped
        expire_alarms(connection)


def _check_row_security(connection: Connection) -> None:
    faults: dict[str, list[str]] = {}
    for hidden in hidden_rows(connection.execute(HIDDEN_ROWS).fetchall()):
        faults.setdefault(hidden.table, []).append(f"{hidden.fault} {hidden.remedy}")
    for table, of_table in faults.items():
        raise_alarm(connection, ROWS_HIDDEN, table, " ".join(of_table).removesuffix("."))
    clear_all_but(connection, ROWS_HIDDEN, list(faults))


def check_sealed_days(connection: Connection) -> None:
    """Raise an alarm for each view whose sealed days have changed since the last check; in one transaction."""
    with connection.transaction():
        for view, changes, more in connection.execute(LATE_CHANGES).fetchall():
            detail = f"{more} more keys of sealed days changed, {changes} in all; answers stay as sealed"
            raise_alarm(connection, SEALED_CHANGED, view, detail)


def check_queue(connection: Connection, limit: float = QUEUE_LIMIT) -> None:
    """Raise an alarm while the notification queue is fuller than ``limit`` (0 to 1).

    While it is full, every NOTIFY on the server fails, the application's included; Frontview's are only wake-ups.
    """
    row = connection.execute("SELECT pg_notification_queue_usage()").fetchone()
    used = float(row[0]) if row else 0.0
    if used > limit:
        raise_alarm(connection, NOTIFICATION_QUEUE, QUEUE, f"{used:.0%} full: a listener has stopped")
    else:
        clear_alarms(connection, NOTIFICATION_QUEUE, [QUEUE])
