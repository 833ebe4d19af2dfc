"""What does exactness cost when nothing is stale?

The exact read against *bare* functions (:mod:`bench.bare`) that return the same bytes from the same tiers without
asking whether they are up to date: no watermark, no stale keys, no check against rewrites. Both prepared, on one
warm connection.

Limits: the bare functions may lie by as much as the views are behind; nobody could serve them as exact. Times are
of the whole statement, so that building the JSON, which both do, is in both.
"""

from collections.abc import Iterator

from bench.bare import BARE_DASHBOARDS, bare_function
from bench.dashboards import NO_ARGUMENTS, Question
from bench.finding import Finding, Goal, ratios, spread
from bench.rounds import interleaved_milliseconds
from bench.stand import Stand
from models.engine import connect
from refresher.leadership import Connection

GOAL = Goal("<=", 2)
VERSIONS = dict.fromkeys(BARE_DASHBOARDS, 1)


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield exact and bare reads of overview and analytics, by user."""
    people = stand.people
    users = {"largest user": people.largest, "median user": people.median}
    stand.expect(len(BARE_DASHBOARDS) * len(users) * (stand.scale.rounds + 1))
    with stand.database() as url, connect(url, "frontview-bench-read") as connection:
        connection.execute("CREATE SCHEMA bare")
        for dashboard in BARE_DASHBOARDS:
            connection.execute(bare_function(dashboard, VERSIONS[dashboard]))
            for name, user in users.items():
                yield from _compare(stand, connection, Question(dashboard, user), f"{dashboard}, {name}")


def _compare(stand: Stand, connection: Connection, asked: Question, case: str) -> Iterator[Finding]:
    exact = asked.reader(connection)
    values = (asked.user, *NO_ARGUMENTS[asked.dashboard], False)
    statement = f"SELECT bare.dashboard_{asked.dashboard}({', '.join(['%s'] * len(values))})"

    def bare() -> tuple[object, ...] | None:
        return connection.execute(statement, values, prepare=True).fetchone()

    if (found := bare()) is None or found[0] != exact()[0]:
        raise RuntimeError(f"{case}: the two reads differ")
    figures = interleaved_milliseconds(
        {"exact": exact, "bare": bare}, stand.scale.rounds, {"exact": 40, "bare": 40}, stand.step
    )
    cost = ratios(figures["exact"], figures["bare"])
    yield Finding(case, "exact", spread(figures["exact"]), "ms", cost, "times as long", GOAL)
    yield Finding(case, "bare views", spread(figures["bare"]), "ms")
