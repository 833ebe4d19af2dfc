"""Deadlines: who waits for a database that fell silent is freed, whatever keepalives say.

A proxy that answers keepalives and forwards nothing, or a stopped server, leaves a statement waiting for ever; the
server's own statement timeout does not reach us then. Invariant: a watched connection whose time is up is shut down
under the thread that waits on it, which then sees the end of the stream as an ordinary lost connection.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from models.connection import Connection

LOOK_SECONDS = 0.25


class Watch:
    """One connection in use; ``line`` is a descriptor of its own, for libpq may close its one at any time."""

    __slots__ = ("connection", "due", "is_working", "line", "seconds")

    def __init__(
        self, connection: Connection, seconds: float, due: float, is_working: Callable[[Connection], bool] | None
    ) -> None:
        self.connection, self.seconds, self.due, self.is_working = connection, seconds, due, is_working
        self.line = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=os.dup(connection.fileno()))

    def still_works(self) -> bool:
        """Return whether it deserves more time; who cannot tell says no."""
        try:
            return self.is_working is not None and self.is_working(self.connection)
        except Exception:  # closed meanwhile, or no descriptor left to ask with
            return False

    def cut(self) -> None:
        """Shut the connection down; safe while another thread waits on it."""
        with suppress(OSError):  # ended already
            self.line.shutdown(socket.SHUT_RDWR)


class Deadlines:
    """Watches connections from one thread, which ends by :meth:`stop` or with the main one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.cuts = 0
        self._monotonic = monotonic
        self._lock = threading.RLock()  # a collected connection may end its watch inside of anything
        self._watches: set[Watch] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="frontview-deadlines")

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; nothing is cut any more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2 * LOOK_SECONDS)

    @contextmanager
    def watch(
        self, connection: Connection, seconds: float, is_working: Callable[[Connection], bool] | None = None
    ) -> Iterator[None]:
        """Cut ``connection`` if what runs inside takes longer; arguments and errors as for :meth:`begin`."""
        watch = self.begin(connection, seconds, is_working)
        try:
            yield
        finally:
            self.end(watch)

    def begin(
        self, connection: Connection, seconds: float, is_working: Callable[[Connection], bool] | None = None
    ) -> Watch:
        """Return a watch that will cut ``connection`` after that time, unless it is given to :meth:`end` before.

        :param is_working: asked, from the thread, when the time is up: True grants as much time again.
        :raises psycopg.OperationalError: the connection is closed.
        """
        watch = Watch(connection, seconds, self._monotonic() + seconds, is_working)
        with self._lock:
            self._watches.add(watch)
        return watch

    def end(self, watch: Watch) -> None:
        """Forget a watch."""
        with self._lock:
            self._watches.discard(watch)
            watch.line.close()

    def cut(self, connection: Connection) -> None:
        """Cut a watched connection now: whoever waits on it is to stop."""
        with self._lock:
            for watch in self._watches:
                if watch.connection is connection:
                    watch.cut()

    def interrupt(self, connection: Connection) -> None:
        """End what another thread waits for on a watched connection: kindly, else by cutting it."""
        try:
            connection.cancel_safe(timeout=1.0)
        except psycopg.Error:  # the server cannot be asked, either
            self.cut(connection)

    def look(self) -> None:
        """Cut what is overdue."""
        with self._lock:
            overdue = [watch for watch in self._watches if self._monotonic() >= watch.due]
        for watch in overdue:
            if watch.still_works():
                watch.due = self._monotonic() + watch.seconds
                continue
            with self._lock:
                if watch in self._watches:
                    self.cuts += 1
                    watch.cut()
                    watch.due = float("inf")

    def _run(self) -> None:
        # a thread that is no daemon would keep a process alive whose main thread has ended
        while not self._stopping.wait(LOOK_SECONDS) and threading.main_thread().is_alive():
            self.look()
        if not self._stopping.is_set():  # who still waits would keep the process alive
            with self._lock:
                for watch in self._watches:
                    watch.cut()
