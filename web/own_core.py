"""A core of its own for each web worker: the threads of one interpreter take turns fastest where they share a core.

Python runs one thread of a process at a time. With several cores to choose from, the kernel spreads a worker's threads
over them, and each turn then costs a wake-up on another core.

Invariant: no two workers that see the same network namespace take the same core, for a name in it can be bound once;
the kernel gives it back when its process ends, however that ends. Who finds every core taken runs on any of them.
"""

import errno
import os
import socket

_taken: socket.socket | None = None


def take_core() -> int | None:
    """Keep this thread, and those it starts from now on, to a core that no other worker has; return its number.

    None: every usable core is taken, and nothing was changed.
    """
    global _taken  # noqa: PLW0603  one core a process, for as long as it lives
    for core in sorted(os.sched_getaffinity(0)):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0frontview-core-{core}")
        except OSError as error:
            claim.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        os.sched_setaffinity(0, {core})
        _taken = claim
        return core
    return None
