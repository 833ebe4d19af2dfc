"""What does the first population of a view cost, compared with a plain CREATE MATERIALIZED VIEW of its rows?

The view of calls as a migration leaves it, without contents, is populated by the refresher's own code: all four tiers
with their unique indexes, horizon, bookkeeping and statistics. Two peers do it plainly, each a CREATE MATERIALIZED
VIEW, its unique index and ANALYZE: *undivided* holds every row once, in one view, which is less than the tiers, since
those also hold sums; *the same contents* makes the four, the sums from the rows. The goal is stated against the plain
statement with the server's defaults, and against the same contents with the work_mem that a refresh takes. The
undivided view with that work_mem is also shown: it separates the effect of work_mem.

Limits: everything is in memory or in the page cache from the previous round; after a restart it would be read from
disk.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.system.application import CALLS, CALLS_KEY, CALLS_MEASURES, CALLS_SELECT
from bench.system.rounds import interleave
from bench.system.seeded import RECENT_DAYS, empty, leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import RESOURCE_SETTINGS, refresh
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.operations.catalog import load_application

GOAL = Goal("<=", 1.2)
MOST_ROUNDS = 5
SUMS = ", ".join(f"sum({measure})::numeric AS {measure}" for measure in CALLS_MEASURES)


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield seconds of each way to fill a view."""
    rounds = min(stand.scale.rounds, MOST_ROUNDS)
    stand.expect(rounds + 1)
    horizon = datetime.now(UTC).date() - timedelta(days=RECENT_DAYS)
    with stand.database() as url, connect(url, "frontview-bench-populate") as connection, leading(url) as (_, term):
        connection.execute("CREATE SCHEMA bench")
        view = load_application(connection).view(CALLS)
        undivided = {"undivided": (CALLS_SELECT, CALLS_KEY)}
        contents = {
            "archive": (f"SELECT * FROM ({CALLS_SELECT}) s WHERE day < '{horizon}'", CALLS_KEY),
            "total": (f"SELECT user_key, {SUMS} FROM bench.archive GROUP BY user_key", "user_key"),
            "recent": (f"SELECT * FROM ({CALLS_SELECT}) s WHERE day >= '{horizon}'", CALLS_KEY),
            "by_day": (f"SELECT user_key, day, {SUMS} FROM bench.recent GROUP BY user_key, day", "user_key, day"),
        }
        sides: dict[str, Callable[[], float]] = {
            "tiers": lambda: _populate(connection, term, view),
            "undivided, plain": lambda: _create(connection, undivided),
            "undivided, with our work_mem": lambda: _create(connection, undivided, RESOURCE_SETTINGS),
            "the same contents": lambda: _create(connection, contents, RESOURCE_SETTINGS),
        }
        figures = interleave(sides, rounds, stand.step)
    case = "the view of calls, from nothing"
    for name, times in figures.items():
        ratio = None if name == "tiers" else ratios(figures["tiers"], times)
        goal = GOAL if name in ("undivided, plain", "the same contents") else None
        yield Finding(case, name, spread(times), "s", ratio, "of it for the tiers" if ratio else "", goal)


def _populate(connection: Connection, term: Term, view: MaintainedView) -> float:
    """Empty the tiers, as a migration makes them, and populate them."""
    empty(connection, view)
    connection.execute("CHECKPOINT")
    began = time.perf_counter()
    horizon = datetime.now(UTC).date() - timedelta(days=RECENT_DAYS)
    result = refresh(connection, view, view.tiers, term.epoch, horizon=horizon)
    if result.outcome != "populated":
        raise RuntimeError(f"the view was not populated: {result.outcome}")
    return time.perf_counter() - began


def _create(connection: Connection, views: dict[str, tuple[str, str]], means: Sequence[str] = ()) -> float:
    for name in reversed(views):
        connection.execute(f"DROP MATERIALIZED VIEW IF EXISTS bench.{name}")
    connection.execute("CHECKPOINT")
    began = time.perf_counter()
    with connection.transaction():
        for statement in means:
            connection.execute(statement)
        for name, (select, key) in views.items():
            connection.execute(f"CREATE MATERIALIZED VIEW bench.{name} AS {select}")
            connection.execute(f"CREATE UNIQUE INDEX {name}_key ON bench.{name} ({key})")
    connection.execute("ANALYZE " + ", ".join(f"bench.{name}" for name in views))
    return time.perf_counter() - began
