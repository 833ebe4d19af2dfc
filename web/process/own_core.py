"""A core of its own for each web worker: the threads of one interpreter take turns fastest where they share a core.

Python runs one thread of a process at a time. With several cores to choose from, the kernel spreads a worker's threads
over them, and each turn then costs a wake-up on another core.

Invariant: no two workers that see the same network namespace take the same core, for a name in it can be bound once;
the kernel gives it back when its process ends, however that ends. Who finds every core taken runs on any of them, and
asks again: when workers are replaced, the new one starts before the old one goes.
"""

import os
import socket
import threading
import time
from contextlib import suppress

from models.logs import logger

NAME = "frontview-core"
SECONDS_BETWEEN_TRIES = 1.0
_taken: socket.socket | None = None


def keep_to_own_core(name: str = NAME) -> None:
    """Keep this process to a core that no other worker has, now or as soon as there is one: see :func:`take_core`."""
    if take_core(name) is None:
        logger().warning("no core left for this worker", usable=sorted(os.sched_getaffinity(0)))
        threading.Thread(target=_take_when_free, args=(name,), name="frontview-own-core", daemon=True).start()


def take_core(name: str = NAME) -> int | None:
    """Keep all threads of this process, and those they start, to a core that no other worker has; return its number.

    None: every usable core is taken, or the system allows no such thing, and nothing was changed.

    :param name: what the cores are taken under.
    """
    global _taken  # noqa: PLW0603  one core a process, for as long as it lives
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
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread), {core})


def _take_when_free(name: str) -> None:
    while take_core(name) is None:
        time.sleep(SECONDS_BETWEEN_TRIES)
