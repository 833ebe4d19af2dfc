"""Compared with TimescaleDB's continuous aggregates: what shows late changes, and what does a refresh cost?

Where the server has TimescaleDB, the calls are copied into a hypertable with a continuous aggregate of sums by user and
day (real-time: ``materialized_only`` off), fully refreshed. Then, round by round, calls of the last weeks are inserted,
changed and deleted alike in both. Before any refresh, the number of calls of changed users is read through the
aggregate and through an exact read of the view of calls; each answer is compared with the table it aggregates. Then
both are refreshed: the window of the changes there, the tiers of recent days here. Where the server has no TimescaleDB,
one line says so.

Limits: never run against TimescaleDB, which no available server has; only the parts that need none of it were run.
The view of calls holds more: it is also by agent, with eight measures, on days of the user's own time zone; the
aggregate is by user, with three measures, on days of UTC. The refresh here includes its bookkeeping.
"""

import time
from collections.abc import Callable, Iterator

from bench.findings.finding import Absence, Finding, ratios, spread
from bench.peers.extensions import install, not_here
from bench.system.application import CALLS
from bench.system.rounds import interleave
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from views_sql.operations.catalog import load_application

OURS = "the view of calls"
CHANGES, WEEKS, ASKED = 100, 4, 50
AGGREGATE = (
    "CREATE SCHEMA bench",
    "CREATE TABLE bench.calls AS SELECT id, user_id, started_at, duration_seconds, cost_cents FROM public.calls",
    "ALTER TABLE bench.calls ALTER started_at SET NOT NULL",
    "SELECT create_hypertable('bench.calls', 'started_at', migrate_data => TRUE)",
    "CREATE INDEX ON bench.calls (id)",
    "CREATE INDEX ON bench.calls (user_id)",
    "CREATE MATERIALIZED VIEW bench.daily WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS "
    "SELECT user_id, time_bucket(INTERVAL '1 day', started_at) AS day, count(*) AS calls, "
    "sum(duration_seconds) AS duration_seconds, sum(cost_cents) AS cost_cents FROM bench.calls GROUP BY 1, 2 "
    "WITH NO DATA",
    "CALL refresh_continuous_aggregate('bench.daily', NULL, NULL)",
    "ANALYZE bench.calls",
)
WINDOW = f"now() - INTERVAL '{WEEKS + 1} weeks', now() - INTERVAL '1 day'"
LATE = f"started_at BETWEEN now() - INTERVAL '{WEEKS} weeks' AND now() - INTERVAL '3 days'"
CHANGED = f"SELECT id FROM public.calls WHERE {LATE} ORDER BY random() LIMIT {CHANGES}"
INSERTED = (
    "INSERT INTO public.calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
    f"SELECT user_id, agent_id, started_at, status, duration_seconds, cost_cents FROM public.calls WHERE {LATE} "
    f"ORDER BY random() LIMIT {CHANGES} RETURNING id, user_id"
)
COPIED = (
    "INSERT INTO bench.calls SELECT id, user_id, started_at, duration_seconds, cost_cents FROM public.calls "
    "WHERE id = ANY (%s)"
)
DELETED = "DELETE FROM {table} WHERE id = ANY (%s)"
TRULY = "SELECT count(*) FROM {table} WHERE user_id = %s"
AGGREGATED = "SELECT COALESCE(sum(calls), 0) FROM bench.daily WHERE user_id = %s"
EXACTLY = (
    "SELECT COALESCE(sum(m.m_calls), 0) FROM "
    f"frontview.begin_read(%s, '{{{CALLS}}}', '-infinity', 'infinity', FALSE) s, "
    f"LATERAL frontview.{CALLS}_merged(%s, '-infinity', 'infinity', s.views[1]) m"
)


def measure(stand: Stand) -> Iterator[Finding | Absence]:
    """Yield which side shows late changes, and the time of both refreshes after the same changes."""
    stand.expect(stand.scale.rounds + 1)
    with stand.database() as url, connect(url, "frontview-bench-aggregates") as connection:
        if not install(connection, "timescaledb"):
            yield not_here(f"{CHANGES} late changes", "TimescaleDB, continuous aggregate")
            return
        with leading(url) as leader:
            yield from _compare(stand, connection, leader)


def _compare(stand: Stand, connection: Connection, leader: tuple[Connection, Term]) -> Iterator[Finding]:
    for statement in AGGREGATE:
        connection.execute(statement.encode())
    there: list[float] = []
    here: list[float] = []

    def change() -> None:
        users = change_late(connection, copied=True)
        drain_once(*leader)
        there.append(right(users, lambda user: _number(connection, AGGREGATED, user), _truth(connection, "bench")))
        here.append(right(users, lambda user: exactly(connection, user), _truth(connection, "public")))

    def step() -> None:
        change()
        stand.step()

    change()
    sides = {OURS: lambda: _ours(connection, leader), "aggregate": lambda: _theirs(connection)}
    figures = interleave(sides, stand.scale.rounds, step)
    case = f"{CHANGES} late inserts, as many deletes"
    yield Finding(case, "users right before a refresh, exact read", spread(here), "%")
    yield Finding(case, "users right before a refresh, aggregate", spread(there), "%")
    faster = ratios(figures["aggregate"], figures[OURS])
    yield Finding(case, "refresh of recent days", spread(figures[OURS]), "ms", faster, "x faster")
    yield Finding(case, "refresh of the aggregate's window", spread(figures["aggregate"]), "ms")


def change_late(connection: Connection, *, copied: bool) -> list[int]:
    """Insert and delete calls of the last weeks; return some of the users they concern.

    :param copied: do the same to the hypertable.
    """
    new = connection.execute(INSERTED.encode()).fetchall()
    gone = [row[0] for row in connection.execute(CHANGED.encode()).fetchall()]
    if copied:
        connection.execute(COPIED, ([row[0] for row in new],))
    for table in ("public.calls", "bench.calls") if copied else ("public.calls",):
        connection.execute(DELETED.format(table=table).encode(), (gone,))
    return sorted({row[1] for row in new})[:ASKED]


def right(users: list[int], shown: Callable[[int], int], true: Callable[[int], int]) -> float:
    """Return the share of ``users`` for whom the shown number is true, in percent."""
    return 100 * sum(shown(user) == true(user) for user in users) / len(users)


def exactly(connection: Connection, user: int) -> int:
    """Return a user's number of calls by an exact read."""
    row = connection.execute(EXACTLY.encode(), (user, user)).fetchone()
    assert row is not None
    return int(row[0])


def _truth(connection: Connection, schema: str) -> Callable[[int], int]:
    return lambda user: _number(connection, TRULY.format(table=f"{schema}.calls"), user)


def _number(connection: Connection, query: str, user: int) -> int:
    row = connection.execute(query.encode(), (user,)).fetchone()
    assert row is not None
    return int(row[0])


def _ours(connection: Connection, leader: tuple[Connection, Term]) -> float:
    result = refresh(connection, load_application(connection).view(CALLS), ("recent",), leader[1].epoch)
    if result.outcome != "refreshed":
        raise RuntimeError(f"the recent tier was not refreshed: {result.outcome}")
    return result.duration_seconds * 1000


def _theirs(connection: Connection) -> float:
    began = time.perf_counter()
    connection.execute(f"CALL refresh_continuous_aggregate('bench.daily', {WINDOW})".encode())
    return (time.perf_counter() - began) * 1000
