"""``python -m bench.in_process.memory_worker``: one web worker, warm, its cache filled to the limits; prints JSON.

Invariant: the worker is the real one, with its pool, follower and loaded application; entries are stored through the
cache's own ``begin`` and ``finish``, each with its own body, key and parameters, made as the read path makes them.
"""

import gc
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import psutil  # type: ignore[import-untyped]

from bench.system.dashboards import DASHBOARDS
from models.settings import load_settings
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.entry import Entry, EntryKey
from refresher.front_cache.feed import Poll, Position
from refresher.front_cache.trust import Sighting
from views_sql.declaration.maintained_view import Catalog, Dashboard
from web.context import context_of
from web.reads.computing import make_entry
from web.reads.exact_read import Answer
from web.wsgi import app

EPOCH, DRAIN_ID = 1, 1
THREADS = 8
ROOM_BYTES = 2_600  # What an entry's share of the limit leaves for what is counted in addition to its body.
LIFE_SECONDS, NEVER_COMPRESSED_BYTES = 600, 10**9
FIRST_DAY = date(2020, 1, 1)
REGION_DASHBOARDS = {"dashboard": "analytics", "agent": "agents", "performance": "performance"}


def main() -> None:
    """Warm a worker up, fill its cache and print the memory that took."""
    users = [int(user) for user in sys.argv[1:]]
    worker = context_of(app).worker
    _warm_up(worker, users)
    catalog: Catalog = worker.serving.catalog
    worker.follower.stop()
    cache = worker.cache
    cache.flush("benchmark")
    gc.collect()
    before = _rss()
    _trust(cache)
    limits = {region.name: region for region in catalog.regions if region.name in REGION_DASHBOARDS}
    overrides = load_settings().regions
    bodies = 0
    for name, region in limits.items():
        most = overrides.get(name, {}).get("max_entries", region.max_entries)
        dashboard = catalog.dashboard(REGION_DASHBOARDS[name])
        bodies += _fill(cache, dashboard, most, region.max_bytes // most)
    gc.collect()
    regions = {name: asdict(region) for name, region in cache.statistics().regions.items()}
    print(json.dumps({"warm_bytes": before, "full_bytes": _rss(), "bodies_bytes": bodies, "regions": regions}))


def _warm_up(worker: Any, users: list[int]) -> None:
    def read(user: int) -> None:
        for dashboard in DASHBOARDS:
            worker.read_path.read(dashboard, user, worker.serving.catalog.dashboard(dashboard).defaults)

    worker.ensure_started()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, users))


def _trust(cache: FrontCache) -> None:
    now = time.monotonic()
    seen = Sighting(now, now, 0.0, time.time(), time.time())
    cache.apply(Poll(None, Position(EPOCH, 1, DRAIN_ID), seen))


def _fill(cache: FrontCache, dashboard: Dashboard, entries: int, bytes_each: int) -> int:
    """Fill a dashboard's region; return the bytes of all bodies."""
    bodies = 0
    for number in range(entries):
        body = os.urandom(max(16, bytes_each - ROOM_BYTES))
        key, entry = _entry(dashboard, number, body)
        _, fill = cache.join(key, time.monotonic(), exact=True)  # type: ignore[misc]  # no other fill runs
        why = cache.finish(fill, entry, epoch=EPOCH, drain_id=DRAIN_ID, undrained=False)
        if why is not None:
            raise SystemExit(f"the cache refused an entry: {why}")
        bodies += len(body)
    return bodies


def _entry(dashboard: Dashboard, number: int, body: bytes) -> tuple[EntryKey, Entry]:
    """Return an entry as the read path makes it from a statement's answer."""
    first = FIRST_DAY + timedelta(days=number % 2000)
    last = first + timedelta(days=29)
    given = {**dashboard.defaults, "from": first, "to": last, "agent": (10**6 + number,)}
    arguments = tuple(given.get(name) for name in dashboard.arguments)
    key = EntryKey(dashboard.region, 10**6 + number, dashboard.name, arguments, dashboard.declaration)
    answer = Answer(
        body=body,
        epoch=EPOCH,
        drain_id=DRAIN_ID,
        source="materialized_view",
        patched_days=1,
        undrained=False,
        first_day=first,
        last_day=last,
        valid_seconds=None,
        sent=time.monotonic(),
        calculated_at=time.time(),
        database_ms=1.0,
    )
    entry = make_entry(dashboard, key, answer, LIFE_SECONDS, NEVER_COMPRESSED_BYTES)
    assert entry is not None
    return key, entry


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
