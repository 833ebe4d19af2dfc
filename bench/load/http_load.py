"""Load over HTTP: many keep-alive connections, each sending its next request on the answer.

By ``wrk`` where it is installed (one thread, in C), else by a Python thread, which limits the faster contenders.

Invariant: anything but a 200 ends the run; every figure is shown with the share of a core that the
generator took.
"""

import shutil
from collections.abc import Sequence

from bench.load import python_load, wrk_load
from bench.load.request import Load, Request


def uses_wrk(seconds: float) -> bool:
    """Return whether ``wrk`` generates rounds of this length: it takes whole seconds."""
    return seconds >= 1 and shutil.which("wrk") is not None


def generator(seconds: float) -> str:
    """Return the name of the generator for rounds of this length."""
    return "wrk" if uses_wrk(seconds) else "Python, which limits the fastest"


def generate(port: int, requests: Sequence[Request], *, connections: int, seconds: float) -> Load:
    """Send ``requests`` in turn for some seconds.

    :raises RuntimeError: the server hung up, or answered anything but 200.
    """
    send = wrk_load.generate if uses_wrk(seconds) else python_load.generate
    return send(port, requests, connections=connections, seconds=seconds)
