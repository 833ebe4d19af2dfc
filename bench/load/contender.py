"""A server under load: its rounds, the CPU time they took, and the proof that its answers were the right ones.

Invariant: one answer is checked before and after each round. A server that counts its hits must have counted every
answer; a round in which its cache lost trust for a moment, because the machine was busy, is measured again.
"""

import time
from collections.abc import Callable, Sequence
from subprocess import Popen

import psutil  # type: ignore[import-untyped]

from bench.load.http_load import generate
from bench.load.python_load import answer_to
from bench.load.request import Load, Request

Proof = Callable[[bytes, bytes], bool]
HIT = b"frontview; hit;"
SETTLE_SECONDS = 10.0
ATTEMPTS = 3
_COUNTED = b"frontview_cache_hits_total{"


def is_hit(head: bytes, _body: bytes) -> bool:
    """Return whether Frontview says that its cache answered."""
    return HIT in head


def says(part: bytes) -> Proof:
    """Return the proof that an answer's body holds ``part``."""
    return lambda _head, body: part in body


class Contender:
    """One server, which gets the same requests again and again.

    :param requests: sent in turn.
    :param proof: the check that sampled answers must pass.
    :param counts_hits: True for Frontview, whose own hit counter is then compared.
    """

    def __init__(
        self,
        served: tuple[int, Popen[bytes]],
        requests: Sequence[Request],
        proof: Proof,
        *,
        counts_hits: bool = False,
    ) -> None:
        self._port, self._process = served
        self._requests, self._proof, self._counts_hits = requests, proof, counts_hits
        self.loads: list[Load] = []
        self.cpu_us: list[float] = []

    def round(self, seconds: float, connections: int) -> float:
        """Load the server for some seconds and return its answers a second.

        :raises RuntimeError: an answer was not the right one.
        """
        for attempt in range(ATTEMPTS):
            # all requests at first and after missed hits; otherwise the counted hits prove enough
            everything = attempt > 0 or not self.loads
            self._settle(self._requests if everything else self._requests[:1])
            hits, spent = self._hits(), self._cpu_seconds()
            load = generate(self._port, self._requests, connections=connections, seconds=seconds)
            cpu_us = (self._cpu_seconds() - spent) / load.answers * 1e6
            hits = self._hits() - hits
            if not self._counts_hits or hits >= 0.99 * load.answers:
                break
        else:
            raise RuntimeError(f"the cache hit {hits} times in {load.answers} answers")
        self._check(self._requests[0])
        self.loads.append(load)
        self.cpu_us.append(cpu_us)
        return load.a_second

    def forget(self, rounds: int) -> None:
        """Drop the figures of the first ``rounds`` rounds."""
        del self.loads[:rounds], self.cpu_us[:rounds]

    def _settle(self, requests: Sequence[Request]) -> None:
        """Repeat each request until its answer is right: its entry may have been dropped meanwhile."""
        end = time.monotonic() + SETTLE_SECONDS
        while requests := [it for it in requests if not self._proof(*answer_to(self._port, it))]:
            if time.monotonic() > end:
                self._check(requests[0])
            time.sleep(0.02)

    def _check(self, request: Request) -> None:
        head, body = answer_to(self._port, request)
        if not self._proof(head, body):
            raise RuntimeError(f"{request.path} was answered otherwise than meant: {head[:600]!r} {body[:200]!r}")

    def _hits(self) -> int:
        if not self._counts_hits:
            return 0
        _, metrics = answer_to(self._port, Request("/metrics", {}))
        return int(sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(_COUNTED)))

    def _cpu_seconds(self) -> float:
        whole = psutil.Process(self._process.pid)
        times = [process.cpu_times() for process in (whole, *whole.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))
