"""The drain thread: it leads when the lock is free, drains every few milliseconds, with housekeeping in between.

Invariant: only this thread's one connection writes ``stale_key``, ``feed`` and ``drain``; any error on it ends the
term at once. Time is monotonic: a step of the wall clock changes nothing here.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import structlog

from models.backoff import Backoff
from models.base import CHANNEL
from models.connection import Connection
from models.deadlines import Deadlines
from refresher.leader.connections import SILENT_SECONDS
from refresher.leader.housekeeping import Housekeeping
from refresher.leader.leadership import Term, try_to_lead

log = structlog.get_logger(__name__)

STANDBY_SECONDS = 0.5  # How often a standby tries to get the leader's lock.


class DrainResult(NamedTuple):
    """What one drain did.

    :param appended: whether it added a row to ``drain``; if not, it was at most a heartbeat.
    :param changed_keys: number of keys it found changed; of more than 5,000 log rows, the number of rows.
    """

    appended: bool
    changed_keys: int


class Drain:
    """Contends for leadership and drains while it leads; :meth:`start` and :meth:`stop` are called once each.

    :param connect: opens the connection that holds the lock and drains.
    :param pause_seconds: pause between two drains.
    :param keep_feed_seconds: how long feed and drain rows are kept.
    :param deadlines: cuts a connection whose statement gets no answer in time.
    :param still_works: whether the server still works on a connection's statement, however long that takes.
    :param on_drain: called after each drain with its duration in seconds and its result.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        pause_seconds: float,
        keep_feed_seconds: int,
        deadlines: Deadlines | None = None,
        still_works: Callable[[Connection], bool] = lambda _: True,
        on_drain: Callable[[float, DrainResult], None] = lambda _seconds, _result: None,
    ) -> None:
        self._connect, self._on_drain = connect, on_drain
        self.deadlines = deadlines or Deadlines()
        self.still_works = still_works
        self._pause_seconds = pause_seconds
        self._keep_feed_seconds = keep_feed_seconds
        self._stopping = threading.Event()
        self._collect_wanted = threading.Event()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="frontview-drain")
        self.term: Term | None = None
        self.leading = threading.Event()

    def start(self) -> None:
        """Begin to contend for leadership."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 3.0) -> None:
        """Stop draining and release the lock; cancel a statement that hangs."""
        self._stopping.set()
        self._thread.join(timeout_seconds / 2)
        if self._thread.is_alive() and (connection := self._connection) is not None:
            self.deadlines.interrupt(connection)
        self._thread.join(timeout_seconds / 2)

    def want_collection(self) -> None:
        """Ask for a pass over the stale keys: a refresh that committed may have covered some of them."""
        self._collect_wanted.set()

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    self._connection = connection
                    backoff.reset()
                    self._serve(connection)
            except Exception as error:  # after any error: stop leading, then contend again
                sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
                log.warning("drain_connection_lost", sqlstate=sqlstate, error=type(error).__name__)
                self._end_term()
                self._stopping.wait(backoff.delay())
            finally:
                self._connection = None
                self._end_term()

    def _serve(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            with self.deadlines.watch(connection, SILENT_SECONDS, self.still_works):
                term = try_to_lead(connection)
            if term is None:
                self._stopping.wait(STANDBY_SECONDS)
                continue
            log.info("leading", epoch=term.epoch)
            self.term = term
            self.leading.set()
            self._collect_wanted.set()
            self._lead(connection, term)

    def _end_term(self) -> None:
        if self.leading.is_set():
            log.info("leading_ended")
        self.leading.clear()
        self.term = None

    def _lead(self, connection: Connection, term: Term) -> None:
        housekeeping = Housekeeping(connection, self._keep_feed_seconds, self._collect_wanted)
        while not self._stopping.is_set():
            with self.deadlines.watch(connection, SILENT_SECONDS, self.still_works):
                begun = time.monotonic()
                result = drain_once(connection, term)
                self._on_drain(time.monotonic() - begun, result)
                if result.appended:
                    wake_followers(connection)
                housekeeping.run_what_is_due()
            self._stopping.wait(self._pause_seconds)


def drain_once(connection: Connection, term: Term) -> DrainResult:
    """Drain in a transaction of its own and return what it did.

    :raises psycopg.Error: with SQLSTATE FV001 when a later leader has drained.
    """
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT appended, changed_keys FROM frontview.drain_changes(%s, %s)", (term.epoch, term.nonce)
    ).fetchone()
    return DrainResult(bool(row[0]), int(row[1])) if row else DrainResult(False, 0)


def wake_followers(connection: Connection) -> None:
    """Send the NOTIFY, without content, that makes the feed followers poll at once.

    If the notification queue is full, it fails, and they learn of the drain from their next regular poll.
    """
    try:
        connection.execute(f"NOTIFY {CHANNEL}")
    except psycopg.Error as error:
        if connection.broken:
            raise
        log.warning("wake_up_failed", sqlstate=error.sqlstate)
