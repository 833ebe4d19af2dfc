"""What an operator wants to know of the system as a whole: its state, and what its workers, tasks and requests do.

Invariant: one source for ``frontview stats`` and ``GET /api/v1/admin/stats``; only reads, nothing here names a user but
where an operator did.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

from web.cli.system_state import Connection, Row, read_rows, system_state

WORKERS: LiteralString = """
SELECT worker_id::text, host, pid, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS started_at,
    round(extract(epoch FROM clock_timestamp() - seen_at), 1)::float8 AS seen_seconds_ago, statistics
FROM frontview.worker WHERE seen_at > now() - interval '60 seconds' ORDER BY host, pid
"""
INVALIDATIONS: LiteralString = """
SELECT invalidation_id, pattern, asked_by,
    to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS asked_at, drain_id
FROM frontview.invalidation ORDER BY invalidation_id DESC LIMIT 20
"""
FEED: LiteralString = """
SELECT CASE WHEN starts_with(f.source, 'cache:') THEN 'by_hand' ELSE f.source END AS source,
    count(*) AS rows, count(DISTINCT f.drain_id) AS drains
FROM frontview.feed f GROUP BY 1 ORDER BY 1
"""
TASKS: LiteralString = """
SELECT task_id, kind, asked_by, to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS asked_at,
    to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ended_at,
    CASE WHEN ended_at IS NOT NULL THEN 'ended' WHEN started_at IS NOT NULL THEN 'running' ELSE 'waiting' END AS state,
    outcome
FROM frontview.operator_task ORDER BY task_id DESC LIMIT 20
"""
WARM_PLAN: LiteralString = """
SELECT reason, count(*) AS entries, count(DISTINCT user_id) AS users,
    to_char(min(wanted_from) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS wanted_from,
    to_char(max(wanted_until) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS wanted_until
FROM frontview.warm_plan GROUP BY reason ORDER BY reason
"""
COUNTED = ("entries", "bytes", "hits", "misses", "fills", "refused", "evictions")


def operator_state(connection: Connection) -> dict[str, Any]:
    """Return everything of ``system_state``, and workers, their sums, invalidations, tasks and the warm plan.

    :raises psycopg.errors.UndefinedTable: the database is not migrated.
    """
    workers = read_rows(connection, WORKERS)
    statistics = [worker["statistics"] for worker in workers]
    return system_state(connection) | {
        "workers": workers,
        "regions": sum_of_regions(statistics),
        "sources": sum_of_sources(statistics),
        "latencies": sum_of_latencies(statistics),
        "invalidations": {"by_hand": read_rows(connection, INVALIDATIONS), "feed": read_rows(connection, FEED)},
        "tasks": read_rows(connection, TASKS),
        "warm_plan": read_rows(connection, WARM_PLAN),
    }


def sum_of_regions(workers: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return each region's numbers, of all workers together, with the share of lookups that hit (None: no lookup)."""
    sums: dict[str, Counter[str]] = {}
    for worker in workers:
        for name, region in worker.get("cache", {}).get("regions", {}).items():
            counter = sums.setdefault(name, Counter())
            for counted in COUNTED:
                counter[counted] += _total(region.get(counted, 0))
    return [
        {"region": name, **{counted: counter[counted] for counted in COUNTED}, "hit_ratio": _hit_ratio(counter)}
        for name, counter in sorted(sums.items())
    ]


def sum_of_sources(workers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many answers came from each source, of all workers together; ``stale``: past their trust."""
    sums = Counter({"cache": 0, "materialized_view": 0, "database": 0, "stale": 0})
    for worker in workers:
        reads = worker.get("reads", {})
        for source in ("materialized_view", "database", "stale"):
            sums[source] += reads.get(source, 0)
        for region in worker.get("cache", {}).get("regions", {}).values():
            sums["cache"] += region.get("hits", 0)
    return dict(sums)


def sum_of_latencies(workers: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return each route's and source's requests of all workers together, and how long they took.

    ``p50_ms``, ``p99_ms``: the bound of the histogram's bucket in which that request fell; None: beyond the last.
    """
    counts: dict[tuple[str, str], Counter[float]] = {}
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for worker in workers:
        latency = worker.get("latency", {})
        bounds = [*latency.get("bounds_seconds", ()), math.inf]
        for series in latency.get("series", ()):
            of = (series["route"], series["source"])
            counts.setdefault(of, Counter()).update(dict(zip(bounds, series["counts"], strict=True)))
            seconds[of] += series["seconds"]
    return [
        {
            "route": of[0],
            "source": of[1],
            "requests": counter.total(),
            "mean_ms": round(1000 * seconds[of] / max(1, counter.total()), 3),
            "p50_ms": _bound_ms(counter, 0.5),
            "p99_ms": _bound_ms(counter, 0.99),
        }
        for of, counter in sorted(counts.items())
    ]


def _bound_ms(counter: Counter[float], share: float) -> float | None:
    """Return the least bound that this share of the requests does not exceed, in ms."""
    below = 0
    for bound in sorted(counter):
        below += counter[bound]
        if below >= share * counter.total():
            return None if bound == math.inf else bound * 1000
    return None


def _total(count: int | Mapping[str, int]) -> int:
    """Return a count, or the sum of counts by reason."""
    return sum(count.values()) if isinstance(count, Mapping) else count


def _hit_ratio(counter: Mapping[str, int]) -> float | None:
    lookups = counter["hits"] + counter["misses"]
    return round(counter["hits"] / lookups, 4) if lookups else None
