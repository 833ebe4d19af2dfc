"""What does exactness cost when nothing is stale, and when today is?

The exact read of every dashboard against *bare* functions (:mod:`bench.peers.bare`) that return the same bytes from the
same tiers without asking whether they are up to date: no watermark, no stale keys, no check against rewrites. In a
second clone of the database the same users have written a call that was drained and not refreshed: there the exact read
recomputes today. All three take turns, prepared, each on a warm connection of its own.

Limits: the bare functions may lie by as much as the views are behind; they could not be served as exact.
Times are of the whole statement, so all of them contain the building of the JSON.
"""

from collections.abc import Callable, Iterator

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.peers.bare import bare_name, install_bare_dashboards
from bench.system.dashboards import QUESTIONS, Question, add_call, is_today_patched, question_of
from bench.system.rounds import interleaved_milliseconds
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from views_sql.operations.catalog import load_application

GOAL = Goal("<=", 1.5)
TODAY_MORE_MS = {"largest user": Goal("<=", 3), "median user": Goal("<=", 1)}
TIMES = 40


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield exact and bare reads of every dashboard, by user, and the exact read with today stale."""
    people = stand.people
    users = {"largest user": people.largest, "median user": people.median}
    stand.expect(len(QUESTIONS) * len(users) * (stand.scale.rounds + 1))
    with (
        stand.database() as clean_url,
        stand.database() as stale_url,
        connect(clean_url, "frontview-bench-clean") as clean,
        connect(stale_url, "frontview-bench-stale") as stale,
    ):
        install_bare_dashboards(clean)
        with leading(stale_url) as leader:
            for user in users.values():
                add_call(stale, user)
            drain_once(*leader)
        for asked in QUESTIONS:
            for name, user in users.items():
                yield from _compare(stand, asked, name, question_of(asked, user, clean), clean, stale)


def _compare(
    stand: Stand, asked: str, name: str, question: Question, clean: Connection, stale: Connection
) -> Iterator[Finding]:
    contenders = {
        "exact": question.reader(clean),
        "bare": _bare_reader(question, clean),
        "today": question.reader(stale),
    }
    exact, bare, today = (read() for read in contenders.values())
    if exact[3:5] != ("materialized_view", 0) or not is_today_patched(today):
        raise RuntimeError(f"{question}: not what was meant to be measured: {exact[3:5]} and {today[3:5]}")
    if exact[0] != bare[0]:
        raise RuntimeError(f"{question}: the two reads differ")
    figures = interleaved_milliseconds(contenders, stand.scale.rounds, dict.fromkeys(contenders, TIMES), stand.step)
    cost = ratios(figures["exact"], figures["bare"])
    more = [b - a for a, b in zip(figures["exact"], figures["today"], strict=True)]
    case = f"{asked}, {name}"
    yield Finding(case, "exact", spread(figures["exact"]), "ms", cost, "times as long", GOAL)
    yield Finding(case, "bare views", spread(figures["bare"]), "ms")
    yield Finding(case, "exact, today stale", spread(figures["today"]), "ms")
    yield Finding(case, "more than nothing stale", spread(more), "ms", goal=TODAY_MORE_MS[name])


def _bare_reader(question: Question, connection: Connection) -> Callable[[], tuple[object, ...]]:
    dashboard = load_application(connection).dashboard(question.dashboard)
    values = (question.user, *question.values(dashboard), False)
    statement = f"SELECT {bare_name(dashboard.function)}({', '.join(['%s'] * len(values))})"

    def bare() -> tuple[object, ...]:
        row = connection.execute(statement.encode(), values, prepare=True).fetchone()
        assert row is not None
        return row

    return bare
