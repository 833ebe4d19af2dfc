"""Writes at times set in advance, however long earlier ones take, and the process that watches for them.

Invariant: a write waits for its own time and for nothing else; its commit time is when COMMIT returned.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bench.load.request import Request
from bench.system.application import ROOT
from bench.system.dashboards import add_call
from bench.system.processes import plain_environment
from bench.watching.sightings import Shown, Write
from models.engine import connect

_COUNT = "SELECT count(*) FROM public.calls WHERE user_id = %s"


class Prober(threading.Thread):
    """Writes calls of some users in turn, at random times within equal slots.

    :param then: called with each write after its commit, in this thread.
    """

    def __init__(
        self,
        url: str,
        users: Sequence[int],
        *,
        a_second: float,
        seconds: float,
        then: Callable[[Write], None] = lambda _: None,
    ) -> None:
        super().__init__(name="prober")
        self._url, self._users, self._then = url, users, then
        self._times = [(slot + random.random()) / a_second for slot in range(int(a_second * seconds))]
        self.writes: list[Write] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Write until the last time has passed."""
        try:
            self._write_all()
        except BaseException as error:
            self.error = error

    def finish(self) -> list[Write]:
        """Wait for the last write and return all of them.

        :raises RuntimeError: one failed.
        """
        self.join()
        if self.error is not None:
            raise RuntimeError("a write failed") from self.error
        return self.writes

    def _write_all(self) -> None:
        with connect(self._url, "frontview-bench-probe") as connection:
            calls = {user: _value(connection.execute(_COUNT, (user,)).fetchone()) for user in self._users}
            began = time.monotonic()
            for turn, due in enumerate(self._times):
                user = self._users[turn % len(self._users)]
                calls[user] += 1
                time.sleep(max(0.0, began + due - time.monotonic()))
                sent = time.monotonic()
                add_call(connection, user)
                self.writes.append(Write(user, calls[user], sent, time.monotonic()))
                self._then(self.writes[-1])


@contextmanager
def watching(
    port: int, asked: Mapping[int, Request], *, workers: int, every_seconds: float
) -> Iterator[Callable[[], list[list[Shown]]]]:
    """Watch users' answers during the block; yield a function that ends it and returns each connection's answers."""
    task = {
        "port": port,
        "asked": [{"user": user, "request": request.text} for user, request in asked.items()],
        "workers": workers,
        "every_seconds": every_seconds,
    }
    command = [sys.executable, "-m", "bench.watching.watcher"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=plain_environment(), **pipes) as process:  # type: ignore[call-overload]

        def end() -> list[list[Shown]]:
            process.stdin.close()
            return [[Shown(*it) for it in notes] for notes in json.loads(process.stdout.readline())]

        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            if not process.stdout.readline():
                raise RuntimeError("the watcher did not begin: not every worker could be reached")
            yield end
        finally:
            process.kill()


class WakeUps(threading.Thread):
    """Notes when the wake-ups of a channel arrive."""

    def __init__(self, url: str, channel: str) -> None:
        super().__init__(name="wake-ups", daemon=True)
        self._url, self._channel = url, channel
        self._stopping = threading.Event()
        self.arrived: list[float] = []

    def run(self) -> None:
        """Listen until stopped."""
        with connect(self._url, "frontview-bench-wake-ups") as connection:
            connection.execute(f"LISTEN {self._channel}")
            while not self._stopping.is_set():
                for _ in connection.notifies(timeout=0.2):
                    self.arrived.append(time.monotonic())

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self.join()


def _value(row: tuple[int, ...] | None) -> int:
    assert row is not None
    return row[0]
