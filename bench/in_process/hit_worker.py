"""``python -m bench.in_process.hit_worker``: times hits through WSGI callables in one process; prints one line of JSON.

A line of JSON on stdin holds a request's environ as granian made it, the numbers of rounds and calls, and the address
of the question in Frontview and in the peers. Each call has an environ of its own, made before the clock starts.

The figure is the CPU time of the calling thread: a hit waits for nothing, and other processes do not count.

Invariant: Frontview is the real worker with its threads, and it counts each timed answer as a hit.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bench.load.contender import HIT
from bench.peers import constant_peers, dashboard_peer
from bench.system.rounds import interleave
from web.context import context_of
from web.wsgi import app

BATCH = 250
SETTLE_SECONDS = 10.0
Environ = dict[str, Any]


class Caller:
    """Calls a WSGI application as a server does, and keeps the last status and headers."""

    def __init__(self, application: Callable[..., Iterable[bytes]], environ: Environ) -> None:
        self._application, self._environ = application, environ
        self.status, self.headers = "", list[tuple[str, str]]()

    def start_response(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        """Keep the status and the headers."""
        self.status, self.headers = status, headers

    def fresh(self) -> Environ:
        """Return an environ for one request."""
        return self._environ | {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}

    def ask(self, **changed: str) -> bytes:
        """Return the body of one answer to the environ, with ``changed`` keys."""
        body = self._application(self.fresh() | changed, self.start_response)
        whole = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        return whole

    def was_hit(self) -> bool:
        """Return whether the last answer came from Frontview's cache."""
        return HIT.decode() in dict(self.headers).get("Cache-Status", "")

    def microseconds(self, calls: int) -> float:
        """Return the mean time of a call over ``calls``."""
        application, start_response = self._application, self.start_response
        seconds = 0.0
        for _ in range(calls // BATCH):
            environs = [self.fresh() for _ in range(BATCH)]
            began = time.thread_time()
            for environ in environs:
                body = application(environ, start_response)
                if type(body) is not list:  # Flask's body must be read and closed
                    b"".join(body)
                    body.close()  # type: ignore[attr-defined]
            seconds += time.thread_time() - began
        assert self.status == "200 OK", self.status
        return seconds / (calls // BATCH * BATCH) * 1e6


def main() -> None:
    """Time all contenders in turn."""
    task = json.loads(sys.stdin.readline())
    callers = {name: _caller(name, task["environ"] | it) for name, it in task["asked"].items()}
    ours = callers["frontview"]
    end = time.monotonic() + SETTLE_SECONDS
    while not _is_hit(ours):
        assert time.monotonic() < end, "no hit came"
        time.sleep(0.02)
    data = ours.ask().removeprefix(b'{"data":').partition(b',"meta":{')[0]
    for name, caller in callers.items():
        assert data in caller.ask(), f"{name} answers something else"
    calls = task["calls"]
    timed = {name: partial(it.microseconds, calls) for name, it in callers.items()}
    timed["frontview"] = partial(_counted, ours, calls)
    json.dump(interleave(timed, task["rounds"]), sys.stdout)
    sys.stdout.flush()


def _caller(name: str, environ: Environ) -> Caller:
    factories: dict[str, Callable[[], Any]] = {
        "frontview": _frontview,
        "bare": constant_peers.make_bare,
        "flask": constant_peers.make_flask,
        "flask_caching": dashboard_peer.make_app,
    }
    return Caller(factories[name](), environ)


def _frontview() -> Any:
    context_of(app).worker.ensure_started()
    return app


def _is_hit(caller: Caller) -> bool:
    caller.ask()
    return caller.was_hit()


def _counted(caller: Caller, calls: int) -> float:
    """Return the time of a hit, after checking that the cache counted each call."""
    assert _is_hit(caller)
    before = _hits()
    figure = caller.microseconds(calls)
    assert _hits() - before >= 0.99 * calls // BATCH * BATCH, "not all of them were hits"
    return figure


def _hits() -> int:
    regions = context_of(app).worker.cache.statistics().regions.values()
    return sum(region.hits for region in regions)


if __name__ == "__main__":
    main()
    context_of(app).worker.stop()
