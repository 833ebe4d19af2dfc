"""The drain thread: leads when it can, drains every few milliseconds, keeps the bookkeeping small.

Invariant: everything that writes ``stale_key``, ``feed`` and ``drain`` happens on this thread's one connection; any
error on it ends the term at once. Time is monotonic: a step of the wall clock changes nothing here.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import structlog

from models.backoff import Backoff
from models.connection import Connection
from models.deadlines import Deadlines
from refresher.leader.connections import SILENT_SECONDS
from refresher.leader.leadership import Term, try_to_lead

log = structlog.get_logger(__name__)

STANDBY_SECONDS = 0.5
PRUNE_SECONDS = 1.0
FORGET_SECONDS = 10.0
COLLECT_BATCH = 2000


class Drain:
    """Contends for leadership and, while leading, drains; :meth:`start` and :meth:`stop` once each.

    :param connect: opens the connection that holds the lock and drains.
    :param pause_seconds: between two drains.
    :param keep_feed_seconds: how long feed and drain rows are kept.
    :param deadlines: cuts the connection when a statement is without an answer for long.
    :param on_drain: told of each look: seconds, keys found, whether a row was appended.
    :param still_works: whether the server still works for a connection's backend, however long it takes.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        pause_seconds: float,
        keep_feed_seconds: int,
        deadlines: Deadlines | None = None,
        still_works: Callable[[Connection], bool] = lambda _: True,
        on_drain: Callable[[float, int, bool], None] = lambda _seconds, _keys, _appended: None,
    ) -> None:
        self._connect, self._on_drain = connect, on_drain
        self._deadlines = deadlines or Deadlines()
        self._still_works = still_works
        self._pause_seconds = pause_seconds
        self._keep_feed_seconds = keep_feed_seconds
        self._stopping = threading.Event()
        self._collect_wanted = threading.Event()
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="frontview-drain")
        self.term: Term | None = None
        self.leading = threading.Event()

    def start(self) -> None:
        """Begin to contend."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 3.0) -> None:
        """Stop draining and release the lock; a statement that hangs is cancelled."""
        self._stopping.set()
        self._thread.join(timeout_seconds / 2)
        if self._thread.is_alive() and (connection := self._connection) is not None:
            self._deadlines.interrupt(connection)
        self._thread.join(timeout_seconds / 2)

    def want_collection(self) -> None:
        """Say that a refresh has committed: there may be covered keys to forget."""
        self._collect_wanted.set()

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    self._connection = connection
                    backoff.reset()
                    self._serve(connection)
            except Exception as error:  # whatever it was: stop leading, then contend again
                sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
                log.warning("drain_connection_lost", sqlstate=sqlstate, error=type(error).__name__)
                self._end_term()
                self._stopping.wait(backoff.delay())
            finally:
                self._connection = None
                self._end_term()

    def _serve(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            with self._deadlines.watch(connection, SILENT_SECONDS, self._still_works):
                term = try_to_lead(connection)
            if term is None:
                self._stopping.wait(STANDBY_SECONDS)
                continue
            log.info("leading", epoch=term.epoch)
            self.term = term
            self.leading.set()
            self._collect_wanted.set()
            self._rule(connection, term)

    def _end_term(self) -> None:
        if self.leading.is_set():
            log.info("leading_ended")
        self.leading.clear()
        self.term = None

    def _rule(self, connection: Connection, term: Term) -> None:
        housekeeping = _Housekeeping(connection, self._keep_feed_seconds, self._collect_wanted)
        while not self._stopping.is_set():
            with self._deadlines.watch(connection, SILENT_SECONDS, self._still_works):
                begun = time.monotonic()
                appended, keys = drain_counting(connection, term)
                self._on_drain(time.monotonic() - begun, keys, appended)
                if appended:
                    wake_followers(connection)
                housekeeping.run_what_is_due(time.monotonic())
            self._stopping.wait(self._pause_seconds)


def drain_once(connection: Connection, term: Term) -> bool:
    """Drain in a transaction of its own; return whether a drain row was appended.

    :raises psycopg.Error: with SQLSTATE FV001 when another leader rules.
    """
    return drain_counting(connection, term)[0]


def drain_counting(connection: Connection, term: Term) -> tuple[bool, int]:
    """Drain like :func:`drain_once`; return whether a row was appended, and how many keys were found."""
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT appended, changed_keys FROM frontview.drain_changes(%s, %s)", (term.epoch, term.nonce)
    ).fetchone()
    return (bool(row[0]), int(row[1])) if row else (False, 0)


def wake_followers(connection: Connection) -> None:
    """Send the wake-up, without content; a full notification queue only makes followers wait for their poll."""
    try:
        connection.execute("NOTIFY frontview")
    except psycopg.Error as error:
        if connection.broken:
            raise
        log.warning("wake_up_failed", sqlstate=error.sqlstate)


class _Housekeeping:
    """Pruning, forgetting and collecting, a little at a time between drains."""

    def __init__(self, connection: Connection, keep_feed_seconds: int, collect_wanted: threading.Event) -> None:
        self._connection = connection
        self._keep = f"{keep_feed_seconds} seconds"
        self._collect_wanted = collect_wanted
        self._collecting_after: int | None = None
        self._pruned: str | None = None
        self._prune_at = self._forget_at = 0.0

    def run_what_is_due(self, now: float) -> None:
        """Do what is due at monotonic time ``now``; at most one batch of each."""
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_SECONDS
            self._pruned = self._value("SELECT frontview.prune_change_log(%s)::text", self._pruned)
        if now >= self._forget_at:
            self._forget_at = now + FORGET_SECONDS
            self._value("SELECT frontview.forget_feed(%s)", self._keep)
        if self._collecting_after is None and self._collect_wanted.is_set():
            self._collect_wanted.clear()
            self._collecting_after = 0
        if self._collecting_after is not None:
            self._collecting_after = self._value(
                "SELECT frontview.collect_stale_keys(%s, %s)", self._collecting_after, COLLECT_BATCH
            )

    def _value(self, query: str, *parameters: object) -> Any:
        row = self._connection.execute(query, parameters).fetchone()
        return row[0] if row else None
