"""What does a cached answer cost over HTTP, compared with constant bytes and with Flask and Flask-Caching?

``frontview serve`` with one worker answers the median user's overview from its cache, to a real token. Its peers have
one worker each, and all take turns over sixteen keep-alive connections: exactly the bytes of that answer from a bare
WSGI application and from a Flask route, to requests with the same headers, both under granian with Frontview's
settings; the overview as one builds it with Flask and SQLAlchemy (``bench/peers/dashboard_peer.py``), its answers kept
by Flask-Caching in Redis or in the process, under gunicorn with threads as its users run it, in the process also under
granian; and, without any cache, that dashboard and Frontview's with ``no-cache``, both for users around the median in
turn, so that no two computations can be shared. The same is measured with all of a worker's threads on one core
(``frontview serve --own-core``, the constants under granian likewise), and with each request logged (Frontview's
default), compared with a Flask route that is logged.

Checked in the run: the peer's answer is Frontview's data byte for byte; an answer before and after each round; the
cache counted a hit for each answer. Server CPU is for each answer, of all processes except the database's and Redis's.

Limits: generator and servers share the machine; the generator's share is shown.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.findings.finding import Finding, Goal, Spread, ratios, spread
from bench.findings.plot import Bars
from bench.load.contender import Contender, is_hit, says
from bench.load.http_load import generator
from bench.load.python_load import answer_to
from bench.load.request import Request
from bench.peers import constant_peers
from bench.peers.dashboard_peer import USER_PARAMETER
from bench.peers.redis_server import redis_server
from bench.peers.servers import Served, Servers, bearer, dashboard_environment, on_granian, on_gunicorn, served_together
from bench.questions.registry import Found
from bench.system.processes import refresher, web_server
from bench.system.rounds import Figures, interleave
from bench.system.stand import Stand

PATH = "/api/v1/dashboard/overview"
CONNECTIONS = 16
LONGEST_ROUND_SECONDS = 1.0
UNCACHED_USERS, CACHED_USERS = 64, 200
HIT, BARE, FLASK = "Frontview, hit", "bare WSGI, constant", "Flask, constant"
UNCACHED = "Flask and SQLAlchemy, no cache"
REDIS, REDIS_NO_TOKEN = "Flask-Caching, Redis", "Flask-Caching, Redis, no token"
GOALS = {BARE: Goal(">=", 0.6), FLASK: Goal(">=", 3), REDIS: Goal(">=", 15), REDIS_NO_TOKEN: Goal(">=", 15)}
PEER = "bench.peers.dashboard_peer:make_app"


def measure(stand: Stand) -> Iterator[Found]:
    """Yield throughput and CPU of hits and of the peers."""
    stand.expect(3 * (stand.scale.system_rounds + stand.scale.discarded))
    with stand.database() as url, refresher(url), ExitStack() as stack:
        body = yield from _everybody(stand, url, stack)
    for part in (_on_one_core, _logging):
        with stand.database() as url, refresher(url), ExitStack() as stack:
            yield from part(stand, url, stack, body)


def _everybody(stand: Stand, url: str, stack: ExitStack) -> Generator[Found, None, bytes]:
    ours = stack.enter_context(web_server(url, 1, access_log="false"))
    body = answer_to(ours[0], _ask(stand.people.median))[1]
    contenders = {
        **_frontview(ours, stand),
        **_median_user_asks(stack, stand, _constants(stack, body), body),
        **_dashboards(stack, stand, url, body),
    }
    figures = _interleave(stand, contenders)
    case = f"{len(body):,} bytes, {CONNECTIONS} connections"
    yield from _throughput(case, figures)
    if REDIS not in contenders:
        yield Finding(case, f"{REDIS}: no redis-server here", Spread(0, 0, 0), "/s")
    yield from _cpu(case, contenders)
    yield _latency(case, contenders)
    for name in (HIT, BARE):
        busy = spread([load.busy for load in contenders[name].loads])
        yield Finding(case, f"generator busy, {name} ({_generator(stand)})", busy, "of a core")
    bars = {name: spread(values) for name, values in figures.items()}
    yield Bars("http-hit", "Answers of one worker over HTTP", "answers a second", bars, logarithmic=True)
    return body


def _on_one_core(stand: Stand, url: str, stack: ExitStack, body: bytes) -> Iterator[Found]:
    servers = {HIT: web_server(url, 1, "--own-core", access_log="false"), **_constants(stack, body, "--own-core")}
    contenders = _median_user_asks(stack, stand, servers, body)
    case = f"{len(body):,} bytes, each worker on one core"
    yield from _throughput(case, _interleave(stand, contenders))
    yield from _cpu(case, contenders)


def _logging(stand: Stand, url: str, stack: ExitStack, body: bytes) -> Iterator[Found]:
    flask = _constants(stack, body, "--access-log")[FLASK]
    servers = {HIT: web_server(url, 1, access_log="true"), FLASK: flask}
    contenders = _median_user_asks(stack, stand, servers, body)
    case = f"{len(body):,} bytes, both with an access log"
    yield from _throughput(case, _interleave(stand, contenders), goals={})
    yield from _cpu(case, contenders)


def _ask(user: int, **headers: str) -> Request:
    return Request(PATH, {**bearer(user), **{name.replace("_", "-"): it for name, it in headers.items()}})


def _frontview(ours: Served, stand: Stand) -> dict[str, Contender]:
    middle = _around_the_median(stand, CACHED_USERS)
    uncached = [_ask(user, Cache_Control="no-cache") for user in middle[:UNCACHED_USERS]]
    return {
        HIT: _hit(ours, stand),
        f"Frontview, hit, {len(middle)} users": Contender(
            ours, [_ask(user) for user in middle], is_hit, counts_hits=True
        ),
        "Frontview, no-cache": Contender(ours, uncached, says(b'"source":"materialized_view"')),
    }


def _constants(stack: ExitStack, body: bytes, *options: str) -> Servers:
    """Return the constant peers, not started yet, which return ``body``."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    (folder / "body").write_bytes(body)
    environment = {constant_peers.FOLDER: str(folder)}
    factories = {BARE: "bench.peers.constant_peers:make_bare", FLASK: "bench.peers.constant_peers:make_flask"}
    return {name: on_granian(factory, "/body", environment, *options) for name, factory in factories.items()}


def _median_user_asks(stack: ExitStack, stand: Stand, servers: Servers, body: bytes) -> dict[str, Contender]:
    """Start constant peers, and Frontview if it is one of them; all get the same headers."""
    constant = Request("/body", bearer(stand.people.median))
    return {
        name: _hit(it, stand) if name == HIT else Contender(it, [constant], says(body))
        for name, it in served_together(stack, servers).items()
    }


def _hit(ours: Served, stand: Stand) -> Contender:
    return Contender(ours, [_ask(stand.people.median)], is_hit, counts_hits=True)


def _dashboards(stack: ExitStack, stand: Stand, url: str, body: bytes) -> dict[str, Contender]:
    """Start the peers that know users, and check that their answer is Frontview's."""
    redis = stack.enter_context(redis_server())
    data = body.removeprefix(b'{"data":').partition(b',"meta":')[0]
    median = stand.people.median
    simple, none = dashboard_environment(url, "simple"), dashboard_environment(url, "none")
    servers = {
        "Flask-Caching, in process": on_gunicorn(PEER, simple),
        "Flask-Caching, in process, granian": on_granian(PEER, "/ready", simple),
        UNCACHED: on_gunicorn(PEER, none),
    }
    if redis is not None:
        servers[REDIS] = on_gunicorn(PEER, dashboard_environment(url, redis))
        servers[REDIS_NO_TOKEN] = on_gunicorn(PEER, dashboard_environment(url, redis, checks_tokens="no"))
    contenders = dict.fromkeys(servers, ([Request("/overview", bearer(median))], says(data)))
    contenders[REDIS_NO_TOKEN] = [Request(f"/overview?{USER_PARAMETER}={median}", {})], says(data)
    users = _around_the_median(stand, UNCACHED_USERS)
    contenders[UNCACHED] = [Request("/overview", bearer(user)) for user in users], says(b'"recent_calls":[')
    return {name: Contender(it, *contenders[name]) for name, it in served_together(stack, servers).items()}


def _around_the_median(stand: Stand, most: int) -> list[int]:
    everyone = stand.people.everyone
    first = max(0, len(everyone) // 2 - most // 2)
    return list(everyone[first : first + most])


def _round_seconds(stand: Stand) -> float:
    return min(LONGEST_ROUND_SECONDS, stand.scale.round_seconds / 2)


def _generator(stand: Stand) -> str:
    return generator(_round_seconds(stand))


def _interleave(stand: Stand, contenders: Mapping[str, Contender]) -> Figures:
    rounds: dict[str, Callable[[], float]] = {
        name: partial(it.round, _round_seconds(stand), CONNECTIONS) for name, it in contenders.items()
    }
    discarded = stand.scale.discarded
    figures = interleave(rounds, stand.scale.system_rounds, stand.step, discarded=discarded)
    for contender in contenders.values():
        contender.forget(discarded)
    return figures


def _throughput(case: str, figures: Figures, goals: Mapping[str, Goal] = GOALS) -> Iterator[Finding]:
    yield Finding(case, HIT, spread(figures[HIT]), "/s")
    for name, values in figures.items():
        if name != HIT:
            yield Finding(
                case, name, spread(values), "/s", ratios(figures[HIT], values), "hits for one", goals.get(name)
            )


def _cpu(case: str, contenders: Mapping[str, Contender]) -> Iterator[Finding]:
    for name, it in contenders.items():
        yield Finding(f"{case}: server CPU", name, spread(it.cpu_us), "µs")


def _latency(case: str, contenders: Mapping[str, Contender]) -> Finding:
    return Finding(case, f"{HIT}, median latency", spread([it.median_ms for it in contenders[HIT].loads]), "ms")
