"""The folder in which the processes of one server leave their numbers for each other.

Invariant: what was told never becomes less. A process writes its numbers before it tells them; those of one that has
ended are kept, and added exactly once to the file of the ended, whoever does it and wherever it is interrupted.
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
from typing import Any

from web.telemetry.metric_families import Series
from web.telemetry.process_numbers import Numbers

_PREFIX = "frontview-metrics-"
_ENDED = "ended.json"
_LOCK = "lock"
_ATTEMPTS = 20


class FolderRefused(Exception):
    """The folder cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Left:
    """What one process left: its id, its numbers, and when (monotonic, the same for all of a machine)."""

    name: str
    numbers: Numbers
    written: float


@dataclass(frozen=True, slots=True)
class Together:
    """The numbers of every process; ``ended`` processes among them, and the age of the oldest of the living."""

    numbers: Numbers
    living: int
    ended: int
    oldest_seconds: float


def default_folder() -> Path:
    """Return where processes with this parent meet; another server that gets its parent's pid meets elsewhere."""
    parent = os.getppid()
    name = f"{_PREFIX}{os.geteuid()}-{parent}-{_start_of(parent) or 0}"
    return Path(tempfile.gettempdir()) / name


def open_folder(path: Path) -> Path:
    """Return ``path``, made if it was not there.

    :raises FolderRefused: it is no folder, another's, or open to others.
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


def forget_ended_servers() -> None:
    """Remove folders of ours whose server has ended."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{os.geteuid()}-*-*"):
        parent, start = path.name.split("-")[-2:]
        if not parent.isdecimal() or _start_of(int(parent)) == start or not _is_ours(path):
            continue
        with suppress(OSError):
            for file in path.iterdir():
                file.unlink()
            path.rmdir()


def leave(folder: Path, numbers: Numbers, monotonic: float) -> None:
    """Leave this process's numbers, in place of what it left before.

    :raises OSError: the folder is gone or full.
    """
    content = {"written": monotonic, "counters": _listed(numbers.counters), "gauges": _listed(numbers.gauges)}
    _write(folder / f"{_own_name()}.json", content)


def read_together(folder: Path, monotonic: float) -> Together:
    """Return what all processes left; those that ended are folded in, if nobody else is at it.

    :raises OSError: the folder is gone.
    """
    with _alone(folder) as alone:
        if alone:
            _fold(folder)
    for _ in range(_ATTEMPTS):
        ended = _read_ended(folder)
        left = [it for it in _left(folder) if it.name not in ended["folded"]]
        if _read_ended(folder)["generation"] == ended["generation"]:  # else files may have gone in between
            break
        time.sleep(0.005)
    numbers = Numbers()
    _put(numbers, ended["counters"])
    living = {it.name for it in left if _lives(it.name)}
    for it in left:
        _add(numbers, it.numbers, gauges=it.name in living)
    oldest = max((monotonic - it.written for it in left if it.name in living), default=0.0)
    return Together(numbers, len(living), ended["processes"] + len(left) - len(living), max(0.0, oldest))


# --- files


def _own_name() -> str:
    return f"{os.getpid()}-{_start_of(os.getpid()) or 0}"


def _left(folder: Path) -> Iterator[Left]:
    for path in sorted(folder.glob("[0-9]*-[0-9]*.json")):
        content = _read(path)
        if content is not None:
            numbers = Numbers()
            _put(numbers, content["counters"])
            numbers.gauges.update(_series(content["gauges"]))
            yield Left(path.stem, numbers, content["written"])


def _fold(folder: Path) -> None:
    """Add what ended processes left to the file of the ended; it names them, so that nobody is added twice."""
    ended = _read_ended(folder)
    left = list(_left(folder))
    gone = [it for it in left if it.name not in ended["folded"] and not _lives(it.name)]
    if gone:
        numbers = Numbers()
        _put(numbers, ended["counters"])
        for it in gone:
            _add(numbers, it.numbers, gauges=False)
        still_there = [it.name for it in left if it.name in ended["folded"]]
        ended = {
            "generation": ended["generation"] + 1,
            "processes": ended["processes"] + len(gone),
            "folded": still_there + [it.name for it in gone],
            "counters": _listed(numbers.counters),
        }
        _write(folder / _ENDED, ended)
    for name in ended["folded"]:
        (folder / f"{name}.json").unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        os.utime(folder / _ENDED)  # what looks old in a temporary folder may be tidied away


def _read_ended(folder: Path) -> dict[str, Any]:
    return _read(folder / _ENDED) or {"generation": 0, "processes": 0, "folded": [], "counters": []}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(content, separators=(",", ":")))
    unfinished.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock, if it is free; a process that was stopped while it held it must not stop the others."""
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _listed(samples: Mapping[Any, float]) -> list[Any]:
    return [[name, labels, value] for (name, labels), value in samples.items()]


def _series(listed: list[Any]) -> dict[Any, Any]:
    return {(name, tuple(map(tuple, labels))): value for name, labels, value in listed}


def _put(numbers: Numbers, counters: list[Any]) -> None:
    numbers.counters.update(_series(counters))


def _add(numbers: Numbers, others: Numbers, *, gauges: bool) -> None:
    parts: list[Mapping[Series, float]] = [others.counters, others.gauges] if gauges else [others.counters]
    for samples in parts:
        for (name, labels), value in samples.items():
            with suppress(KeyError):  # of another version of ours, that knew this metric
                numbers.add(name, dict(labels), value)


# --- processes


def _start_of(pid: int) -> str | None:
    """Return when a process started, in ticks since boot; None: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _lives(name: str) -> bool:
    pid, _, start = name.partition("-")
    return _start_of(int(pid)) == start


def _is_ours(path: Path) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return False
