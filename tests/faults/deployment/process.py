"""One process of Frontview, including its children, as an operator or a fault treats it.

Invariant: everything it starts is in its session, so that a pause or a kill reaches all of it, and nothing of it
outlives this one.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.deployment.clock import Clock
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
TERMINATE_SECONDS = 15
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_all: "weakref.WeakSet[Process]" = weakref.WeakSet()


class Process:
    """A command that can be started again and again; its output gathers in one log.

    :param folder: gets the log, and the clock, if it has one of its own.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        folder: Path,
        *,
        fake_clock: bool = False,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log_path = folder / f"{name}.log"
        self._clock: Clock | None = None
        if fake_clock:
            home = folder / f"{name}-clock"
            home.mkdir(exist_ok=True)
            self._clock = Clock(home)
        self._environment = {**environment, **(self._clock.environment if self._clock else {})}
        self._process: subprocess.Popen[bytes] | None = None
        _all.add(self)

    @property
    def pid(self) -> int:
        """Of the process itself, as last started."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process itself runs (or is paused)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; at once, without waiting for anything it does."""
        assert not self.alive, f"{self.name} is running"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, env=self._environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def pause(self) -> None:
        """Stop all its processes where they are; returns when they stand still."""
        self._signal_all(signal.SIGSTOP)
        until(lambda: all(state_of(pid) == "T" for pid in self.pids()), f"stop of {self.name}")

    def resume(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def kill(self) -> None:
        """End all its processes without a chance to tidy up."""
        self._signal_all(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(TERMINATE_SECONDS)
        until(lambda: not self.pids(), f"end of all processes of {self.name}")

    def terminate(self) -> int:
        """Ask it to end; return its exit code.

        :raises subprocess.TimeoutExpired: it did not within 15 s.
        """
        self.signal(signal.SIGTERM)
        assert self._process is not None
        return self._process.wait(TERMINATE_SECONDS)

    def signal(self, number: int) -> None:
        """Send a signal to the process itself, not to its children."""
        os.kill(self.pid, number)

    def shift_clock(self, seconds: float) -> None:
        """Set its wall clock that far from the machine's, at once; monotonic time stays."""
        assert self._clock is not None, f"{self.name} was made without fake_clock"
        self._clock.shift(seconds)

    def pids(self) -> list[int]:
        """Return the process and its living descendants."""
        if self._process is None:
            return []
        everybody = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [pid for pid in everybody if _session(pid) == self._process.pid and state_of(pid) not in ("Z", "X", "")]

    def rss_bytes(self) -> int:
        """Return the resident memory of all its processes; pages they share count for each."""
        return sum(int(words[1]) for pid in self.pids() if (words := proc_words(pid, "statm"))) * _PAGE_BYTES

    def log(self) -> str:
        """Return everything it has written so far, over all starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def close(self) -> None:
        """End it if it still runs."""
        self.kill()
        _all.discard(self)

    def _signal_all(self, number: int) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)  # nobody can fork in between
        for pid in self.pids():  # who has made a group of its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def proc_words(pid: int, file: str) -> list[str]:
    """Return the words of a file of /proc; none if the process is gone."""
    try:
        return Path(f"/proc/{pid}/{file}").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def state_of(pid: int) -> str:
    """Return the letter by which the kernel names the state of a process, e.g. T when stopped; "" when it is gone."""
    words = proc_words(pid, "stat")
    return words[0] if words else ""


def _session(pid: int) -> int | None:
    words = proc_words(pid, "stat")
    return int(words[3]) if words else None


@atexit.register
def _end_all() -> None:
    for process in list(_all):
        process.close()
