"""How long after its commit is a write in every worker's cached answer, and is it in exact answers at once?

``frontview serve`` with two workers and the real refresher, refreshing as by default; other users' calls are
written all the time. A probe writes a call of one user, whose overview every connection has just had from the
cache; plain probes for which that could not be had are left out of the times, and the case's name counts them.
From the return of the commit on, every second probe asks plainly over several keep-alive connections, spread over
both workers, until each has shown the call; the others ask once with ``Cache-Control: no-cache``, which must show
it. They are kept apart because a worker that has read exactly drops what it had cached before.

Limits: a cached answer is seen when it is asked for, about every two milliseconds on each connection; answering
the misses is in the time. The promise is one second; the median tells how soon it usually is.
"""

import http.client
import json
import random
import time
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from bench.dashboards import add_call, an_agent_of
from bench.finding import Finding, Goal, Spread, percentile
from bench.pgbench import insert_call, steady_load
from bench.processes import SECRET, refresher, web_server
from bench.stand import Stand
from models.engine import connect
from refresher.leadership import Connection
from web.tokens import issue_token

PATH = "/api/v1/dashboard/overview"
WRITES_A_SECOND = 200
WORKERS = 2
CONNECTIONS = 6
MOST_CONNECTIONS = 60
PROMISE_MS = 1000
PAUSE_SECONDS = (0.05, 0.3)
POLL_SECONDS = 0.002
WARM_ATTEMPTS, WARM_PAUSE_SECONDS = 40, 0.05


class _Shown(NamedTuple):
    """What one answer shows: calls of all time, who served it, and when it was computed."""

    calls: int
    source: str
    calculated_at: str


class _Probe(NamedTuple):
    """One write: whether it was looked for exactly, how long that took, whether it was found."""

    exact: bool
    milliseconds: float
    shown: bool
    warm: bool


class _Client:
    """One keep-alive connection that asks for the probe's overview."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, **headers: str) -> _Shown:
        """Return what the answer shows."""
        self._connection.request("GET", PATH, headers=self._headers | headers)
        answer = self._connection.getresponse()
        document = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise RuntimeError(f"status {answer.status}: {document}")
        meta = document["meta"]
        return _Shown(document["data"]["calls"]["all_time"]["calls"], meta["source"], meta["calculated_at"])

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield milliseconds from commit to sight, in cached and in exact answers."""
    stand.expect(stand.scale.probes)
    probe = stand.people.median
    with stand.database() as url, connect(url, "frontview-bench-probe") as writer:
        script = insert_call("public.calls", 1, an_agent_of(writer, stand.people.largest)).replace(
            ":user", _anyone_but(probe, stand.scale.users)
        )
        seconds = stand.scale.probes * 5 + 60
        with (
            refresher(url, refresh_min_seconds="5"),
            web_server(url, WORKERS) as (port, _),
            steady_load(stand.server, url, script, clients=4, seconds=seconds, a_second=WRITES_A_SECOND),
        ):
            clients = _connect_to_both(port, issue_token(SECRET, probe))
            yield from _findings(
                [_follow(clients, writer, probe, stand, exact=bool(number % 2)) for number in range(stand.scale.probes)]
            )
            for client in clients:
                client.close()


def _connect_to_both(port: int, token: str) -> list[_Client]:
    """Return connections of which some lead to either worker: their caches were filled at different times.

    :raises RuntimeError: they all lead to one.
    """
    clients: list[_Client] = []
    for _ in range(MOST_CONNECTIONS // CONNECTIONS):
        clients += [_Client(port, token) for _ in range(CONNECTIONS)]
        for client in clients:
            client.ask()
        cached = [shown for shown in (client.ask() for client in clients) if shown.source == "cache"]
        if len({shown.calculated_at for shown in cached}) == WORKERS:
            return clients
    raise RuntimeError("the connections do not reach both workers")


def _anyone_but(probe: int, users: int) -> str:
    """Return SQL for a random user's id that is not the probe's."""
    return f"(SELECT CASE WHEN r = {probe} THEN 1 ELSE r END FROM (SELECT 1 + floor(random() * {users})::bigint AS r))"


def _warm_up(clients: list[_Client]) -> bool:
    """Ask until every connection is answered from the cache; return whether that came to be."""
    for _ in range(WARM_ATTEMPTS):
        if {client.ask().source for client in clients} == {"cache"}:
            return True
        time.sleep(WARM_PAUSE_SECONDS)
    return False


def _follow(clients: list[_Client], writer: Connection, probe: int, stand: Stand, *, exact: bool) -> _Probe:
    """Write one call and look for it."""
    time.sleep(random.uniform(*PAUSE_SECONDS))
    warm = _warm_up(clients)
    before = max(client.ask().calls for client in clients)
    add_call(writer, probe)
    committed = time.monotonic()
    shown = True
    if exact:
        shown = random.choice(clients).ask(**{"Cache-Control": "no-cache"}).calls > before
    else:
        waiting = list(clients)
        while waiting := [client for client in waiting if client.ask().calls <= before]:
            time.sleep(POLL_SECONDS)
    stand.step()
    return _Probe(exact, (time.monotonic() - committed) * 1000, shown, warm)


def _findings(probes: list[_Probe]) -> Iterator[Finding]:
    # a cold cache computes its answer after the commit: it would look fresh without having been invalidated
    plain = [probe for probe in probes if not probe.exact]
    seen = [probe.milliseconds for probe in plain if probe.warm]
    if not seen:
        raise RuntimeError("no probe met warm caches")
    case = f"{len(probes)} writes; {len(seen)} of {len(plain)} plain probes met warm caches and count"
    last = percentile(seen, 0.99)
    yield Finding(case, "in every cached answer, median", Spread(median(seen), min(seen), max(seen)), "ms")
    yield Finding(case, "in every cached answer, p99", Spread(last, last, max(seen)), "ms", goal=Goal("<=", PROMISE_MS))
    missed = float(sum(not probe.shown for probe in probes))
    yield Finding(case, "exact answers without it", Spread(missed, missed, missed), "", goal=Goal("<=", 0))
    exact = [probe.milliseconds for probe in probes if probe.exact]
    yield Finding(case, "an exact answer takes", Spread(median(exact), min(exact), max(exact)), "ms")
