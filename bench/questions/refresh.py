"""How much cheaper is refreshing the recent tier than refreshing one undivided view, and what do both grow with?

The recent tier of calls and its sums by day are refreshed together by the refresher's own code (gates, snapshot,
bookkeeping and log included). The peer is what one writes without Frontview: a materialized view of the same SELECT
that holds every day, with the same unique key; REFRESH … CONCURRENTLY with the server's defaults. Before each refresh
the same few calls are written. A second peer has what makes the tiers cheap apart from their size (a column that is
always NULL, work_mem): it shows which part of the difference comes from the division. Then the oldest half of history
is deleted, and the oldest half of the rest, and both are refreshed as before; at the end the number of changed keys
grows.

Limits: nothing else runs. History is made shorter by deleting its oldest days and rewriting the table. A large
undivided view allows few rounds: none is discarded, and in each the tier's figure is the median of three.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from bench.findings.finding import Finding, Goal, Spread, ratios, spread
from bench.findings.plot import Picture, Plot, Point
from bench.system.application import CALLS, CALLS_KEY, CALLS_SELECT
from bench.system.seeded import keep_newest, leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import RESOURCE_SETTINGS, refresh
from views_sql.generation.live_rows import ALWAYS_NULL
from views_sql.operations.catalog import load_application

CHEAPER, FLAT = Goal(">=", 8), Goal("<=", 1.2)
BATCH_CALLS = 50
SHARES = (1.0, 0.5, 0.25)
KEYS = (1, 10, 100, 1_000, 10_000)
MOST_ROUNDS, RECENT_A_ROUND = 3, 3
PEERS = {
    "one undivided view": CALLS_SELECT,
    "undivided, with our means": f"SELECT s.*, {ALWAYS_NULL} FROM ({CALLS_SELECT}) s",
}
BATCH = (
    "INSERT INTO public.calls (user_id, agent_id, status, duration_seconds, cost_cents) "
    "SELECT a.user_id, a.id, 'completed', 61, 17 FROM public.agents a ORDER BY random() LIMIT %s"
)
Found = Finding | Picture
Leader = tuple[Connection, Term]


class _Bench:
    """One database in which both sides are refreshed."""

    def __init__(self, connection: Connection, leader: Leader, step: Callable[[], None]) -> None:
        self._connection, self._leader, self._step = connection, leader, step
        self._view = load_application(connection).view(CALLS)
        connection.execute("CREATE SCHEMA bench")

    def make_peers(self) -> None:
        """Make the undivided views again, with the current contents."""
        for number, select in enumerate(PEERS.values()):
            self._connection.execute(f"DROP MATERIALIZED VIEW IF EXISTS bench.undivided_{number}")
            self._connection.execute(f"CREATE MATERIALIZED VIEW bench.undivided_{number} AS {select}")
            self._connection.execute(f"CREATE UNIQUE INDEX ON bench.undivided_{number} ({CALLS_KEY})")
            self._connection.execute(f"ANALYZE bench.undivided_{number}")
        self.recent(1)

    def calls(self) -> int:
        """Return the number of calls."""
        row = self._connection.execute("SELECT count(*) FROM public.calls").fetchone()
        assert row is not None
        return int(row[0])

    def recent(self, changed: int) -> float:
        """Return the milliseconds of refreshing the recent tier and its sums after ``changed`` new calls."""
        self._write(changed)
        result = refresh(self._connection, self._view, ("recent",), self._leader[1].epoch)
        if result.outcome != "refreshed":
            raise RuntimeError(f"the recent tier was not refreshed: {result.outcome}")
        return result.duration_seconds * 1000

    def undivided(self, number: int, changed: int) -> float:
        """Return the milliseconds of refreshing that peer after ``changed`` new calls."""
        self._write(changed)
        with self._connection.transaction():
            for statement in RESOURCE_SETTINGS if number else ():
                self._connection.execute(statement)
            began = time.perf_counter()
            self._connection.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY bench.undivided_{number}")
        return (time.perf_counter() - began) * 1000

    def rounds(self, count: int, peers: int) -> tuple[list[float], list[list[float]]]:
        """Return times of the tier, each the median of three, and of each peer, in rounds that take turns."""
        recent: list[float] = []
        others: list[list[float]] = [[] for _ in range(peers)]
        for _ in range(count):
            recent.append(median(self.recent(BATCH_CALLS) for _ in range(RECENT_A_ROUND)))
            for number, times in enumerate(others):
                times.append(self.undivided(number, BATCH_CALLS))
            self._step()
        return recent, others

    def _write(self, calls: int) -> None:
        self._connection.execute(BATCH, (calls,))
        drain_once(*self._leader)


def measure(stand: Stand) -> Iterator[Found]:
    """Yield how long both refreshes take, by the length of history and by the number of changed keys."""
    rounds = min(stand.scale.rounds, MOST_ROUNDS)
    stand.expect(rounds * len(SHARES) + len(KEYS))
    with stand.database() as url, connect(url, "frontview-bench-refresh") as connection, leading(url) as leader:
        bench = _Bench(connection, leader, stand.step)
        bench.make_peers()
        recent, peers = bench.rounds(rounds, len(PEERS))
        yield from _against_peers(recent, peers)
        yield from _changed_keys(bench, stand)
        by_history = [(bench.calls(), recent, peers[0])]
        for before, share in pairwise(SHARES):
            keep_newest(connection, share / before)
            bench.make_peers()
            recent, peers = bench.rounds(rounds, 1)
            by_history.append((bench.calls(), recent, peers[0]))
        yield from _history(by_history)


def _against_peers(recent: Sequence[float], peers: Sequence[Sequence[float]]) -> Iterator[Found]:
    case = f"the view of calls after {BATCH_CALLS} new calls"
    yield Finding(case, "recent tier with its sums", spread(recent), "ms")
    for number, (name, times) in enumerate(zip(PEERS, peers, strict=True)):
        goal = None if number else CHEAPER
        yield Finding(case, name, spread(times), "ms", ratios(times, recent), "of the tier's", goal)


def _changed_keys(bench: _Bench, stand: Stand) -> Iterator[Found]:
    agents = stand.scale.users * 2  # there are more
    keys = [count for count in KEYS if count <= agents]
    recent: list[Point] = []
    for count in keys:
        recent.append((count, spread([bench.recent(count) for _ in range(RECENT_A_ROUND)])))
        stand.step()
    ends: list[Point] = [(count, spread([bench.undivided(0, count)])) for count in (keys[0], keys[-1])]
    a_key = (recent[-1][1].median - recent[0][1].median) / (keys[-1] - keys[0]) * 1000
    yield Finding("changed keys", f"a further changed key, up to {keys[-1]:,}", Spread(a_key, a_key, a_key), "µs")
    lines = {"recent tier with its sums": recent, "one undivided view": ends}
    yield Plot("refresh_keys", "A refresh after changes", "changed keys", "ms", lines, "xy")


def _history(by_history: Sequence[tuple[int, Sequence[float], Sequence[float]]]) -> Iterator[Found]:
    for (calls, recent, undivided), (fewer, recent_before, undivided_before) in pairwise(by_history):
        case = f"history doubled, {fewer:,} to {calls:,} calls"
        grown, peers_growth = ratios(recent, recent_before), ratios(undivided, undivided_before)
        yield Finding(case, "recent tier with its sums", spread(recent), "ms", grown, "of before", FLAT)
        yield Finding(case, "one undivided view", spread(undivided), "ms", peers_growth, "of before")
    growing = list(reversed(by_history))
    lines = {
        "recent tier with its sums": [(calls, spread(recent)) for calls, recent, _ in growing],
        "one undivided view": [(calls, spread(undivided)) for calls, _, undivided in growing],
    }
    yield Plot("refresh_history", "A refresh as history grows", "calls of all time", "ms", lines, logarithmic="xy")
