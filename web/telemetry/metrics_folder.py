"""The folder through which the processes of one server exchange their numbers for ``/metrics``.

Each process writes one file; the counters of processes that have ended are folded into one further file.

Invariant: no counter that was reported ever falls. A process writes its numbers before it reports them, and those of an
ended process are added exactly once to the file of the ended, whichever process does that and wherever it is
interrupted.
"""

import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from web.telemetry.metric_families import Series
from web.telemetry.process_numbers import Numbers

_PREFIX = "frontview-metrics-"
_ENDED = "ended.json"
_LOCK = "lock"
_ATTEMPTS = 20

_Samples = list[tuple[str, list[list[str]], float]]  # As JSON can hold them: name, labels, value.


class FolderRefused(Exception):
    """The folder cannot be used; the message says why."""


class _ProcessFile(TypedDict):
    """What one process wrote; ``written``: when, by the machine's monotonic clock."""

    written: float
    counters: _Samples
    gauges: _Samples


class _EndedFile(TypedDict):
    """The counters of all ended processes.

    ``generation`` rises with every change; ``folded``: processes already counted here, whose own files may not be
    deleted yet.
    """

    generation: int
    processes: int
    folded: list[str]
    counters: _Samples


@dataclass(frozen=True, slots=True)
class _ProcessNumbers:
    name: str
    numbers: Numbers
    written: float


@dataclass(frozen=True, slots=True)
class ServerNumbers:
    """The numbers of all processes of a server.

    :ivar living: how many run; ``ended``: how many ran before.
    :ivar oldest_seconds: the age of the oldest numbers of a process that runs.
    :ivar shared: False: these are the numbers of this process alone.
    """

    numbers: Numbers
    living: int
    ended: int
    oldest_seconds: float
    shared: bool = True


def default_folder() -> Path:
    """Return the folder that all processes with this parent use; a later parent with the same pid has another."""
    parent = os.getppid()
    name = f"{_PREFIX}{os.geteuid()}-{parent}-{_start_of(parent) or 0}"
    return Path(tempfile.gettempdir()) / name


def open_folder(path: Path) -> Path:
    """Return ``path``, which is made if it does not exist.

    :raises FolderRefused: it is not a folder, belongs to another user, or is open to others.
    """
    try:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    except OSError as error:
        raise FolderRefused(f"{path}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise FolderRefused(f"{path}: not a folder")
    if found.st_uid != os.geteuid():
        raise FolderRefused(f"{path}: belongs to another")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise FolderRefused(f"{path}: open to others; its mode must be 0700")
    return path


def remove_folders_of_ended_servers() -> None:
    """Remove this user's default folders whose server has ended."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{os.geteuid()}-*-*"):
        parent, start = path.name.split("-")[-2:]
        if not parent.isdecimal() or _start_of(int(parent)) == start or not _is_own(path):
            continue
        with suppress(OSError):
            for file in path.iterdir():
                file.unlink()
            path.rmdir()


def write_numbers(folder: Path, numbers: Numbers, monotonic: float) -> None:
    """Write this process's numbers in place of those that it wrote before.

    :raises OSError: the folder is gone or full.
    """
    content: _ProcessFile = {
        "written": monotonic,
        "counters": _as_list(numbers.counters),
        "gauges": _as_list(numbers.gauges),
    }
    _write(folder / f"{_own_name()}.json", content)


def read_numbers(folder: Path, monotonic: float) -> ServerNumbers:
    """Return the numbers of all processes; those of ended ones are folded, unless another process is doing so.

    :raises OSError: the folder is gone.
    """
    with _lock(folder) as locked:
        if locked:
            _fold(folder)
    for _ in range(_ATTEMPTS):
        ended = _read_ended(folder)
        files = [it for it in _read_processes(folder) if it.name not in ended["folded"]]
        if _read_ended(folder)["generation"] == ended["generation"]:  # Otherwise files may have gone in between.
            break
        time.sleep(0.005)
    numbers = Numbers(dict(_as_counters(ended["counters"])))
    living = {it.name for it in files if _is_running(it.name)}
    for it in files:
        _add(numbers, it.numbers, gauges=it.name in living)
    oldest = max((monotonic - it.written for it in files if it.name in living), default=0.0)
    return ServerNumbers(numbers, len(living), ended["processes"] + len(files) - len(living), max(0.0, oldest))


# --- files


def _own_name() -> str:
    return f"{os.getpid()}-{_start_of(os.getpid()) or 0}"


def _read_processes(folder: Path) -> Iterator[_ProcessNumbers]:
    for path in sorted(folder.glob("[0-9]*-[0-9]*.json")):
        content: _ProcessFile | None = _read(path)
        if content is not None:
            numbers = Numbers(dict(_as_counters(content["counters"])), dict(_as_series(content["gauges"])))
            yield _ProcessNumbers(path.stem, numbers, content["written"])


def _fold(folder: Path) -> None:
    """Add the counters of ended processes to the file of the ended; it names them, so that none is added twice."""
    ended = _read_ended(folder)
    files = list(_read_processes(folder))
    new = [it for it in files if it.name not in ended["folded"] and not _is_running(it.name)]
    if new:
        numbers = Numbers(dict(_as_counters(ended["counters"])))
        for it in new:
            _add(numbers, it.numbers, gauges=False)
        still_there = [it.name for it in files if it.name in ended["folded"]]
        ended = {
            "generation": ended["generation"] + 1,
            "processes": ended["processes"] + len(new),
            "folded": still_there + [it.name for it in new],
            "counters": _as_list(numbers.counters),
        }
        _write(folder / _ENDED, ended)
    for name in ended["folded"]:
        (folder / f"{name}.json").unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        os.utime(folder / _ENDED)  # Systems remove files from a temporary folder that look old.


def _read_ended(folder: Path) -> _EndedFile:
    ended: _EndedFile | None = _read(folder / _ENDED)
    return ended or {"generation": 0, "processes": 0, "folded": [], "counters": []}


def _read(path: Path) -> Any:
    """Return the content of a file, None if there is no such file or it is not JSON."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, content: _ProcessFile | _EndedFile) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(content, separators=(",", ":")))
    unfinished.replace(path)


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock if it is free, and yield whether it was.

    Nobody waits for it: a process that was suspended while it held the lock must not stop the others.
    """
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _as_list(samples: Mapping[Series, float]) -> _Samples:
    return [(name, [list(label) for label in labels], value) for (name, labels), value in samples.items()]


def _as_series(samples: _Samples) -> Iterator[tuple[Series, float]]:
    return (((name, tuple((key, text) for key, text in labels)), value) for name, labels, value in samples)


def _as_counters(samples: _Samples) -> Iterator[tuple[Series, int]]:
    return ((series, int(value)) for series, value in _as_series(samples))


def _add(numbers: Numbers, others: Numbers, *, gauges: bool) -> None:
    parts: list[Mapping[Series, float]] = [others.counters, others.gauges] if gauges else [others.counters]
    for samples in parts:
        for (name, labels), value in samples.items():
            with suppress(KeyError):  # Another version of Frontview wrote a metric that this one does not have.
                numbers.add(name, dict(labels), value)


# --- processes


def _start_of(pid: int) -> str | None:
    """Return when a process started, in ticks since boot; None: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _is_running(name: str) -> bool:
    pid, _, start = name.partition("-")
    return _start_of(int(pid)) == start


def _is_own(path: Path) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return False
