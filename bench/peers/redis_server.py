"""A Redis for the benchmark, where ``redis-server`` is installed: in a temporary folder, without persistence.

Invariant: it listens on a Unix socket in that folder and nowhere else, writes no file of data, and ends with the block.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

START_SECONDS = 10.0


def has_redis() -> bool:
    """Return whether ``redis-server`` is installed."""
    return shutil.which("redis-server") is not None


@contextmanager
def redis_server() -> Iterator[str | None]:
    """Run Redis and yield its URL, or None where it is not installed."""
    if not has_redis():
        yield None
        return
    with TemporaryDirectory(prefix="frontview-bench-") as folder:
        socket = Path(folder) / "redis.sock"
        options = {"port": "0", "unixsocket": str(socket), "save": "", "appendonly": "no", "dir": folder}
        command = ["redis-server", *(part for name, value in options.items() for part in (f"--{name}", value))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(socket, process)
            yield f"unix://{socket}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.02)
