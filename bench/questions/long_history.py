"""Does an exact read stay as fast when its user's history doubles?

In a clone of the database the older half of the measured users' history is deleted, and the refresher's own code
populates every view again. The same dashboards are then read in both databases, in turns, with nothing
stale: the analytics of the last 30 days, which should stay equal, and the overview, whose sums are of all time.

Limits: the history of the others stays, so the tables are about as large in both; one connection each, everything in
memory, no network.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.questions.registry import Found
from bench.system.dashboards import Question
from bench.system.rounds import interleaved_milliseconds
from bench.system.seeded import empty, leading, refresh_everything
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from views_sql.operations.catalog import load_application

GOALS = {"analytics": Goal("<=", 1.1), "overview": Goal("<=", 1.3)}
TIMES = 40
HALVE = (
    "DELETE FROM public.lead_analytics l USING public.calls c "
    "WHERE c.id = l.call_id AND c.user_id = ANY (%(users)s) AND c.started_at < CURRENT_DATE - %(days)s::integer",
    "DELETE FROM public.calls WHERE user_id = ANY (%(users)s) AND started_at < CURRENT_DATE - %(days)s::integer",
    "DELETE FROM public.agent_analytics WHERE user_id = ANY (%(users)s) AND day < CURRENT_DATE - %(days)s::integer",
)


def measure(stand: Stand) -> Iterator[Found]:
    """Yield both databases' times, by dashboard and user."""
    people = stand.people
    users = {"largest user": people.largest, "median user": people.median}
    stand.expect(len(GOALS) * len(users) * (stand.scale.rounds + 1))
    with (
        stand.database() as whole_url,
        stand.database() as half_url,
        connect(whole_url, "frontview-bench-whole") as whole,
        connect(half_url, "frontview-bench-half") as half,
    ):
        _halve(half, half_url, list(users.values()), stand.scale.days // 2)
        for dashboard, goal in GOALS.items():
            for name, user in users.items():
                readers = {"whole": _reader(dashboard, user, whole), "half": _reader(dashboard, user, half)}
                figures = interleaved_milliseconds(
                    readers, stand.scale.rounds, dict.fromkeys(readers, TIMES), stand.step
                )
                longer = ratios(figures["whole"], figures["half"])
                case = f"{dashboard}, {name}"
                yield Finding(
                    case, f"{stand.scale.days} days", spread(figures["whole"]), "ms", longer, "times as long", goal
                )
                yield Finding(case, "half of them", spread(figures["half"]), "ms")


def _halve(connection: Connection, url: str, users: list[int], days: int) -> None:
    for statement in HALVE:
        connection.execute(statement, {"users": users, "days": days})
    for view in load_application(connection).views:  # populated again, a tier is not compared with its earlier contents
        empty(connection, view)
    connection.execute("VACUUM (ANALYZE) public.calls, public.lead_analytics, public.agent_analytics")
    with leading(url) as (drain, term):
        refresh_everything(drain, term, connection)
    connection.execute("VACUUM (ANALYZE)")


def _reader(dashboard: str, user: int, connection: Connection) -> Callable[[], tuple[Any, ...]]:
    read = Question(dashboard, user).reader(connection)
    if (row := read())[3:5] != ("materialized_view", 0):
        raise RuntimeError(f"not what was meant to be measured: {row[3:5]}")
    return read
