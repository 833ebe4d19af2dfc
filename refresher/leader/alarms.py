"""Alarms: conditions and events that need an operator, kept in one small table that every process can show.

Invariant: subject and detail name tables, tiers, views and numbers, never a user. An alarm about a condition is
cleared when the condition ends; one about an event is cleared an hour after the event was last seen.
"""

from collections.abc import Sequence

import structlog

from models.connection import Connection

log = structlog.get_logger(__name__)

UNCAPTURED = "uncaptured"  # Changes of a table are not captured. Subject: the table.
ROWS_HIDDEN = "rows_hidden"  # Row-level security hides rows of a table from Frontview. Subject: the table.
REFRESH_FAILING = "refresh_failing"  # Refreshes failed several times in a row. Subject: view/tier.
NOTIFICATION_QUEUE = "notification_queue"  # The queue fills up because a listener stopped. Subject: the queue.
AUDIT_FAILING = "audit_failing"  # The audit cannot compare a view's reads. Subject: the view.
CAPTURE_CHANGED = "capture_changed"  # Triggers or partitions of a table changed. Subject: the table.
EXACTNESS = "exactness"  # A read differed from its recomputation. Subject: the view.
SEALED_CHANGED = "sealed_changed"  # Base rows of sealed days changed; answers stay as sealed. Subject: the view.
DROP_REFUSED = "drop_refused"  # A retired declaration is kept for the sealed days of a view. Subject: the view.
KINDS = (
    UNCAPTURED,
    ROWS_HIDDEN,
    REFRESH_FAILING,
    NOTIFICATION_QUEUE,
    AUDIT_FAILING,
    CAPTURE_CHANGED,
    EXACTNESS,
    SEALED_CHANGED,
    DROP_REFUSED,
)
# Alarms about events; AUDIT_FAILING, for an audit that was switched off cannot clear it; and DROP_REFUSED, for a
# declaration that is active again is not tried to be dropped.
EXPIRING = (CAPTURE_CHANGED, EXACTNESS, AUDIT_FAILING, SEALED_CHANGED, DROP_REFUSED)
KEEP_SECONDS = 3600.0
FAILURES_TO_ALARM = 3

RAISE = """
INSERT INTO frontview.alarm AS a (kind, subject, detail) VALUES (%s, %s, %s)
ON CONFLICT (kind, subject) DO UPDATE
SET last_seen_at = clock_timestamp(), times = a.times + 1, detail = excluded.detail
RETURNING a.times
"""
CLEAR = "DELETE FROM frontview.alarm WHERE kind = %s AND subject = ANY (%s)"
CLEAR_OTHERS = "DELETE FROM frontview.alarm WHERE kind = %s AND subject <> ALL (%s) RETURNING subject"
EXPIRE = """
DELETE FROM frontview.alarm WHERE kind = ANY (%s) AND last_seen_at < clock_timestamp() - make_interval(secs => %s)
RETURNING kind, subject
"""
COUNTS = "SELECT kind, count(*) FROM frontview.alarm GROUP BY kind"


def raise_alarm(connection: Connection, kind: str, subject: str, detail: str) -> None:
    """Raise an alarm, or count that it was seen again; only a new alarm is logged."""
    row = connection.execute(RAISE, (kind, subject, detail)).fetchone()
    if row and row[0] == 1:
        log.error("alarm_raised", kind=kind, subject=subject, detail=detail)


def clear_alarms(connection: Connection, kind: str, subjects: Sequence[str]) -> None:
    """Clear the alarms of one kind about ``subjects``."""
    if connection.execute(CLEAR, (kind, list(subjects))).rowcount:
        log.info("alarm_cleared", kind=kind, subjects=list(subjects))


def clear_all_but(connection: Connection, kind: str, subjects: Sequence[str]) -> None:
    """Clear the alarms of one kind about all other subjects than ``subjects``."""
    for (subject,) in connection.execute(CLEAR_OTHERS, (kind, list(subjects))).fetchall():
        log.info("alarm_cleared", kind=kind, subjects=[subject])


def expire_alarms(connection: Connection, keep_seconds: float = KEEP_SECONDS) -> None:
    """Clear the alarms of :data:`EXPIRING` kinds that were last seen more than ``keep_seconds`` ago."""
    for kind, subject in connection.execute(EXPIRE, (list(EXPIRING), keep_seconds)).fetchall():
        log.info("alarm_expired", kind=kind, subject=subject)


def count_alarms(connection: Connection) -> dict[str, int]:
    """Return the number of alarms of every kind."""
    found: dict[str, int] = dict(connection.execute(COUNTS).fetchall())
    return dict.fromkeys(KINDS, 0) | found


def report_refresh(connection: Connection, view: str, tiers: Sequence[str], outcome: str, failures: int) -> None:
    """Raise or clear the alarm about tiers whose refresh ended with ``outcome``.

    :param outcome: as in :class:`refresher.refreshing.refresh.RefreshResult`.
    :param failures: failures in a row, this one included; one or two may be due to a lock that another session held.
    """
    subjects = [f"{view}/{tier}" for tier in tiers]
    if outcome in ("refreshed", "populated", "moved"):
        clear_alarms(connection, REFRESH_FAILING, subjects)
    elif outcome.startswith("failed") and failures >= FAILURES_TO_ALARM:
        for subject in subjects:
            raise_alarm(connection, REFRESH_FAILING, subject, f"{outcome}, {failures} times in a row")
