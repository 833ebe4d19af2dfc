"""The peers' servers, as their users run them, for as long as a question needs them.

Invariant: a peer is yielded after its first answer, and ends with its block.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import Any

from bench.load.python_load import answer_to
from bench.load.request import Request
from bench.peers import constant_peers, dashboard_peer
from bench.system.processes import SECRET, free_port, running, wait_until_it_answers
from web.auth.tokens import issue_token

GUNICORN_THREADS = 8  # Its documentation advises two to four a core; this is for two cores.
KEEP_ALIVE_SECONDS = 75
Served = tuple[int, Popen[bytes]]
Servers = Mapping[str, AbstractContextManager[Served]]


def served_together(stack: ExitStack, servers: Servers) -> dict[str, Served]:
    """Start several servers at a time, which end with ``stack``; return port and process by name."""
    with ThreadPoolExecutor(len(servers)) as threads:
        starting = {name: threads.submit(stack.enter_context, server) for name, server in servers.items()}
    return {name: it.result() for name, it in starting.items()}


def dashboard_environment(url: str, cache: str, *, folder: Path | None = None, **settings: str) -> dict[str, str]:
    """Return the environment of :mod:`bench.peers.dashboard_peer`.

    :param cache: ``none``, ``simple``, or the URL of a Redis.
    :param folder: of constant bodies that it should serve too.
    :param settings: ``life_seconds``, ``checks_tokens``, ``listens``.
    """
    named = {f"FRONTVIEW_BENCH_{name.upper()}": value for name, value in settings.items()}
    bodies = {constant_peers.FOLDER: str(folder)} if folder is not None else {}
    peer = {dashboard_peer.URL: url, dashboard_peer.SECRET: SECRET, dashboard_peer.CACHE: cache}
    return {**peer, **bodies, **named}


@contextmanager
def on_granian(factory: str, path: str, environment: Mapping[str, str], *options: str) -> Iterator[Served]:
    """Serve ``factory`` as Frontview is served, and yield port and process.

    :param path: requested until it answers.
    """
    port = free_port()
    with running("bench.peers.granian_peer", str(port), factory, *options, environment=environment) as process:
        wait_until_it_answers(f"http://127.0.0.1:{port}{path}", process)
        yield port, process


@contextmanager
def on_gunicorn(factory: str, environment: Mapping[str, str], *, workers: int = 1) -> Iterator[Served]:
    """Serve ``factory`` by gunicorn with threads, and yield port and process."""
    port = free_port()
    options = {
        "bind": f"127.0.0.1:{port}",
        "worker-class": "gthread",
        "workers": str(workers),
        "threads": str(GUNICORN_THREADS),
        "keep-alive": str(KEEP_ALIVE_SECONDS),
        "log-level": "error",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    module, _, name = factory.partition(":")
    with running(
        "gunicorn", *arguments, "--no-control-socket", f"{module}:{name}()", environment=environment
    ) as process:
        wait_until_it_answers(f"http://127.0.0.1:{port}{dashboard_peer.READY_PATH}", process)
        yield port, process


def bearer(user: int) -> dict[str, str]:
    """Return the header with a user's token."""
    return {"Authorization": f"Bearer {issue_token(SECRET, user)}"}


def wsgi_environ(request: Request | None = None) -> dict[str, Any]:
    """Return the environ that granian makes of a request, without streams, from a server started for that.

    :param request: the request whose path and headers the environ has; None: no token.
    """
    request = request or Request("/", {})
    path = constant_peers.ENVIRON_PATH
    with TemporaryDirectory() as folder:
        bodies = {constant_peers.FOLDER: folder}
        with on_granian("bench.peers.constant_peers:make_bare", path, bodies) as (port, _):
            _, body = answer_to(port, Request(path, request.headers))
    environ: dict[str, Any] = json.loads(body)
    return environ | {"PATH_INFO": request.path}
