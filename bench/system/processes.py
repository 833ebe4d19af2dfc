"""Frontview's own processes, as an operator starts them, for as long as a question needs them.

Invariant: they end with the block that started them, even if it raises; their settings come from the environment given
here and from nothing else.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench.system.application import ROOT

SECRET = "the benchmarks' secret, of more than 32 bytes"  # noqa: S105  signs tokens of this run only
START_SECONDS = 120.0


@contextmanager
def running(*command: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module with arguments, its output dropped."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**plain_environment(), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answer_of(command: Sequence[str], environment: Mapping[str, str], task: object = None) -> Any:
    """Run a Python module with arguments and return the JSON of the last line that it prints.

    :param task: sent to its standard input as one line of JSON.
    :raises RuntimeError: it failed; the message has its output.
    """
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**plain_environment(), **environment},
        input=json.dumps(task) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def plain_environment() -> dict[str, str]:
    """Return this process's environment without any Frontview setting."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FRONTVIEW_")}


def environment_for(url: str, **settings: str) -> dict[str, str]:
    """Return the environment of a process that works on the database at ``url``.

    :param settings: further ``FRONTVIEW_*`` settings, by their lower-case names.
    """
    named = {f"FRONTVIEW_{name.upper()}": value for name, value in settings.items()}
    return {
        "FRONTVIEW_DATABASE_URL": url,
        "FRONTVIEW_JWT_SECRET": SECRET,
        "FRONTVIEW_RATE_LIMIT_PER_SECOND": "0",
        **named,
    }


@contextmanager
def refresher(url: str, **settings: str) -> Iterator[None]:
    """Run the refresher, without refreshes unless ``settings`` say otherwise."""
    environment = environment_for(url, **{"refresh_min_seconds": "86400", **settings})
    with running("refresher", environment=environment):
        yield


@contextmanager
def web_server(url: str, workers: int, *options: str, **settings: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run ``frontview serve`` and yield its port and process once it is ready."""
    port = free_port()
    arguments = ("web.cli", "serve", "--port", str(port), "--workers", str(workers), *options)
    with running(*arguments, environment=environment_for(url, **settings)) as process:
        wait_until_it_answers(f"http://127.0.0.1:{port}/readyz", process)
        yield port, process


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for a 200 from ``url``.

    :raises RuntimeError: the process ended, or time is up.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {START_SECONDS} s")
