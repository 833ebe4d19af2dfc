"""The leader's session: a connection for jobs of the scheduler that only the leader may do.

Invariant: one piece of work at a time, only while this process leads, on a connection that is opened anew after any
error; after :meth:`LeaderSession.stop` nothing begins any more.
"""

import threading
from collections.abc import Callable

import psycopg
import structlog

from models.connection import Connection
from models.deadlines import Deadlines
from refresher.leader.connections import SILENT_SECONDS
from refresher.leader.drain import Drain
from refresher.leader.leadership import Term

log = structlog.get_logger(__name__)


class LeaderSession:
    """Runs work as the leader.

    :param name: of the work, for the log.
    :param deadlines: and ``still_works``: as for :class:`refresher.leader.drain.Drain`.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        drain: Drain,
        deadlines: Deadlines,
        still_works: Callable[[Connection], bool],
    ) -> None:
        self._name, self._connect, self._drain = name, connect, drain
        self._deadlines, self._still_works = deadlines, still_works
        self._connection: Connection | None = None
        self._one_at_a_time = threading.Lock()
        self.stopping = False

    def run(self, work: Callable[[Connection, Term], None]) -> bool:
        """Do ``work``; return False, with nothing done, if this process does not lead."""
        with self._one_at_a_time:
            term = self._drain.term
            if term is None or self.stopping:
                self._close()
                return False
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                with self._deadlines.watch(self._connection, SILENT_SECONDS, self._still_works):
                    work(self._connection, term)
            except psycopg.Error as error:
                log.warning(f"{self._name}_failed", sqlstate=error.sqlstate, error=type(error).__name__)
                self._close()
            return True

    def stop(self) -> None:
        """Cancel what is running; nothing new begins."""
        self.stopping = True
        while not self._one_at_a_time.acquire(timeout=0.5):
            if (connection := self._connection) is not None and not connection.closed:
                self._deadlines.interrupt(connection)
        self._close()
        self._one_at_a_time.release()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
