"""The leader's session: a connection for scheduled jobs that only the leader may do.

Invariant: one piece of work runs at a time, and only while this process leads. After any error the next piece of work
gets a new connection; after :meth:`LeaderSession.stop` no work begins.
"""

import threading
from collections.abc import Callable

import psycopg
import structlog

from models.connection import Connection
from refresher.leader.connections import SILENT_SECONDS
from refresher.leader.drain import Drain
from refresher.leader.leadership import Term

log = structlog.get_logger(__name__)


class LeaderSession:
    """Runs work as the leader, with the deadlines of ``drain``.

    :param name: the work's name in the log.
    :param drain: its term decides whether this process leads.
    """

    def __init__(self, name: str, connect: Callable[[], Connection], drain: Drain) -> None:
        self._name, self._connect, self._drain = name, connect, drain
        self._connection: Connection | None = None
        self._one_at_a_time = threading.Lock()
        self._stopping = False

    def run(self, work: Callable[[Connection, Term], None], *, afresh: bool = False) -> bool:
        """Run ``work`` in autocommit; return False, having done nothing, if this process does not lead.

        :param afresh: on a new connection.
        """
        with self._one_at_a_time:
            term = self._drain.term
            if afresh:
                self._close()
            if term is None or self._stopping:
                self._close()
                return False
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                with self._drain.deadlines.watch(self._connection, SILENT_SECONDS, self._drain.still_works):
                    work(self._connection, term)
            except psycopg.Error as error:
                log.warning(f"{self._name}_failed", sqlstate=error.sqlstate, error=type(error).__name__)
                self._close()
            return True

    @property
    def term(self) -> Term | None:
        """The term in which this process leads, None if it does not."""
        return self._drain.term

    def goes_on(self, term: Term) -> bool:
        """Return whether this process still leads in ``term`` and is not stopping."""
        return not self._stopping and self._drain.term == term

    def stop(self) -> None:
        """Cancel the running statement and wait for its work to end; no work begins afterwards."""
        self._stopping = True
        while not self._one_at_a_time.acquire(timeout=0.5):
            if (connection := self._connection) is not None and not connection.closed:
                self._drain.deadlines.interrupt(connection)
        self._close()
        self._one_at_a_time.release()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
