"""What does a grouped read that was generated from a declaration cost, compared with SQL written by hand?

The generated function of the view of calls answers by day of 30 days and by month of 400. Its peers ask for the same
figures of the same calls: the analytics of 0.1, written by hand, which reads leads as well, and the same function
without leads. Bodies of the generated and of the peer without leads must be equal.

Limits: nothing is stale; one connection, everything in memory; the plans of all functions are cached.
"""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.peers import by_hand
from bench.system.application import CALLS, CALLS_MEASURES
from bench.system.rounds import interleaved_milliseconds
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect

GOAL = Goal("<=", 1.1)
TIMES = 40
RANGES = {"30 days by day": (30, "day"), "400 days by month": (400, "month")}
DECLARED = (
    f"SELECT * FROM frontview.{CALLS}_read(%s, %s, %s, %s, '{{}}', NULL, FALSE, %s, NULL, 100, FALSE, NULL, FALSE)"  # nosec B608
)
PEER = "SELECT * FROM by_hand.calls_by_period(%s, %s, %s, %s, NULL, FALSE)"
ANALYTICS = "SELECT * FROM by_hand.dashboard_analytics(%s, %s, %s, %s, NULL, FALSE)"
MEASURES = [name.removeprefix("m_") for name in CALLS_MEASURES]
Read = Callable[[], tuple[object, ...]]


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield the generated read and its peers by user and range."""
    users = {"largest user": stand.people.largest, "median user": stand.people.median}
    stand.expect(len(users) * len(RANGES) * (stand.scale.rounds + 1))
    with (
        stand.database() as url,
        connect(url, "frontview-bench-read") as connection,
        leading(url) as leader,
    ):
        by_hand.populate(connection, leader)
        for name, user in users.items():
            for case, (days, granularity) in RANGES.items():
                yield from _compare(stand, connection, f"{case}, {name}", user, (days, granularity))


def _compare(stand: Stand, connection: Connection, case: str, user: int, asked: tuple[int, str]) -> Iterator[Finding]:
    row = connection.execute("SELECT (now() AT TIME ZONE 'UTC')::date").fetchone()
    assert row is not None
    last: date = row[0]
    days = (last - timedelta(days=asked[0] - 1), last)
    contenders: dict[str, Read] = {
        "generated": _reader(connection, DECLARED, (user, *days, asked[1], MEASURES)),
        "calls by hand": _reader(connection, PEER, (user, *days, asked[1])),
        "analytics": _reader(connection, ANALYTICS, (user, *days, asked[1])),
    }
    answers = [contender() for contender in contenders.values()]
    if any(answer[3:5] != ("materialized_view", 0) for answer in answers):
        raise RuntimeError(f"not what was meant to be measured: {[answer[3:5] for answer in answers]}")
    if json.loads(str(answers[0][0])) != json.loads(str(answers[1][0])):
        raise RuntimeError("the two reads of calls differ")
    figures = interleaved_milliseconds(contenders, stand.scale.rounds, dict.fromkeys(contenders, TIMES), stand.step)
    for peer in ("analytics", "calls by hand"):
        longer = ratios(figures["generated"], figures[peer])
        goal = GOAL if peer == "analytics" else None
        yield Finding(
            f"{case}, to {peer}", "generated", spread(figures["generated"]), "ms", longer, "times as long", goal
        )
        yield Finding(case, peer, spread(figures[peer]), "ms")


def _reader(connection: Connection, statement: str, values: tuple[object, ...]) -> Read:
    def read() -> tuple[object, ...]:
        row = connection.execute(statement.encode(), values, prepare=True).fetchone()
        assert row is not None
        return row

    return read
