"""How much memory does a web worker take with a full cache, and an entry beyond its body?

A process of its own starts the real worker, reads four dashboards of some users through eight threads, and fills every
region to its limits through the cache's own interface. Resident memory is taken warm and full. *Declared limits*:
entries as many as allowed, each so large that bytes are full too. *Small entries*: the limit of entries lifted so that
the same bytes are filled by entries of about 8 kB; there the bookkeeping of an entry weighs most. An entry's bytes
beyond its body are measured by the growth of the process, not counted.

Then ``bench/in_process/entry_worker.py`` traces with tracemalloc what one entry takes beyond its body, over thousands
of real answers of many users, uncompressed. It measures the entry alone, filled by the read path, for questions that
many users ask (the pages' own) and for dates that one user asks for; and the entry with everything that is kept about a
user who asks twice over HTTP with a token of their own: verified claims, remembered questions, rate, counts.

Limits: each body is random bytes of its own, as different users' answers differ; memory that running requests take for
a moment is not included, beyond what warming up left behind.
"""

import json
from collections.abc import Iterator
from typing import Any

from bench.findings.finding import Finding, Goal, Spread
from bench.peers.servers import wsgi_environ
from bench.system.application import REGIONS
from bench.system.dashboards import DASHBOARDS
from bench.system.processes import SECRET, answer_of, environment_for, refresher
from bench.system.stand import Stand

MEGABYTE = 1_000_000
LIMITS_BYTES = sum(region.max_bytes for region in REGIONS)
ALLOWED_MEGABYTES = LIMITS_BYTES // MEGABYTE + 150
SMALL_ENTRY_BYTES = 8_000
WARM_USERS = 200
MOST_TRACED_USERS = 1_000
ENTRY_GOAL = Goal("<=", 400)
WAYS = {
    "read": "an entry beyond its body",
    "own": "the same, each of a question nobody else asks",
    "asked": "an entry with all that is kept of who asked",
}


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield resident memory of the worker, and bytes an entry takes beyond its body."""
    small = {region.name: {"max_entries": region.max_bytes // SMALL_ENTRY_BYTES} for region in REGIONS}
    cases = {"declared limits": {}, f"entries of {SMALL_ENTRY_BYTES:,} bytes": {"regions": json.dumps(small)}}
    stand.expect(len(cases) + 1)
    with stand.database() as url, refresher(url):
        for case, settings in cases.items():
            yield from _findings(case, _fill(stand, environment_for(url, log_level="error", **settings)))
            stand.step()
        yield from _traced(stand, url)
        stand.step()


def _fill(stand: Stand, environment: dict[str, str]) -> dict[str, Any]:
    users = [str(user) for user in stand.people.everyone[:WARM_USERS]]
    found: dict[str, Any] = answer_of(["bench.in_process.memory_worker", *users], environment)
    return found


def _traced(stand: Stand, url: str) -> Iterator[Finding]:
    room = {region.name: {"max_entries": 100_000, "max_bytes": 10**9} for region in REGIONS}
    settings = {"regions": json.dumps(room), "compress_from_bytes": str(10**9), "warming_enabled": "false"}
    environment = environment_for(url, log_level="error", access_log="false", **settings)
    everyone = stand.people.everyone
    traced = min(MOST_TRACED_USERS, max(1, len(everyone) // 4))
    task = {
        "users": list(everyone[:: len(everyone) // traced][:traced]),
        "dashboards": DASHBOARDS,
        "environ": wsgi_environ(),
        "secret": SECRET,
    }
    found = answer_of(["bench.in_process.entry_worker"], environment, task)
    for way, what in WAYS.items():
        it = found[way]
        case = f"traced: {it['entries']:,} entries, {it['bodies'] / it['entries']:,.0f} bytes of body each"
        goal = ENTRY_GOAL if way == "read" else None
        yield Finding(case, what, _one((it["grown"] - it["bodies"]) / it["entries"]), "bytes", goal=goal)


def _findings(case: str, found: dict[str, Any]) -> Iterator[Finding]:
    regions = found["regions"].values()
    entries = sum(region["entries"] for region in regions)
    counted = sum(region["bytes"] for region in regions)
    bodies = found["bodies_bytes"]
    growth = found["full_bytes"] - found["warm_bytes"]
    goal = Goal("<=", ALLOWED_MEGABYTES)
    yield Finding(case, f"worker, full ({entries:,} entries)", _megabytes(found["full_bytes"]), "MB", goal=goal)
    yield Finding(case, "worker, warm and empty", _megabytes(found["warm_bytes"]), "MB")
    yield Finding(case, "counted against the limits", _megabytes(counted), "MB")
    yield Finding(case, "an entry beyond its body", _one((growth - bodies) / entries), "bytes")
    yield Finding(case, "the same as counted", _one((counted - bodies) / entries), "bytes")


def _megabytes(count: int) -> Spread:
    return _one(count / MEGABYTE)


def _one(value: float) -> Spread:
    return Spread(value, value, value)
