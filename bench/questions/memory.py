"""How much memory does a web worker take with every region of its cache full?

A process of its own starts the real worker, reads four dashboards of some users through eight threads, and fills
every region to its limits through the cache's own interface. Resident memory is taken warm and full. *Declared
limits*: entries as many as allowed, each so large that bytes are full too. *Small entries*: the limit of entries
lifted so that the same bytes are filled by entries of about 8 kB; there the bookkeeping of an entry weighs most.
An entry's bytes beyond its body are those of the growth of the process, not of a count.

Limits: the bodies are random bytes of their own, as answers of different users are; memory that requests in work
take for a moment is not in it, beyond what warming up left behind.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bench.finding import Finding, Goal, Spread
from bench.processes import environment_for, refresher
from bench.seeded import ROOT
from bench.stand import Stand
from refresher.entry import ENTRY_OVERHEAD_BYTES
from views_sql.catalog import CATALOG

MEGABYTE = 1_000_000
LIMITS_BYTES = sum(region.max_bytes for region in CATALOG.regions)
ALLOWED_MEGABYTES = LIMITS_BYTES // MEGABYTE + 150
SMALL_ENTRY_BYTES = 8_000
WARM_USERS = 200


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield resident memory of the worker, and bytes an entry takes beyond its body."""
    small = {region.name: {"max_entries": region.max_bytes // SMALL_ENTRY_BYTES} for region in CATALOG.regions}
    cases = {"declared limits": {}, f"entries of {SMALL_ENTRY_BYTES:,} bytes": {"regions": json.dumps(small)}}
    stand.expect(len(cases))
    with stand.database() as url, refresher(url):
        for case, settings in cases.items():
            yield from _findings(case, _fill(stand, environment_for(url, log_level="error", **settings)))
            stand.step()


def _fill(stand: Stand, environment: dict[str, str]) -> dict[str, Any]:
    users = [str(user) for user in stand.people.everyone[:WARM_USERS]]
    command = [sys.executable, "-m", "bench.memory_worker", *users]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def _findings(case: str, found: dict[str, Any]) -> Iterator[Finding]:
    regions = found["regions"].values()
    entries = sum(region["entries"] for region in regions)
    counted = sum(region["bytes"] for region in regions)
    bodies = counted - entries * ENTRY_OVERHEAD_BYTES
    growth = found["full_bytes"] - found["warm_bytes"]
    goal = Goal("<=", ALLOWED_MEGABYTES)
    yield Finding(case, f"worker, full ({entries:,} entries)", _megabytes(found["full_bytes"]), "MB", goal=goal)
    yield Finding(case, "worker, warm and empty", _megabytes(found["warm_bytes"]), "MB")
    yield Finding(case, "counted against the limits", _megabytes(counted), "MB")
    yield Finding(case, "an entry beyond its body", _one((growth - bodies) / entries), "bytes")
    yield Finding(case, "the same as counted", _one(ENTRY_OVERHEAD_BYTES), "bytes")


def _megabytes(count: int) -> Spread:
    return _one(count / MEGABYTE)


def _one(value: float) -> Spread:
    return Spread(value, value, value)
