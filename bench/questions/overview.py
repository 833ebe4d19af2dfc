"""How much faster is an exact read from the views than the same answer from base tables?

Every dashboard is read exactly, with its default parameters, by the statement that the web server sends, on one warm
connection; the peer is the same function with base tables only (``p_base``). *Today stale*: the user has
written a call that was drained and not refreshed, so today is recomputed within the read. Both bodies must be
equal, byte for byte.

Limits: one connection, everything in memory, no network; the peer is Frontview's own base-tables read, which is a
careful one: index-only where it can be.
"""

from collections.abc import Iterator

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.system.dashboards import QUESTIONS, Question, add_call, is_today_patched, question_of
from bench.system.rounds import interleaved_milliseconds
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once

# the largest user's overview; a median user's every dashboard
LARGEST_GOAL = Goal(">=", 100)
MEDIAN_GOALS = {"nothing stale": Goal(">=", 5), "today stale": Goal(">=", 2)}


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield each dashboard's times, by user and staleness."""
    people = stand.people
    users = {"largest user": people.largest, "median user": people.median}
    stand.expect(2 * len(users) * len(QUESTIONS) * (stand.scale.rounds + 1))
    with stand.database() as url, connect(url, "frontview-bench-read") as connection, leading(url) as leader:
        for today in ("nothing stale", "today stale"):
            if today == "today stale":
                for user in users.values():
                    add_call(connection, user)
                drain_once(*leader)
            for asked in QUESTIONS:
                for name, user in users.items():
                    case = f"{asked}, {name}, {today}"
                    question = question_of(asked, user, connection)
                    yield from _compare(stand, connection, question, case, _goal(asked, name, today))


def _goal(dashboard: str, name: str, today: str) -> Goal | None:
    if name == "median user":
        return MEDIAN_GOALS[today]
    return LARGEST_GOAL if (dashboard, today) == ("overview", "today stale") else None


def _compare(stand: Stand, connection: Connection, asked: Question, case: str, goal: Goal | None) -> Iterator[Finding]:
    view, base = asked.reader(connection), asked.reader(connection, base=True)
    _check(view(), base(), patched="today stale" in case)
    figures = interleaved_milliseconds(
        {"view": view, "base": base}, stand.scale.rounds, {"view": 30, "base": 6}, stand.step
    )
    faster = ratios(figures["base"], figures["view"])
    yield Finding(case, "views, exact", spread(figures["view"]), "ms", faster, "times faster", goal)
    yield Finding(case, "base tables", spread(figures["base"]), "ms")


def _check(view: tuple[object, ...], base: tuple[object, ...], *, patched: bool) -> None:
    meant = is_today_patched(view) if patched else view[3:5] == ("materialized_view", 0)
    if not meant or base[3] != "database":
        raise RuntimeError(f"not what was meant to be measured: {view[3:5]} and {base[3:5]}")
    if view[0] != base[0]:
        raise RuntimeError("the two reads differ")
