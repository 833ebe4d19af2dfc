"""A server under load: its rounds, the CPU it took for them, and the proof that its answers were what was meant.

Invariant: before and after each round one answer is looked at; a server that counts its hits must have counted them,
and a round in which it lost trust in its cache for a moment, being starved of the machine, is measured anew.
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
    """One server, asked the same over and over.

    :param requests: sent in turn.
    :param proof: what each answer looked at must pass.
    :param counts_hits: whether it is Frontview, which counts the hits of its cache.
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

        :raises RuntimeError: an answer was not what was meant.
        """
        for attempt in range(ATTEMPTS):
            # everything at first and where hits were missed; of the others the hits counted tell
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
        self._look(self._requests[0])
        self.loads.append(load)
        self.cpu_us.append(cpu_us)
        return load.a_second

    def forget(self, rounds: int) -> None:
        """Forget so many of the first rounds."""
        del self.loads[:rounds], self.cpu_us[:rounds]

    def _settle(self, requests: Sequence[Request]) -> None:
        """Ask until each is answered as meant: what was cached may have been dropped meanwhile."""
        end = time.monotonic() + SETTLE_SECONDS
        while requests := [it for it in requests if not self._proof(*answer_to(self._port, it))]:
            if time.monotonic() > end:
                self._look(requests[0])
            time.sleep(0.02)

    def _look(self, request: Request) -> None:
        head, body = answer_to(self._port, request)
        if not self._proof(head, body):
            raise RuntimeError(f"{request.path} was answered otherwise than meant: {head[:600]!r} {body[:200]!r}")

    def _hits(self) -> int:
        if not self._counts_hits:
            return 0
        _, told = answer_to(self._port, Request("/metrics", {}))
        return int(sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith(_COUNTED)))

    def _cpu_seconds(self) -> float:
        whole = psutil.Process(self._process.pid)
        times = [process.cpu_times() for process in (whole, *whole.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))
