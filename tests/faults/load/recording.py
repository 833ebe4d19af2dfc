"""What every process of the load shares: it records events in its own file and obeys its parent.

Invariant: the file only ever ends with a whole line between two flushes, and a process whose parent is gone stops.
"""

import json
import os
import select
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.record.history import Attempt, Read, Write, line_of

FLUSH_SECONDS = 0.2
IDLE_SECONDS = 40.0  # longer than any statement of a writer and any request of a reader


class Recorder:
    """Events of any number of threads, on their way to one file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._events: deque[Write | Read | Attempt] = deque()

    def add(self, *events: Write | Read | Attempt) -> None:
        """Take events in; from any thread."""
        self._events.extend(events)

    def flush(self) -> None:
        """Write what has come in; from one thread only."""
        events = [self._events.popleft() for _ in range(len(self._events))]
        self._file.write("".join(f"{line_of(event)}\n" for event in events))
        self._file.flush()


class Pace:
    """When the threads of one process may go on: paused, stopped, and at which rate.

    :param a_second: of one thread, on average; arrivals are as irregular as those of many people.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._idle = threading.Condition()
        self._busy = 0

    def turns(self, a_second: float, chance: Any) -> Any:
        """Yield whenever the thread is to act; who falls far behind does not catch up."""
        due = time.monotonic() + chance.random() / a_second
        while not self.stopping.is_set():
            now = time.monotonic()
            if due > now:
                self.stopping.wait(min(due - now, 0.5))
                continue
            if not self._going.wait(0.2):
                continue
            with self._idle:
                self._busy += 1
            try:
                if self._going.is_set():
                    yield now
            finally:
                with self._idle:
                    self._busy -= 1
                    self._idle.notify_all()
            due = max(due + chance.expovariate(a_second), now - 0.5)

    def pause(self) -> bool:
        """Return once no thread acts any more; False: one still does after a long time."""
        self._going.clear()
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy, IDLE_SECONDS)

    def resume(self) -> bool:
        """Let the threads act again."""
        self._going.set()
        return True


def serve(jobs: list[Callable[[], None]], recorder: Recorder, pace: Pace) -> int:
    """Run ``jobs`` in threads until the parent says so on stdin, or is gone; return the exit code."""
    crashes: list[str] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException:
            crashes.append(traceback.format_exc())
            pace.stopping.set()

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    _say("ready")
    _obey(recorder, pace)
    pace.stopping.set()
    pace.resume()
    end = time.monotonic() + IDLE_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    recorder.flush()
    stuck = [thread.name for thread in threads if thread.is_alive()]
    sys.stderr.write("".join(crashes) + (f"still at work: {stuck}\n" if stuck else ""))
    sys.stderr.flush()
    os._exit(1 if crashes or stuck else 0)


def _obey(recorder: Recorder, pace: Pace) -> None:
    answers = {"pause": pace.pause, "resume": pace.resume, "flush": lambda: True}
    while not pace.stopping.is_set():
        recorder.flush()
        if not select.select([sys.stdin], [], [], FLUSH_SECONDS)[0]:
            continue
        word = os.read(sys.stdin.fileno(), 64).decode().strip()  # one word at a time: the parent waits for the answer
        if word not in answers:
            return
        done = answers[word]()
        recorder.flush()
        _say(word if done else "too busy")


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def read_task() -> dict[str, Any]:
    """Return what the parent wants of this process, from the file it names."""
    task: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    return task
