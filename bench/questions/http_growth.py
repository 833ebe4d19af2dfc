"""How does a cached answer's cost over HTTP grow with its size and with the number of connections?

The contenders of ``http_hit`` that answer from memory: ``frontview serve``, exactly its bytes from bare WSGI and from a
Flask route, Flask-Caching in Redis under gunicorn; one worker each, all in turn. *Connections*: the median user's
overview over 1 to 64 of them, with throughput and the median and the 99th percentile of latency. *Size*: over sixteen
connections, analytics of 5 to 300 days and a list of agents made long, from 1 to 200 kB; once as Frontview does by
default, which keeps answers of 16 kB or more compressed and sends them so to clients that accept gzip, as browsers do,
and once never compressed. The peers return Frontview's uncompressed bytes.

Limits: as in ``http_hit``. The loop is closed: a later answer delays the next request, so once the server is always
busy latency only mirrors throughput.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.findings.finding import Finding, ratios, spread
from bench.findings.plot import Plot
from bench.load.contender import Contender, is_hit, says
from bench.load.python_load import answer_to
from bench.load.request import Request
from bench.peers import constant_peers
from bench.peers.redis_server import redis_server
from bench.peers.servers import bearer, dashboard_environment, on_granian, on_gunicorn, served_together
from bench.questions.registry import Found
from bench.system.processes import refresher, web_server
from bench.system.rounds import interleave
from bench.system.stand import Stand
from models.engine import connect

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64)
USUAL_CONNECTIONS = 16
FEW_CONNECTIONS = (1, USUAL_CONNECTIONS, 64)  # Used where rounds are short.
DAYS = (5, 30, 100, 300)
LONG_LIST_AGENTS = 1_150
ROUND_SECONDS = 1.0
NEVER_BYTES = str(10**9)
OURS, UNCOMPRESSED = "Frontview, hit", "Frontview, hit, never compressed"
BARE, FLASK, REDIS = "bare WSGI, constant", "Flask, constant", "Flask-Caching, Redis"
_MORE_AGENTS = "INSERT INTO public.agents (user_id, name) SELECT %s, 'Agent ' || n FROM generate_series(1, %s) n"
Servers = Mapping[str, Any]


def measure(stand: Stand) -> Iterator[Found]:
    """Yield throughput and latency by connections, and throughput by size."""
    rounds = max(1, stand.scale.rounds // 5)
    stand.expect(2 * (rounds + stand.scale.discarded))
    with stand.database() as url, refresher(url), ExitStack() as stack:
        with connect(url, "frontview-bench-agents") as connection:
            connection.execute(_MORE_AGENTS, (stand.people.largest, LONG_LIST_AGENTS))
        ours = stack.enter_context(web_server(url, 1, access_log="false"))
        plain = stack.enter_context(web_server(url, 1, access_log="false", compress_from_bytes=NEVER_BYTES))
        requests = [_overview(stand), *_of_many_sizes(stand)]
        bodies = [_body(plain[0], request) for request in requests]
        servers = {OURS: ours, UNCOMPRESSED: plain, **_peers(stack, url, bodies)}
        yield from _by_connections(stand, rounds, servers, requests[0], bodies[0])
        yield from _by_size(stand, rounds, servers, requests[1:], bodies[1:])


def _overview(stand: Stand) -> Request:
    return Request("/api/v1/dashboard/overview", bearer(stand.people.median))


def _of_many_sizes(stand: Stand) -> list[Request]:
    today, who = date.today(), bearer(stand.people.largest)
    since = [today - timedelta(days=days) for days in DAYS]
    paths = [f"dashboard/analytics?granularity=day&from={first}&to={today - timedelta(days=1)}" for first in since]
    return [Request(f"/api/v1/{path}", who) for path in (*paths, "dashboard/agents")]


def _body(port: int, request: Request) -> bytes:
    return answer_to(port, request)[1]


def _peers(stack: ExitStack, url: str, bodies: list[bytes]) -> Servers:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    for place, body in enumerate(bodies):
        (folder / str(place)).write_bytes(body)
    constants = {constant_peers.FOLDER: str(folder)}
    factories = {BARE: "bench.peers.constant_peers:make_bare", FLASK: "bench.peers.constant_peers:make_flask"}
    peers = {name: on_granian(it, "/0", constants) for name, it in factories.items()}
    redis = stack.enter_context(redis_server())
    if redis is not None:
        environment = dashboard_environment(url, redis, folder=folder)
        peers[REDIS] = on_gunicorn("bench.peers.dashboard_peer:make_app", environment)
    return served_together(stack, peers)


def _by_connections(stand: Stand, rounds: int, servers: Servers, request: Request, body: bytes) -> Iterator[Found]:
    counts = CONNECTIONS if _seconds(stand) == ROUND_SECONDS else FEW_CONNECTIONS
    contenders = {
        (name, count): _contender(name, servers[name], request, 0, body)
        for name in servers
        if name != UNCOMPRESSED
        for count in counts
    }
    figures = _interleave(
        stand, rounds, {at: partial(it.round, _seconds(stand), at[1]) for at, it in contenders.items()}
    )
    for contender in contenders.values():
        contender.forget(stand.scale.discarded)
    names = list(dict.fromkeys(name for name, _ in contenders))
    across = f"connections ({len(body):,} bytes)"
    throughput = {name: [(count, spread(figures[name, count])) for count in counts] for name in names}
    yield Plot("http-connections", "Answers of one worker", across, "answers a second", throughput, "xy")
    latency = {
        f"{name}, {what}": [
            (count, spread([getattr(it, field) for it in contenders[name, count].loads])) for count in counts
        ]
        for name in (OURS, FLASK, REDIS)
        if name in names
        for what, field in (("median", "median_ms"), ("p99", "p99_ms"))
    }
    yield Plot("http-latency", "Latency of one worker, busy all the time", across, "ms", latency, "xy")
    for count in counts:
        yield from _findings(f"{count} connections", {name: figures[name, count] for name in names})
    for name in names:
        for what, field in (("median", "median_ms"), ("p99", "p99_ms")):
            values = [getattr(it, field) for it in contenders[name, USUAL_CONNECTIONS].loads]
            yield Finding(f"latency at {USUAL_CONNECTIONS} connections", f"{name}, {what}", spread(values), "ms")


def _by_size(
    stand: Stand, rounds: int, servers: Servers, requests: list[Request], bodies: list[bytes]
) -> Iterator[Found]:
    contenders = {
        (name, place): _contender(name, servers[name], request, place, body)
        for name in servers
        for place, (request, body) in enumerate(zip(requests, bodies, strict=True), start=1)
    }
    timed = {at: partial(it.round, _seconds(stand), USUAL_CONNECTIONS) for at, it in contenders.items()}
    figures = _interleave(stand, rounds, timed)
    sizes = {place: len(body) for place, body in enumerate(bodies, start=1)}
    lines = {name: [(size / 1000, spread(figures[name, place])) for place, size in sizes.items()] for name in servers}
    across = f"size of the answer, uncompressed, kB ({USUAL_CONNECTIONS} connections)"
    yield Plot("http-size", "Answers of one worker", across, "answers a second", lines, "xy")
    for place, size in sizes.items():
        yield from _findings(f"{size:,} bytes", {name: figures[name, place] for name in servers})


def _contender(name: str, server: Any, request: Request, place: int, body: bytes) -> Contender:
    """Return the contender that answers ``request``; a peer answers with the bytes of number ``place``."""
    if name in (OURS, UNCOMPRESSED):
        headers = {**request.headers, "Accept-Encoding": "gzip"}
        return Contender(server, [Request(request.path, headers)], is_hit, counts_hits=True)
    return Contender(server, [Request(f"/{place}", request.headers)], says(body))


def _interleave(stand: Stand, rounds: int, timed: Mapping[tuple[str, int], Callable[[], float]]) -> Any:
    by_name = {repr(at): it for at, it in timed.items()}
    figures = interleave(by_name, rounds, stand.step, discarded=stand.scale.discarded)
    return {at: figures[repr(at)] for at in timed}


def _seconds(stand: Stand) -> float:
    return ROUND_SECONDS if stand.scale.round_seconds >= 2 else 0.1


def _findings(case: str, figures: Mapping[str, list[float]]) -> Iterator[Finding]:
    for name, values in figures.items():
        ratio = None if name == OURS else ratios(figures[OURS], values)
        yield Finding(case, name, spread(values), "/s", ratio, "" if ratio is None else "hits for one")
