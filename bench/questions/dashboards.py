"""What do dashboards cost that were generated from a declaration, compared with those of 0.1, written by hand?

The declared application and the dashboards of 0.1 with their views stand in one database, over the same tables;
overview, analytics, agents and performance are asked with the same parameters, and their figures must be equal. In a
second database the same users have each written a call that was drained and not refreshed: there today is recomputed
from the calls, here by their time in the user's zone, in 0.1 by a stored day; compared is how much longer that takes
than in the first. Last, the recent tier of calls is refreshed: the declared one joins the users for their zones, that
of 0.1 has the day in a column.

Limits: one connection, everything in memory; the plans of all functions are cached.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.peers import by_hand
from bench.peers.by_hand.asking import BY_HAND, GENERATED, of_by_hand, of_generated, statement
from bench.system.application import CALLS
from bench.system.dashboards import add_call
from bench.system.rounds import interleave, interleaved_milliseconds
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.operations.catalog import load_application

GOAL = Goal("<=", 1.0)
PATCH_GOAL = Goal("<=", 1.6)
PATCH_SLACK_MS, LEAST_PATCH_MS = 0.1, 0.001
REFRESH_GOAL = Goal("<=", 1.5)
TIMES = 40
Answer = tuple[str, str, int]
Leader = tuple[Connection, Term]


@dataclass(frozen=True)
class _Both:
    """A database that has both, with contents, and its leader's connection."""

    connection: Connection
    leader: Leader
    views: tuple[MaintainedView, ...]

    def write(self, user: int) -> None:
        """Let today of a user be stale."""
        add_call(self.connection, user)
        drain_once(*self.leader)

    def reader(self, function: str, user: int) -> Callable[[], Answer]:
        """Return a function that asks one of the dashboards."""
        asked = statement(function).encode()

        def read() -> Answer:
            row: Answer | None = self.connection.execute(asked, (user,), prepare=True).fetchone()
            assert row is not None
            return row

        return read

    def refresh(self, name: str, user: int) -> float:
        """Return how many milliseconds the refresh of a view's recent tier takes after a call of the user."""
        self.write(user)
        view = next(it for it in self.views if it.name == name)
        result = refresh(self.connection, view, ("recent",), self.leader[1].epoch)
        if result.outcome != "refreshed":
            raise RuntimeError(f"{name} was not refreshed: {result.outcome}")
        return result.duration_seconds * 1000


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield both dashboards by user, nothing stale and today stale, and both refreshes."""
    users = {"largest user": stand.people.largest, "median user": stand.people.median}
    stand.expect((len(users) * len(GENERATED) + 1) * (stand.scale.rounds + 1))
    with _database(stand) as clean, _database(stand) as stale:
        for user in users.values():
            stale.write(user)
        for dashboard in GENERATED:
            for name, user in users.items():
                yield from _compare(stand, f"{dashboard}, {name}", _contenders(dashboard, user, clean, stale))
        yield from _refreshes(stand, clean)


@contextmanager
def _database(stand: Stand) -> Iterator[_Both]:
    with (
        stand.database() as url,
        connect(url, "frontview-bench-dashboards") as connection,
        leading(url) as leader,
    ):
        by_hand.populate(connection, leader)
        yield _Both(connection, leader, (load_application(connection).view(CALLS), *by_hand.VIEWS))


def _contenders(dashboard: str, user: int, clean: _Both, stale: _Both) -> dict[str, Callable[[], Answer]]:
    """Return what is measured, after the answers were compared."""
    functions = {"generated": GENERATED[dashboard], "by hand": BY_HAND[dashboard]}
    found: dict[str, Callable[[], Answer]] = {}
    for state, both in (("", clean), (", today stale", stale)):
        readers = {f"{name}{state}": both.reader(function, user) for name, function in functions.items()}
        generated, peer = (read() for read in readers.values())
        # A UTC day is part of one or two days of a user's zone.
        if any(it[1] != "materialized_view" or (it[2] > 0) != bool(state) for it in (generated, peer)):
            raise RuntimeError(f"{dashboard}: not what was meant to be measured: {generated[1:]} and {peer[1:]}")
        if of_generated(dashboard, generated[0]) != of_by_hand(dashboard, peer[0]):
            raise RuntimeError(f"{dashboard}: the two answers to user {user} differ")
        found |= readers
    return found


def _compare(stand: Stand, case: str, contenders: dict[str, Callable[[], Answer]]) -> Iterator[Finding]:
    times = dict.fromkeys(contenders, TIMES)
    figures = interleaved_milliseconds(contenders, stand.scale.rounds, times, stand.step)
    longer = ratios(figures["generated"], figures["by hand"])
    yield Finding(case, "generated", spread(figures["generated"]), "ms", longer, "times as long", GOAL)
    yield Finding(case, "by hand", spread(figures["by hand"]), "ms")
    more = {
        name: [b - a for a, b in zip(figures[name], figures[f"{name}, today stale"], strict=True)]
        for name in ("generated", "by hand")
    }
    beyond = [max(it - PATCH_SLACK_MS, 0.0) for it in more["generated"]]
    allowed = ratios(beyond, [max(it, LEAST_PATCH_MS) for it in more["by hand"]])
    unit = f"times as much, but for {PATCH_SLACK_MS} ms"
    case = f"{case}, today stale"
    yield Finding(case, "generated", spread(more["generated"]), "ms more", allowed, unit, PATCH_GOAL)
    yield Finding(case, "by hand", spread(more["by hand"]), "ms more")


def _refreshes(stand: Stand, both: _Both) -> Iterator[Finding]:
    """Yield the refresh of the recent tier of calls, with the join of users' zones and without."""
    names = {"generated": CALLS, "by hand": "by_hand_call_daily"}
    user = stand.people.median
    contenders = {it: partial(both.refresh, name, user) for it, name in names.items()}
    figures = interleave(contenders, stand.scale.rounds, stand.step)
    longer = ratios(figures["generated"], figures["by hand"])
    case = "refresh of the recent tier of calls"
    yield Finding(case, "generated", spread(figures["generated"]), "ms", longer, "times as long", REFRESH_GOAL)
    yield Finding(case, "by hand", spread(figures["by hand"]), "ms")
