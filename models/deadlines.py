"""Cuts connections whose statement gets no answer in time, even if TCP keepalives still succeed.

A statement would wait forever behind a proxy that answers keepalives and forwards nothing, or on a stopped server: the
error of the server's own statement timeout does not arrive either.

Invariant: a watched connection is shut down when its time is up; the thread that waits on it sees the end of the
stream, like that of any lost connection.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from models.connection import Connection

CHECK_SECONDS = 0.25  # How often the watches are checked.


class Watch:
    """One connection in use; ``line`` duplicates its descriptor, because libpq may close its own at any time."""

    __slots__ = ("connection", "due", "is_working", "line", "seconds")

    def __init__(
        self, connection: Connection, seconds: float, due: float, is_working: Callable[[Connection], bool] | None
    ) -> None:
        self.connection, self.seconds, self.due, self.is_working = connection, seconds, due, is_working
        self.line = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=os.dup(connection.fileno()))

    def still_works(self) -> bool:
        """Return whether the connection gets more time; no if that cannot be found out."""
        try:
            return self.is_working is not None and self.is_working(self.connection)
        except Exception:  # closed meanwhile, or no descriptor is left for another connection
            return False

    def cut(self) -> None:
        """Shut the connection down; safe while another thread waits on it."""
        with suppress(OSError):  # the connection has ended already
            self.line.shutdown(socket.SHUT_RDWR)


class Deadlines:
    """Watches connections from one thread, which ends by :meth:`stop` or when the main thread has ended."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.cuts = 0
        self._monotonic = monotonic
        self._lock = threading.RLock()  # the garbage collector may end a watch while this thread holds the lock
        self._watches: set[Watch] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="frontview-deadlines")

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; no connection is cut afterwards."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2 * CHECK_SECONDS)

    @contextmanager
    def watch(
        self, connection: Connection, seconds: float, is_working: Callable[[Connection], bool] | None = None
    ) -> Iterator[None]:
        """Cut ``connection`` if the block takes longer than ``seconds``; arguments are those of :meth:`begin`."""
        watch = self.begin(connection, seconds, is_working)
        try:
            yield
        finally:
            self.end(watch)

    def begin(
        self, connection: Connection, seconds: float, is_working: Callable[[Connection], bool] | None = None
    ) -> Watch:
        """Return a watch that cuts ``connection`` after ``seconds``, unless it is passed to :meth:`end` before.

        :param is_working: called by the thread when the time is up; True grants the same time again.
        :raises psycopg.OperationalError: the connection is closed.
        """
        watch = Watch(connection, seconds, self._monotonic() + seconds, is_working)
        with self._lock:
            self._watches.add(watch)
        return watch

    def end(self, watch: Watch) -> None:
        """End a watch."""
        with self._lock:
            self._watches.discard(watch)
            watch.line.close()

    def cut(self, connection: Connection) -> None:
        """Cut a watched connection now."""
        with self._lock:
            for watch in self._watches:
                if watch.connection is connection:
                    watch.cut()

    def interrupt(self, connection: Connection) -> None:
        """End the statement that another thread waits for: cancel it, or cut the watched connection."""
        try:
            connection.cancel_safe(timeout=1.0)
        except psycopg.Error:  # the server does not answer the cancel request either
            self.cut(connection)

    def check(self) -> None:
        """Cut the connections whose time is up."""
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
        # this thread is no daemon: it would keep a process alive whose main thread has ended
        while not self._stopping.wait(CHECK_SECONDS) and threading.main_thread().is_alive():
            self.check()
        if not self._stopping.is_set():  # a thread that still waits would keep the process alive
            with self._lock:
                for watch in self._watches:
                    watch.cut()
