"""The commands of Frontview's processes, as an operator starts them.

Invariant: a web server has one worker process, so that one URL means one front cache.
"""

import sys
from pathlib import Path

SERVERS = ("granian", "gunicorn", "gunicorn-preload")
GUNICORN_THREADS = 8
BIN = Path(sys.executable).parent


def refresher_command() -> list[str]:
    """Return how to start a refresher."""
    return [sys.executable, "-m", "refresher"]


def worker_command(server: str, port: int) -> list[str]:
    """Return how to start a web worker on ``port``; ``server`` is one of :data:`SERVERS`."""
    if server == "granian":
        return [str(BIN / "frontview"), "serve", "--port", str(port), "--workers", "1"]
    assert server in SERVERS, f"there is no server {server}"
    command = [sys.executable, "-m", "gunicorn", "web.wsgi:app", "-b", f"127.0.0.1:{port}", "-w", "1"]
    command += ["-k", "gthread", "--threads", str(GUNICORN_THREADS), "--no-control-socket"]  # two would share one
    return [*command, "--preload"] if server == "gunicorn-preload" else command
