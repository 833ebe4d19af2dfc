"""Gives a process its own wall clock: libfaketime, preloaded, reads the shift from a file.

Invariant: only the wall clock moves. Monotonic time, and with it every timeout, stays that of the machine.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

_IN_PACKAGE = "vendor/libfaketime/src/libfaketime.so.1"


class Clock:
    """What moves the wall clock of the processes started with :attr:`environment`, their children included.

    :param folder: must be readable by the user who runs them; gets the library and the file.
    """

    def __init__(self, folder: Path) -> None:
        source = _library()
        assert source is not None, "the package libfaketime is not installed"
        self._file = folder / "clock"
        library = folder / "libfaketime.so.1"
        shutil.copyfile(source, library)
        library.chmod(0o755)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.shift(0)

    def shift(self, seconds: float) -> None:
        """Set the wall clock that far ahead of the machine's (behind, if negative), at once."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.6f}\n")
        new.chmod(0o644)
        new.replace(self._file)  # nobody reads half a line


@functools.cache
def clock_faults_unavailable() -> str | None:
    """Return why wall clocks cannot be shifted on this machine, None if they can."""
    if _library() is None:
        return "the package libfaketime is not installed"
    with TemporaryDirectory() as folder:
        clock = Clock(Path(folder))
        clock.shift(3600)
        before = time.time(), time.monotonic()
        shown = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
            env={**os.environ, **clock.environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    try:
        wall, monotonic = (float(word) for word in shown.stdout.split())
    except ValueError:
        return f"libfaketime does not load here: {shown.stderr.strip()[-200:]}"
    if not (wall - before[0] > 3500 and monotonic - before[1] < 1800):
        return "libfaketime does not shift the wall clock alone here"
    return None


def _library() -> Path | None:
    package = importlib.util.find_spec("libfaketime")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / _IN_PACKAGE
    return path if path.exists() else None
