"""Load over HTTP: many keep-alive connections, each sending its next request on the answer.

By ``wrk`` where it is installed (one thread, in C), else by a Python thread, which limits the faster contenders.

Invariant: anything but a 200 ends the run; how much of a core the generator took is told with every figure.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """A GET as it is sent, over and over."""

    path: str
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The request as it goes over the wire."""
        fields = {"Host": "localhost", "Accept": "*/*", **self.headers}
        return f"GET {self.path} HTTP/1.1\r\n" + "".join(f"{name}: {it}\r\n" for name, it in fields.items()) + "\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What one round of load came to.

    :param received_bytes: of all answers, heads included.
    :param busy: share of one core that generating took; near 1, the generator was the limit.
    :param median_ms: from a request's sending to its answer; ``p99_ms`` likewise.
    """

    answers: int
    received_bytes: int
    seconds: float
    busy: float
    median_ms: float
    p99_ms: float

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def uses_wrk(seconds: float) -> bool:
    """Return whether ``wrk`` generates rounds of so many seconds: it takes whole ones."""
    return seconds >= 1 and shutil.which("wrk") is not None


def generator(seconds: float) -> str:
    """Return what generates rounds of so many seconds here, in words."""
    return "wrk" if uses_wrk(seconds) else "Python, which limits the fastest"


def generate(port: int, requests: Sequence[Request], *, connections: int, seconds: float) -> Load:
    """Send ``requests`` in turn for some seconds.

    :raises RuntimeError: the server hung up, or answered anything but 200.
    """
    from bench import python_load, wrk_load  # noqa: PLC0415  each imports what is above

    send = wrk_load.generate if uses_wrk(seconds) else python_load.generate
    return send(port, requests, connections=connections, seconds=seconds)
