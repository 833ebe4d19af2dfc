"""How long after its commit is a write in every worker's cached answer, and is it in exact answers at once?

``frontview serve`` with two workers and the real refresher, refreshing as by default; other users' calls are
written all the time. A probe writes a call of one user, and from the return of its commit asks, over several
keep-alive connections spread over both workers: first once with ``Cache-Control: no-cache``, which must show it,
then plainly until every connection's answer has shown it. Between probes the answer is cached again everywhere.

Limits: a cached answer is seen when it is asked for, about every two milliseconds on each connection; answering
the misses is in the time. The promise is one second; the median tells how soon it usually is.
"""

import http.client
import json
import random
import time
from collections.abc import Iterator
from statistics import median

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
CONNECTIONS = 6
PROMISE_MS = 1000
PAUSE_SECONDS = (0.05, 0.3)


class _Client:
    """One keep-alive connection that asks for the probe's overview."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, **headers: str) -> tuple[int, str]:
        """Return the number of calls shown, and who served the answer."""
        self._connection.request("GET", PATH, headers=self._headers | headers)
        answer = self._connection.getresponse()
        document = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise RuntimeError(f"status {answer.status}: {document}")
        return int(document["data"]["calls"]["all_time"]["calls"]), str(document["meta"]["source"])

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
            web_server(url, 2) as (port, _),
            steady_load(stand.server, url, script, clients=4, seconds=seconds, a_second=WRITES_A_SECOND),
        ):
            clients = [_Client(port, issue_token(SECRET, probe)) for _ in range(CONNECTIONS)]
            yield from _findings([_follow(clients, writer, probe, stand) for _ in range(stand.scale.probes)])
            for client in clients:
                client.close()


def _anyone_but(probe: int, users: int) -> str:
    """Return SQL for a random user's id that is not the probe's."""
    return f"(SELECT CASE WHEN r = {probe} THEN 1 ELSE r END FROM (SELECT 1 + floor(random() * {users})::bigint AS r))"


def _follow(clients: list[_Client], writer: Connection, probe: int, stand: Stand) -> tuple[float, float, bool, bool]:
    """Write one call and return ms until all cached answers have it, ms of the exact one, whether that had it."""
    before = max(client.ask()[0] for client in clients)
    time.sleep(random.uniform(*PAUSE_SECONDS))
    cached = all(client.ask()[1] == "cache" for client in clients)
    add_call(writer, probe)
    committed = time.monotonic()
    exact = random.choice(clients).ask(**{"Cache-Control": "no-cache"})[0]
    exact_ms = (time.monotonic() - committed) * 1000
    waiting = list(clients)
    while waiting:
        waiting = [client for client in waiting if client.ask()[0] <= before]
        time.sleep(0.002 if waiting else 0)
    stand.step()
    return (time.monotonic() - committed) * 1000, exact_ms, exact > before, cached


def _findings(probes: list[tuple[float, float, bool, bool]]) -> Iterator[Finding]:
    case = f"{len(probes)} writes, {sum(probe[3] for probe in probes)} of them met warm caches"
    seen = [probe[0] for probe in probes]
    last = percentile(seen, 0.99)
    yield Finding(case, "in every cached answer, median", Spread(median(seen), min(seen), max(seen)), "ms")
    yield Finding(case, "in every cached answer, p99", Spread(last, last, max(seen)), "ms", goal=Goal("<=", PROMISE_MS))
    missed = float(sum(not probe[2] for probe in probes))
    yield Finding(case, "exact answers without it", Spread(missed, missed, missed), "", goal=Goal("<=", 0))
    exact = [probe[1] for probe in probes]
    yield Finding(case, "an exact answer takes", Spread(median(exact), min(exact), max(exact)), "ms")
