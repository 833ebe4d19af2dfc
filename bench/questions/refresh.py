"""How much cheaper is refreshing the recent tier than refreshing one undivided materialized view?

Before every round the same small batch of calls is written: some users, today. Then ``call_daily``'s recent tier
is refreshed by the refresher's own code (gates, snapshot, bookkeeping and log included) and, beside it, a
materialized view of the same SELECT that holds every day, with the same unique index; both CONCURRENTLY.

Limits: nothing else runs; the ratio grows with history, for the recent tier holds 45 days whatever there is.
"""

import time
from collections.abc import Iterator

from bench.finding import Finding, ratios, spread
from bench.rounds import interleave
from bench.seeded import leading
from bench.stand import Stand
from models.engine import connect
from refresher.drain import drain_once
from refresher.leadership import Connection, Reign
from refresher.refresh import refresh
from views_sql.catalog import CATALOG
from views_sql.loader import select_of

BATCH_CALLS = 50
UNDIVIDED = (
    "CREATE SCHEMA bench",
    f"CREATE MATERIALIZED VIEW bench.call_daily AS {select_of('call_daily', 1)}",
    "CREATE UNIQUE INDEX call_daily_key ON bench.call_daily (user_id, day, agent_id)",
    "ANALYZE bench.call_daily",
)
BATCH = (
    "INSERT INTO public.calls (user_id, agent_id, status, duration_seconds, cost_cents) "
    "SELECT a.user_id, a.id, 'completed', 61, 17 FROM public.agents a ORDER BY random() LIMIT %s"
)


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield the time of both refreshes after the same changes."""
    stand.expect(stand.scale.rounds + 1)
    with stand.database() as url, connect(url, "frontview-bench-refresh") as connection, leading(url) as leader:
        for statement in UNDIVIDED:
            connection.execute(statement)
        sides = {"recent tier": lambda: _recent(connection, leader), "undivided": lambda: _undivided(connection)}
        write_batch(connection, leader)

        def step() -> None:
            write_batch(connection, leader)
            stand.step()

        figures = interleave(sides, stand.scale.rounds, step)
    faster = ratios(figures["undivided"], figures["recent tier"])
    case = f"call_daily after {BATCH_CALLS} new calls"
    yield Finding(case, "recent tier", spread(figures["recent tier"]), "ms", faster, "times faster")
    yield Finding(case, "one undivided view", spread(figures["undivided"]), "ms")


def write_batch(connection: Connection, leader: tuple[Connection, Reign]) -> None:
    """Write the changes of a round and drain them."""
    connection.execute(BATCH, (BATCH_CALLS,))
    drain_once(*leader)


def _recent(connection: Connection, leader: tuple[Connection, Reign]) -> float:
    outcome = refresh(connection, CATALOG.view("call_daily"), ("recent",), leader[1].epoch)
    if outcome.word != "refreshed":
        raise RuntimeError(f"the recent tier was not refreshed: {outcome.word}")
    return outcome.duration_seconds * 1000


def _undivided(connection: Connection) -> float:
    began = time.perf_counter()
    connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY bench.call_daily")
    return (time.perf_counter() - began) * 1000
