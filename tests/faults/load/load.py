"""The load of a run: writers and readers in their own processes, which write what they saw to files.

Invariant: what :meth:`Load.stop` returns is everything that was tried; a process that could not tell its whole
story makes it fail.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.load.recording import IDLE_SECONDS
from tests.faults.record.history import History, event_of, load_history

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
CONTROL_SHARE = 0.5  # of writers, and of their transactions: on the twin for one on the captured tables

# The twin has what calls has, but for capture: it tells what the server itself did to writers.
CREATE_TWIN = """
CREATE SCHEMA IF NOT EXISTS control;
CREATE TABLE IF NOT EXISTS control.control_calls (
    LIKE public.calls INCLUDING ALL,
    FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    FOREIGN KEY (agent_id) REFERENCES public.agents (id) ON DELETE CASCADE
);
"""


class Load:
    """Writers and readers of a run; :meth:`start` and :meth:`stop` once each.

    :param folder: for the files of this load; must be its own.
    :param database_url: straight to the server, past every link.
    :param worker_urls: by worker; a client stays with one.
    :param window: the days of the run, oldest first.
    :param users: with agents, and new to loads: two loads would use the same bits.
    :param writes_per_second: transactions on captured tables; with ``control`` half as many on the twin beside them,
        on connections of their own: a writer that waits for one table cannot measure the other.
    :param exact_share: of the reads that ask with ``no-cache``.
    :param questions: how many different ones are asked, at most 6; the first is about the whole window.
    :param readers: processes, each with ``clients`` connections; ``writers`` likewise, with ``connections``.
    :param weights: of kinds of transactions, in place of those of :data:`tests.faults.writers.WEIGHTS`.
    :param stale_if_error_seconds: what the other reads allow; 0: they do not say.
    :param crowd: users whose old days change all the while, so that archives are at work; read by nobody.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str,
        worker_urls: Mapping[str, str],
        secret: str,
        window: Sequence[date],
        users: Sequence[int],
        writes_per_second: float = 60,
        reads_per_second: float = 150,
        exact_share: float = 0.3,
        questions: int = 6,
        readers: int = 2,
        clients: int = 4,
        writers: int = 1,
        connections: int = 4,
        control: bool = True,
        weights: Mapping[str, int] = {},
        stale_if_error_seconds: int = 0,
        crowd: Sequence[int] = (),
        seed: int = 1,
    ) -> None:
        self._folder, self._database_url, self._control = folder, database_url, control
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._files: dict[Path, int] = {}
        self._history = History()
        everyone: dict[str, Any] = {
            "window": [day.isoformat() for day in window],
            "users": list(users),
            "seed": seed,
        }
        writing = {"database_url": database_url, "weights": dict(weights)}
        tables = [(True, writes_per_second, connections)]
        if control:
            tables.append((False, writes_per_second * CONTROL_SHARE, ceil(connections * CONTROL_SHARE)))
        reading = {
            "worker_urls": dict(worker_urls),
            "secret": secret,
            "exact_share": exact_share,
            "questions": questions,
            "stale_if_error_seconds": stale_if_error_seconds,
            "a_second": reads_per_second / (readers * clients),
        }
        self._tasks = {
            f"writers-{process}": {
                **everyone,
                **writing,
                "crowd": [] if process else list(crowd),
                "tables": [
                    {
                        "captured": captured,
                        "a_second": a_second / (writers * threads),
                        "count": writers * threads,
                        "indexes": _indexes(process, threads),
                    }
                    for captured, a_second, threads in tables
                ],
            }
            for process in range(writers if writes_per_second else 0)
        }
        self._tasks |= {
            f"readers-{process}": {**everyone, **reading, "indexes": _indexes(process, clients)}
            for process in range(readers if reads_per_second else 0)
        }

    def start(self) -> None:
        """Begin; return when every process is at work."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._control:
            with psycopg.connect(self._database_url, autocommit=True) as connection:
                connection.execute(CREATE_TWIN)
        for name, task in self._tasks.items():
            self._children[name] = self._start(name, task)
        for name in self._children:
            self._await(name, "ready")

    def pause_writers(self) -> None:
        """Return when no transaction of the load is open; readers go on."""
        self._tell("writers", "pause")

    def resume_writers(self) -> None:
        """Let the writers go on."""
        self._tell("writers", "resume")

    def so_far(self) -> History:
        """Return what has been told up to now, the same object each time, ever longer."""
        self._tell("", "flush")
        for path, offset in self._files.items():
            with path.open("rb") as lines:
                lines.seek(offset)
                told = lines.read()
            whole = told[: told.rfind(b"\n") + 1]
            self._files[path] = offset + len(whole)
            for line in whole.splitlines():
                self._history.add(event_of(line))
        return self._history

    def stop(self) -> History:
        """Stop everything and return the whole history.

        :raises RuntimeError: a process could not end in an orderly way, so its story is not whole.
        """
        for child in self._children.values():
            if child.stdin is not None:
                with suppress(BrokenPipeError):
                    child.stdin.close()
        faults = [fault for name, child in self._children.items() if (fault := self._end(name, child))]
        self._children.clear()
        if faults:
            raise RuntimeError("\n".join(faults))
        return load_history(self._files)

    def _start(self, name: str, task: Mapping[str, Any]) -> "subprocess.Popen[str]":
        path = self._folder / f"{name}.events"
        path.touch()
        self._files[path] = 0
        task_path = self._folder / f"{name}.task"
        task_path.write_text(json.dumps({**task, "events": str(path)}))
        module = f"tests.faults.load.{name.split('-', maxsplit=1)[0]}"
        with (self._folder / f"{name}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, str(task_path)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _tell(self, kind: str, word: str) -> None:
        told = [name for name in self._children if name.startswith(kind)]
        for name in told:
            stdin = self._children[name].stdin
            assert stdin is not None
            with suppress(BrokenPipeError):  # it has ended, and the missing answer will tell
                stdin.write(f"{word}\n")
                stdin.flush()
        for name in told:
            self._await(name, word)

    def _await(self, name: str, word: str) -> None:
        stdout = self._children[name].stdout
        assert stdout is not None
        answer = stdout.readline().strip()
        if answer != word:
            raise RuntimeError(f"{name} answered {answer!r}, not {word!r}; it said: {self._log(name)}")

    def _end(self, name: str, child: "subprocess.Popen[str]") -> str:
        try:
            code = child.wait(IDLE_SECONDS + 10)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        if child.stdout is not None:
            child.stdout.close()
        return f"{name} ended with {code}: {self._log(name)}" if code else ""

    def _log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()[-3000:]


def _indexes(process: int, threads: int) -> list[int]:
    """Return the numbers of a process's threads among those of all processes."""
    return list(range(process * threads, (process + 1) * threads))
