"""The thread that leaves this process's numbers for the others, each second, and the numbers of all of them.

Invariant: what :meth:`Snapshots.together` returns was written before; so whoever is asked next tells no less. Where the
folder cannot be used, this process tells of itself alone, and says so.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from models.event_counter import EventCounter
from web.background import Periodic
from web.telemetry.metrics_folder import (
    FolderRefused,
    Together,
    default_folder,
    forget_ended_servers,
    leave,
    open_folder,
    read_together,
)
from web.telemetry.process_numbers import Numbers, numbers_of

EVERY_SECONDS = 1.0


class Snapshots:
    """One process's part in the folder; :meth:`open`, :meth:`start` and :meth:`stop` once each.

    :param statistics: everything countable about this process.
    :param folder: None: the one that all children of our parent use.
    """

    def __init__(self, statistics: Callable[[], Mapping[str, Any]], folder: Path | None = None) -> None:
        self._statistics, self._wanted = statistics, folder
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._counter = EventCounter()
        self._thread = Periodic("metrics", EVERY_SECONDS, self._try_to_leave, last=self._try_to_leave)

    def open(self) -> None:
        """Find the folder; without one this process tells only of itself."""
        try:
            if self._wanted is None:
                forget_ended_servers()
            self._folder = open_folder(self._wanted or default_folder())
        except (FolderRefused, OSError) as error:
            structlog.get_logger(__name__).warning("metrics_not_shared", reason=str(error))

    def start(self) -> None:
        """Begin to leave numbers, if there is a folder."""
        if self._folder is not None:
            self._thread.start()

    def stop(self) -> None:
        """Leave the last numbers and end the thread."""
        self._thread.stop()

    def together(self) -> tuple[Together, bool]:
        """Return the numbers of all processes, and whether they are more than those of this one."""
        own = self._leave()
        if self._folder is not None:
            try:
                return read_together(self._folder, time.monotonic()), True
            except OSError:  # somebody tidied up; the thread makes it anew
                pass
        return Together(own, living=1, ended=0, oldest_seconds=0.0), False

    def _try_to_leave(self) -> None:
        try:
            self._leave()
        except Exception as error:  # a defect in somebody's statistics: the others' numbers go on
            if self._counter.add("failed"):
                structlog.get_logger(__name__).error("metrics_failed", times=self._counter["failed"], exc_info=error)

    def _leave(self) -> Numbers:
        with self._lock:  # two writers in one process would overtake each other
            numbers = numbers_of(self._statistics())
            if self._folder is not None:
                try:
                    open_folder(self._folder)
                    leave(self._folder, numbers, time.monotonic())
                except (OSError, FolderRefused) as error:
                    if self._counter.add("not_left"):
                        reason, times = type(error).__name__, self._counter["not_left"]
                        structlog.get_logger(__name__).warning("metrics_not_left", reason=reason, times=times)
            return numbers
