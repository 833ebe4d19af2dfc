"""Pins each web worker to a core of its own: threads of one interpreter switch fastest where they share a core.

Python runs one thread of a process at a time. With several cores to choose from, the kernel spreads a worker's threads
over them, and each switch between threads then costs a wake-up on another core.

Invariant: no two workers in one network namespace take the same core. A worker claims a core by binding a socket name
that stands for it: a name can be bound once in a network namespace, and the kernel releases it when the process ends.
A worker that finds every core taken is not pinned, and tries again later: when workers are replaced, the new one starts
before the old one ends.
"""

import os
import socket
import threading
import time
from contextlib import suppress

from models.logs import logger

NAME = "frontview-core"
RETRY_SECONDS = 1.0  # How often a worker without a core of its own tries to take one.
_taken: socket.socket | None = None


def keep_to_own_core(name: str = NAME) -> None:
    """Pin this process to a core that no other worker has, now or once a core becomes free: see :func:`take_core`."""
    if take_core(name) is None:
        logger().warning("no core left for this worker", usable=sorted(os.sched_getaffinity(0)))
        threading.Thread(target=_take_when_free, args=(name,), name="frontview-own-core", daemon=True).start()


def take_core(name: str = NAME) -> int | None:
    """Pin all threads of this process, and those they start, to a core that no other worker has; return its number.

    None: every usable core is taken, or the system does not allow pinning; nothing was changed.

    :param name: the prefix of the socket names under which cores are reserved.
    """
    global _taken  # noqa: PLW0603  a process has one core for its whole life
    for core in sorted(os.sched_getaffinity(0)):
        with suppress(OSError):
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                claim.bind(f"\0{name}-{core}")
                _keep_threads_to(core)
            except OSError:
                claim.close()
                continue
            _taken = claim
            return core
    return None


def _keep_threads_to(core: int) -> None:
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):  # The thread has ended.
            os.sched_setaffinity(int(thread), {core})


def _take_when_free(name: str) -> None:
    while take_core(name) is None:
        time.sleep(RETRY_SECONDS)
