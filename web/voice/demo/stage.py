"""The database and the processes of a demo: started in order, stopped in the reverse order.

Invariant: every process that the demo started ends with it, also after a failure.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.errors import FrontviewError

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 15.0
_LOG_LINES = 12


class DemoError(FrontviewError):
    """The demo cannot continue; the message says why."""


@dataclass(slots=True)
class Child:
    """A process of the demo, with its output in a file.

    It runs in a session of its own: Ctrl-C on the terminal reaches only the demo, which then stops its processes in
    order.
    """

    name: str
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, name: str, module: Sequence[str], environment: dict[str, str], log: Path) -> "Child":
        """Start ``python -m …`` and return it."""
        paths = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  our own modules
                [sys.executable, "-m", *module],
                env={**environment, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, log, process)

    def require_alive(self) -> None:
        """Raise if the process has ended, with the end of its output.

        :raises DemoError: it has.
        """
        if (code := self.process.poll()) is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            said = "\n".join(f"  {line}" for line in lines)
            raise DemoError(f"The {self.name} has ended (exit code {code}); its log {self.log} ends with:\n{said}")

    def stop(self) -> None:
        """Ask the process to end, and kill it if it does not."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)


def wait_until(is_so: Callable[[], bool], what: str, children: Sequence[Child], timeout_seconds: float = 120.0) -> None:
    """Return once ``is_so()`` is true; it is called ten times a second.

    :raises DemoError: a child ended, or it takes too long.
    """
    deadline = time.monotonic() + timeout_seconds
    while not is_so():
        for child in children:
            child.require_alive()
        if time.monotonic() >= deadline:
            logs = ", ".join(str(child.log) for child in children)
            raise DemoError(f"Waited {timeout_seconds:.0f} s in vain until {what}; see {logs}.")
        time.sleep(0.1)
