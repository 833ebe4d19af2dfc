"""How long does a hit take within the process, without a server and its sockets?

One process of its own loads the real worker, its threads running, and calls the WSGI application that granian would
call, with the environ that a running granian made of the same request during the run. In turn with it, in the same
process: the bare WSGI application and the Flask route that return exactly these bytes, and Flask-Caching's SimpleCache
behind the same token, whose data are byte for byte Frontview's. One thread calls, and its CPU time is taken; environs
are made before the clock starts, bodies are joined and closed. Once with the access log off and once with it on
(Frontview's default), into a pipe.

Limits: a single thread never waits for the interpreter's lock or for a lock of Frontview, as a server's threads do;
what granian itself adds, such as merging the process's environment into each environ, is in ``http_hit``.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.findings.plot import Bars
from bench.load.python_load import answer_to
from bench.load.request import Request
from bench.peers import constant_peers
from bench.peers.servers import bearer, dashboard_environment, wsgi_environ
from bench.questions.registry import Found
from bench.system.processes import answer_of, environment_for, refresher, web_server
from bench.system.rounds import Figures
from bench.system.stand import Stand

PATH = "/api/v1/dashboard/overview"
CALLS_A_ROUND_SECOND = 4_000
GOAL = Goal("<=", 5)
NAMES = {
    "frontview": "Frontview, hit",
    "bare": "bare WSGI, constant",
    "flask": "Flask, constant",
    "flask_caching": "Flask-Caching, in process",
}


def measure(stand: Stand) -> Iterator[Found]:
    """Yield microseconds a call."""
    stand.expect(2)
    with stand.database() as url, refresher(url), TemporaryDirectory() as folder:
        request = Request(PATH, bearer(stand.people.median))
        body = _body(url, request)
        (Path(folder) / "body").write_bytes(body)
        bodies = {constant_peers.FOLDER: folder}
        task = {
            "environ": wsgi_environ(request),
            "asked": {
                "frontview": {},
                "bare": {"PATH_INFO": "/body"},
                "flask": {"PATH_INFO": "/body"},
                "flask_caching": {"PATH_INFO": "/overview"},
            },
            "rounds": stand.scale.rounds,
            "calls": int(CALLS_A_ROUND_SECOND * stand.scale.round_seconds / 3),
        }
        for logging in (False, True):
            environment = {
                **environment_for(url, access_log=str(logging).lower()),
                **dashboard_environment(url, "simple"),
                **bodies,
            }
            figures: Figures = answer_of(["bench.in_process.hit_worker"], environment, task)
            yield from _findings(len(body), figures, logging=logging)
            stand.step()


def _body(url: str, request: Request) -> bytes:
    with web_server(url, 1) as (port, _):
        answer_to(port, request)
        return answer_to(port, request)[1]


def _findings(size: int, figures: Figures, *, logging: bool) -> Iterator[Found]:
    case = f"{size:,} bytes, access log {'on' if logging else 'off'}"
    ours = figures["frontview"]
    yield Finding(case, NAMES["frontview"], spread(ours), "µs", goal=GOAL)
    for name, values in figures.items():
        if name != "frontview":
            yield Finding(case, NAMES[name], spread(values), "µs", ratios(values, ours), "of a hit")
    if not logging:
        bars = {NAMES[name]: spread(values) for name, values in figures.items()}
        yield Bars("hit-in-process", "One answer in the process", "µs a call", bars, logarithmic=True)
