"""What must be true after a fault has healed while no one writes: I7, I9 and I10, read from the database.

Invariant: tiers are compared by the oracle (tests/oracle), each in one statement with one snapshot.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from models.connection import Connection
from refresher.leader.leadership import LEADER_LOCK, LOCK_CLASS
from tests.faults.record.encoding import DAYS
from tests.oracle.relations import tiers
from views_sql.operations.catalog import load_application

QUEUE_SHARE = 0.01
DRAINS_A_SECOND = 50  # a pause of 25 ms between two, and the drain itself
FORGET_SECONDS = 30  # rows older than the retention go each 10 s
OTHER_CONNECTIONS = (
    5  # beside a worker's pool and a refresher's drain: feed, readiness; maintenance, declaration, check, audit, plan
)
CHANGE_LOG_ROWS = 5_000
LOGGED_A_SECOND = 2_000  # rows of change_log that a load at its highest rate makes
PRUNED_AFTER_SECONDS = 10  # a drained row of change_log is gone a second later, on a busy machine some more
REWRITES = 12  # of all rows by one fault: 12a commits one each half second

_UNPOPULATED = """
SELECT v.relation FROM frontview.view_state v JOIN pg_class c ON c.oid = to_regclass(v.relation)
WHERE v.through IS NULL OR NOT c.relispopulated
"""
_TWO_LEADERS = "SELECT epoch FROM frontview.drain GROUP BY epoch HAVING count(DISTINCT nonce) > 1"
_HOLES = """
SELECT drain_id FROM (SELECT drain_id, lag(drain_id) OVER (ORDER BY drain_id) AS before FROM frontview.drain) d
WHERE drain_id <> before + 1
"""
_EPOCHS_BACK = """
SELECT drain_id FROM (SELECT drain_id, epoch, lag(epoch) OVER (ORDER BY drain_id) AS before FROM frontview.drain) d
WHERE epoch < before
"""
LEADERS = """
SELECT count(DISTINCT pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def tier_differences(connection: Connection) -> list[str]:
    """Return what is wrong with the tiers (I7), each a sentence; nobody may be writing."""
    found = [f"I7: {relation} is not populated" for (relation,) in connection.execute(_UNPOPULATED)]
    stale = _value(connection, "SELECT count(*) FROM frontview.stale_key")
    if stale:
        found.append(f"I7: {stale} stale keys are left")
    if found:
        return found  # an unpopulated tier cannot be compared, an uncovered one need not be equal
    for view in load_application(connection).views:
        found += [f"I7: {tier}: {difference}" for tier, difference in tiers(connection, view) if difference]
    return found


def tier_rows(connection: Connection) -> int:
    """Return how many rows all tiers hold; a comparison of empty tiers proves nothing."""
    return sum(
        _value(connection, f"SELECT count(*) FROM frontview.{view.name}_{tier}")
        for view in load_application(connection).views
        for tier in view.tiers
    )


def leader_faults(connection: Connection) -> list[str]:
    """Return what speaks against one leader an epoch (I10)."""
    found = [f"I10: two nonces share epoch {epoch}" for (epoch,) in connection.execute(_TWO_LEADERS)]
    found += [f"I10: the drain before {drain_id} is missing" for (drain_id,) in connection.execute(_HOLES)]
    found += [f"I10: drain {drain_id} has an older epoch" for (drain_id,) in connection.execute(_EPOCHS_BACK)]
    holders = _value(connection, LEADERS, LOCK_CLASS, LEADER_LOCK)
    if holders != 1:
        found.append(f"I10: {holders} sessions hold the leader's lock")
    return found


class Mark(NamedTuple):
    """The leader at one moment: epoch and nonce of the newest drain, and the newest epoch of any tier's refresh."""

    epoch: int
    nonce: int
    refreshed_epoch: int


def term_faults(marks: Iterable[Mark]) -> list[str]:
    """Return what speaks against one effective leader an epoch, in marks of one run, oldest first (I10).

    Rows of the drain are forgotten after a while; marks that were taken all the while are not.
    """
    found: list[str] = []
    nonces: dict[int, int] = {}
    last: Mark | None = None
    for mark in marks:
        if mark.nonce != nonces.setdefault(mark.epoch, mark.nonce):
            found.append(f"I10: epoch {mark.epoch} was drained under two nonces")
        if last is not None and mark.epoch < last.epoch:
            found.append(f"I10: epoch {mark.epoch} was drained after epoch {last.epoch}")
        if last is not None and mark.refreshed_epoch < last.refreshed_epoch:
            found.append(f"I10: tiers fell from epoch {last.refreshed_epoch} to {mark.refreshed_epoch}")
        if mark.refreshed_epoch > mark.epoch:
            found.append(f"I10: a tier was refreshed in epoch {mark.refreshed_epoch}, drained was only {mark.epoch}")
        last = mark
    return list(dict.fromkeys(found))  # a state that lasts is seen many times


def peaks(*, logged: int, queue: float, users: int, idle_seconds: float) -> list[str]:
    """Return what was beyond its bound at any time of a run (I9).

    :param logged: rows of change_log; what has been drained is pruned each second.
    :param queue: used share of a notification queue of the usual size.
    :param idle_seconds: the longest time in which nobody drained; nothing is pruned then.
    """
    most_logged = round(
        CHANGE_LOG_ROWS + users * DAYS * REWRITES + LOGGED_A_SECOND * (idle_seconds + PRUNED_AFTER_SECONDS)
    )
    measured = {"rows of change_log": (logged, most_logged), "share of the notification queue": (queue, QUEUE_SHARE)}
    return [
        f"I9: there were {value:.6g} {what}, more than {bound}"
        for what, (value, bound) in measured.items()
        if value > bound
    ]


def audit_violations(connection: Connection) -> list[str]:
    """Return what the product's own audit has found: answers that differed from their recomputation (I1)."""
    found = connection.execute("SELECT view, violations, checks FROM frontview.audit WHERE violations > 0").fetchall()
    return [
        f"I1: the audit found {violations} of {checks} answers of {view} wrong" for view, violations, checks in found
    ]


def connection_bound(*, workers: int, refreshers: int, pool_size: int) -> int:
    """Return how many connections the configuration allows Frontview to have."""
    return workers * (pool_size + OTHER_CONNECTIONS) + refreshers * (1 + OTHER_CONNECTIONS)


def growth(connection: Connection, *, connections: int, retention_seconds: int) -> list[str]:
    """Return what has grown beyond its bound (I9).

    :param connections: how many the configuration allows.
    """
    measured = {
        "connections": (frontview_connections(connection), connections),
        "rows of change_log": (_value(connection, "SELECT count(*) FROM frontview.change_log"), CHANGE_LOG_ROWS),
        "rows of drain": (
            _value(connection, "SELECT count(*) FROM frontview.drain"),
            DRAINS_A_SECOND * (retention_seconds + FORGET_SECONDS),
        ),
        "share of the notification queue": (
            _value(connection, "SELECT pg_notification_queue_usage()"),
            QUEUE_SHARE,
        ),
        "s of age of the oldest feed row": (
            _value(
                connection,
                "SELECT COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(d.drained_at))::float8, 0) "
                "FROM frontview.feed f JOIN frontview.drain d USING (drain_id)",
            ),
            retention_seconds + FORGET_SECONDS,
        ),
        "feed rows without their drain": (
            _value(
                connection,
                "SELECT count(*) FROM frontview.feed f WHERE f.drain_id < (SELECT min(drain_id) FROM frontview.drain)",
            ),
            0,
        ),
    }
    return [f"I9: {value:.6g} {what}, more than {bound}" for what, (value, bound) in measured.items() if value > bound]


def frontview_connections(connection: Connection) -> int:
    """Return how many sessions of Frontview the server has."""
    return int(_value(connection, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'frontview%'"))


def _value(connection: Connection, query: str, *parameters: object) -> Any:
    row = connection.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row else None
