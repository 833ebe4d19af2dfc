"""The thread that shares this process's numbers with the other processes of the server, once a second.

Invariant: the numbers that :meth:`SharedNumbers.of_server` returns were written to the folder before, so the process
that is asked next reports no less. Where the folder cannot be used, a process reports itself alone, and says so.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from models.event_counter import EventCounter
from web.background import Periodic
from web.telemetry.metrics_folder import (
    FolderRefused,
    ServerNumbers,
    default_folder,
    open_folder,
    read_numbers,
    remove_folders_of_ended_servers,
    write_numbers,
)
from web.telemetry.process_numbers import Numbers, numbers_of
from web.telemetry.worker_statistics import WorkerStatistics

EVERY_SECONDS = 1.0


class SharedNumbers:
    """Shares one process's numbers through the metrics folder.

    :meth:`open`, :meth:`start` and :meth:`stop` are called once each.

    :param statistics: returns everything that this process counts.
    :param folder: None: the default folder, the same for all workers of one server.
    """

    def __init__(self, statistics: Callable[[], WorkerStatistics], folder: Path | None = None) -> None:
        self._statistics, self._wanted = statistics, folder
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._counter = EventCounter()
        self._thread = Periodic("metrics", EVERY_SECONDS, self._try_to_write, last=self._try_to_write)

    def open(self) -> None:
        """Open the folder; without one this process reports itself alone."""
        try:
            if self._wanted is None:
                remove_folders_of_ended_servers()
            self._folder = open_folder(self._wanted or default_folder())
        except (FolderRefused, OSError) as error:
            structlog.get_logger(__name__).warning("metrics_not_shared", reason=str(error))

    def start(self) -> None:
        """Start to write numbers, if there is a folder."""
        if self._folder is not None:
            self._thread.start()

    def stop(self) -> None:
        """Write the last numbers and end the thread."""
        self._thread.stop()

    def of_server(self) -> ServerNumbers:
        """Return the numbers of all processes, or of this one alone if the folder cannot be read."""
        alone = ServerNumbers(self._write(), living=1, ended=0, oldest_seconds=0.0, shared=False)
        if self._folder is None:
            return alone
        try:
            return read_numbers(self._folder, time.monotonic())
        except OSError:  # The folder was removed; the thread makes it again.
            return alone

    def _try_to_write(self) -> None:
        try:
            self._write()
        except Exception as error:  # A defect in one process's statistics must not stop the thread.
            if self._counter.add("failed"):
                structlog.get_logger(__name__).error("metrics_failed", times=self._counter["failed"], exc_info=error)

    def _write(self) -> Numbers:
        with self._lock:  # Two writers of one process would overtake each other.
            numbers = numbers_of(self._statistics())
            if self._folder is not None:
                try:
                    open_folder(self._folder)
                    write_numbers(self._folder, numbers, time.monotonic())
                except (OSError, FolderRefused) as error:
                    if self._counter.add("not_left"):
                        reason, times = type(error).__name__, self._counter["not_left"]
                        structlog.get_logger(__name__).warning("metrics_not_left", reason=reason, times=times)
            return numbers
