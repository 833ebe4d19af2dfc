"""What does a cached answer cost over HTTP, beside a Flask route that returns the same bytes?

``frontview serve`` with one worker answers the median user's overview from its cache, to a real token; the peer is
a Flask route without token, cache, log or headers of its own that returns the very bytes, under granian with the
same settings. Sixteen keep-alive connections from one Python thread; both servers stand side by side and are asked
in turn. Once with access logs off, once with both logging (Frontview's default). Server CPU is that of all its
processes, an answer, and does not depend on the generator.

Limits: generator and server share the machine; where the generator was busy all of its time it hides part of the
difference, which is why its share is shown.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from subprocess import Popen
from tempfile import TemporaryDirectory

import psutil  # type: ignore[import-untyped]

from bench.finding import Finding, Goal, ratios, spread
from bench.http_load import Load, answer_to, generate, request_bytes
from bench.processes import SECRET, free_port, refresher, running, wait_until_it_answers, web_server
from bench.rounds import interleave
from bench.stand import Stand
from web.tokens import issue_token

GOAL = Goal(">=", 0.8)
PATH = "/api/v1/dashboard/overview"
CONNECTIONS = 16
HIT = b"frontview; hit;"


class _Side:
    """One server under load: what its rounds came to, and the CPU it took for them."""

    def __init__(self, process: Popen[bytes], port: int, request: bytes, mark: bytes) -> None:
        self._process, self._port, self._request, self._mark = process, port, request, mark
        self.loads: list[Load] = []
        self.cpu_us: list[float] = []

    def round(self, seconds: float) -> float:
        """Load the server for some seconds and return its answers a second."""
        before = self._cpu_seconds()
        load = generate(self._port, self._request, connections=CONNECTIONS, seconds=seconds, mark=self._mark)
        if load.marked < 0.99 * load.answers:
            raise RuntimeError(f"only {load.marked} of {load.answers} answers were what was meant")
        self.loads.append(load)
        self.cpu_us.append((self._cpu_seconds() - before) / load.answers * 1e6)
        return load.a_second

    def _cpu_seconds(self) -> float:
        whole = psutil.Process(self._process.pid)
        times = [process.cpu_times() for process in (whole, *whole.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield throughput and CPU of hits and of the constant route."""
    stand.expect(2 * (stand.scale.rounds + 1))
    with stand.database() as url, refresher(url):
        for logging in (False, True):
            yield from _compare(stand, url, logging=logging)


def _compare(stand: Stand, url: str, *, logging: bool) -> Iterator[Finding]:
    request = request_bytes(PATH, issue_token(SECRET, stand.people.median))
    with ExitStack() as stack:
        setting = str(logging).lower()
        port, process = stack.enter_context(web_server(url, 1, access_log=setting))
        body = answer_to(port, request).partition(b"\r\n\r\n")[2]
        json.loads(body)
        hit = _Side(process, port, request, HIT)
        constant = _constant(stack, body, logging=logging)
        sides = {"hit": hit, "constant": constant}
        rounds = {name: _round_of(side, stand.scale.round_seconds) for name, side in sides.items()}
        figures = interleave(rounds, stand.scale.rounds, stand.step)
    case = f"{len(body):,} bytes, access log {'on' if logging else 'off'}"
    rate = ratios(figures["hit"], figures["constant"])
    yield Finding(case, "Frontview, hit", spread(figures["hit"]), "/s", rate, "of Flask's", GOAL)
    yield Finding(case, "Flask, constant", spread(figures["constant"]), "/s")
    cost = ratios(hit.cpu_us, constant.cpu_us)
    yield Finding(case, "Frontview, server CPU", spread(hit.cpu_us), "µs", cost, "of Flask's")
    yield Finding(case, "Flask, server CPU", spread(constant.cpu_us), "µs")
    busy = [median(load.busy for load in side.loads) for side in sides.values()]
    yield Finding(case, "generator busy", spread(busy), "of a core")


def _constant(stack: ExitStack, body: bytes, *, logging: bool) -> _Side:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    (folder / "body").write_bytes(body)
    port = free_port()
    arguments = [str(port), str(folder / "body"), *(["--access-log"] if logging else [])]
    process = stack.enter_context(running("bench.flask_peer", *arguments, environment={}))
    wait_until_it_answers(f"http://127.0.0.1:{port}/constant", process)
    return _Side(process, port, request_bytes("/constant", "none"), b"application/json")


def _round_of(side: _Side, seconds: float) -> Callable[[], float]:
    return lambda: side.round(seconds)
