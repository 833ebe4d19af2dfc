"""What do late changes, the horizon and populations cost as history grows?

Archive and sums of calls are kept by the refresher's own code (gates, snapshots, bookkeeping and log included):
one late change, 1,000 and 10,000 late keys, the horizon moved by one day, a rebuild, and the first population. A move
is compared with a refresh of the recent tier, which it comes with. A peer does the same with one undivided materialized
view of the same SELECT and key: REFRESH … CONCURRENTLY after changes, and CREATE MATERIALIZED VIEW with its index and
ANALYZE. TimescaleDB's continuous aggregate is refreshed after late changes, where the server has it. The overview is
read with nothing stale, and with ten stale days in the archive. Then the oldest days are deleted and everything is
measured again: days are as busy at every size.

Limits: nothing else runs. The recent tier holds seven days, so that the shortest history has an archive too. WAL is the
server's. An undivided view allows few rounds: none is discarded, and in each of them the archive is brought up to date
several times, a peer once for all of these changes. Never run against TimescaleDB, which no available server has.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from statistics import median

from bench.findings.finding import Finding, Goal, ratios, spread
from bench.findings.plot import Plot, Point
from bench.peers.extensions import install, not_here
from bench.questions.continuous_aggregates import AGGREGATE, COPIED
from bench.questions.registry import Found
from bench.system.application import CALL_DAY, CALLS, CALLS_KEY, CALLS_SELECT
from bench.system.cost import Cost, cost_of
from bench.system.dashboards import Question
from bench.system.rounds import interleaved_milliseconds
from bench.system.seeded import empty, keep_newest, leading, refresh_everything
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from views_sql.operations.catalog import load_application

ONE_CHANGE, UNDIVIDED, MOVE, POPULATION = Goal("<=", 5), Goal(">=", 500), Goal("<=", 100), Goal("<=", 1.2)
SHARES = (1.0, 0.24, 0.06)
LATE = {1: "one late change", 1_000: "1,000 late keys", 10_000: "10,000 late keys"}
TIMES = {1: 20, 1_000: 3, 10_000: 1}  # How often ours is measured each time that a peer is.
MOST_ROUNDS, RECENT_DAYS, STALE_DAYS, READS, A_DRAIN = 2, 7, 10, 40, 2_500
AS_THE_REFRESHER = {"synchronous_commit": "off"}
CREATE = (
    f"CREATE MATERIALIZED VIEW bench.undivided AS {CALLS_SELECT}",
    f"CREATE UNIQUE INDEX ON bench.undivided ({CALLS_KEY})",
    "ANALYZE bench.undivided",
)
PEERS = {
    "one undivided view": "REFRESH MATERIALIZED VIEW CONCURRENTLY bench.undivided",
    "TimescaleDB, continuous aggregate": "CALL refresh_continuous_aggregate('bench.daily', NULL, NULL)",
}
# Arbitrary keys, the same in every run.
KEYS = f"""
SELECT d.user_id, d.day FROM (
    SELECT DISTINCT c.user_id, {CALL_DAY} AS day FROM public.calls c JOIN public.users u ON u.id = c.user_id
) d
WHERE d.day < %s ORDER BY hashint8(d.user_id) # hashint4(d.day - date '2000-01-01') LIMIT 50000
"""  # nosec B608  # our own names
WRITE = """
INSERT INTO public.calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT u.id, a.id, (k.day + time '12:00') AT TIME ZONE u.timezone, 'completed', 61, 17
FROM unnest(%s::bigint[], %s::date[]) k (user_id, day) JOIN public.users u ON u.id = k.user_id
JOIN LATERAL (SELECT * FROM public.agents a WHERE a.user_id = u.id ORDER BY a.id LIMIT 1) a ON TRUE
RETURNING id
"""
ROWS_OF_A_DAY = f"SELECT count(*) FROM frontview.{CALLS}_archive WHERE day = %s"  # nosec B608  # our own names
HORIZON = "the horizon by a day"
DRAWN = {
    (LATE[1], "archive"): "one late change",
    (LATE[1], "one undivided view"): "one late change, one undivided view",
    (LATE[1_000], "archive"): "1,000 late keys",
    (HORIZON, "all tiers"): HORIZON,
    ("first population", "all tiers"): "first population",
}
Costs = dict[str, list[Cost]]


class HistoryBench:
    """One database with a history of some length.

    :param peers: the others that are measured beside the archive.
    """

    def __init__(
        self,
        connection: Connection,
        leader: tuple[Connection, Term],
        recent_days: int = RECENT_DAYS,
        peers: Mapping[str, str] = PEERS,
    ) -> None:
        self._connection, self._leader = connection, leader
        self.view = load_application(connection).view(CALLS)
        self._horizon = datetime.now(UTC).date() - timedelta(days=recent_days)
        self.peers = dict(peers)
        if peers and not install(connection, "timescaledb"):
            del self.peers["TimescaleDB, continuous aggregate"]

    def begin(self, share: float) -> int:
        """Keep the newest calls, refresh everything, and return how many calls there are."""
        self._execute("DROP SCHEMA IF EXISTS bench CASCADE")
        if share < 1:
            keep_newest(self._connection, share)
        refresh_everything(*self._leader, self._connection)
        for statement in AGGREGATE if len(self.peers) == len(PEERS) else ["CREATE SCHEMA bench"]:
            self._execute(statement)
        self._execute("VACUUM (ANALYZE)")
        keys = self._connection.execute(KEYS.encode(), (self._horizon - timedelta(days=1),)).fetchall()
        self.most_keys, self._keys = len(keys), cycle(keys)
        return self.number("SELECT count(*) FROM public.calls")

    def population(self) -> Costs:
        """Return what a first population costs, and a plain view."""
        empty(self._connection, self.view)
        self._execute("DROP MATERIALIZED VIEW IF EXISTS bench.undivided", "CHECKPOINT")
        ours = self.refreshed("populated", self.view.tiers, horizon=self._horizon)
        self._execute("CHECKPOINT")
        return {"CREATE MATERIALIZED VIEW": [self._cost(*CREATE)], "all tiers": [ours]}

    def late(self, count: int) -> Costs:
        """Return what it costs to bring the archive and the peers up to date after ``count`` keys were changed."""
        costs: Costs = {"archive": []}
        for _ in range(TIMES[count]):
            self.write(*zip(*islice(self._keys, count), strict=True))
            costs["archive"].append(self.refreshed("refreshed", ("archive",)))
            self.collect()
        return costs | {name: [self._cost(statement)] for name, statement in self.peers.items()}

    def horizon(self) -> tuple[Costs, int]:
        """Move the horizon back by a day, and forward; return what the way forward costs, and how many rows moved.

        A refresh of the recent tier without a move is measured between the two.
        """
        before = self._horizon - timedelta(days=1)
        self.refreshed("moved", self.view.tiers, horizon=before)
        refresh_alone = self.refreshed("refreshed", ("recent",))
        move = self.refreshed("moved", self.view.tiers, horizon=self._horizon)
        return {"all tiers": [move], "recent tier, no move": [refresh_alone]}, self.number(ROWS_OF_A_DAY, before)

    def rebuild(self) -> Costs:
        """Return what a rebuild costs."""
        return {"archive": [self.refreshed("refreshed", ("archive",), rebuild=True)]}

    def stale_days(self, user: int) -> None:
        """Write a call of a user on each of the last days of the archive, and refresh nothing."""
        self.write([user] * STALE_DAYS, [self._horizon - timedelta(days=1 + n) for n in range(STALE_DAYS)])

    def write(self, users: Sequence[int], days: Sequence[date]) -> None:
        """Write a call on each of these users' days, and drain."""
        for first in range(0, len(users), A_DRAIN):
            batch = slice(first, first + A_DRAIN)
            written = self._connection.execute(WRITE, (list(users[batch]), list(days[batch]))).fetchall()
            if len(self.peers) == len(PEERS):
                self._connection.execute(COPIED, ([row[0] for row in written],))
            drain_once(*self._leader)

    def collect(self) -> None:
        self._leader[0].execute("SELECT frontview.prune_change_log(NULL, 10000000)")
        self._leader[0].execute("SELECT frontview.collect_stale_keys(NULL, NULL, NULL, 10000000)")

    def refreshed(
        self, outcome: str, tiers: tuple[str, ...], *, horizon: date | None = None, rebuild: bool = False
    ) -> Cost:
        results = []
        cost = cost_of(
            self._connection,
            lambda: results.append(
                refresh(self._connection, self.view, tiers, self._leader[1].epoch, horizon=horizon, rebuild=rebuild)
            ),
        )
        if results[0].outcome != outcome:
            raise RuntimeError(f"not {outcome}: {results[0].outcome}")
        return cost

    def _cost(self, *statements: str) -> Cost:
        return cost_of(self._connection, partial(self._execute, *statements))

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement.encode())

    def number(self, query: str, *parameters: object) -> int:
        row = self._connection.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return int(row[0])


def measure(stand: Stand) -> Iterator[Found]:
    """Yield costs by length of history, and a picture of them."""
    stand.expect(len(SHARES))
    lines: dict[str, list[Point]] = {}
    with (
        stand.database() as url,
        connect(url, "frontview-bench-history", AS_THE_REFRESHER) as connection,
        leading(url) as leader,
    ):
        bench = HistoryBench(connection, leader)
        for name in PEERS.keys() - bench.peers.keys():
            yield not_here("late changes", name)
        for before, share in zip((1.0, *SHARES), SHARES, strict=False):
            calls = bench.begin(share / before)
            for action, finding in _of_one_size(bench, stand, connection, calls):
                if label := DRAWN.get((action, finding.what)):
                    lines.setdefault(label, []).insert(0, (calls, finding.value))
                yield finding
            stand.step()
    yield Plot("history", "Costs as history grows", "calls of all time", "ms", lines, logarithmic="xy")


def _of_one_size(
    bench: HistoryBench, stand: Stand, connection: Connection, calls: int
) -> Iterator[tuple[str, Finding]]:
    """Yield the findings for one length of history, each with what was done."""
    rounds, size = range(min(stand.scale.rounds, MOST_ROUNDS)), f"{calls:,} calls: "
    for finding in _costs(size + "first population", [bench.population() for _ in rounds], POPULATION):
        yield "first population", finding
    for count, action in LATE.items():
        if count <= bench.most_keys:
            goal = UNDIVIDED if count == 1 and calls == stand.scale.calls else None
            late = [bench.late(count) for _ in rounds]
            for finding in _costs(size + action, late, goal, ONE_CHANGE if count == 1 else None):
                yield action, finding
    moves = [bench.horizon() for _ in range(stand.scale.rounds)]
    for finding in _costs(size + HORIZON, [costs for costs, _ in moves]):
        yield HORIZON, finding
    for finding in _a_thousand_rows(size + HORIZON, moves):
        yield HORIZON, finding
    for finding in _costs(size + "rebuild", [bench.rebuild() for _ in rounds]):
        yield "rebuild", finding
    for finding in _reads(bench, stand, connection, size):
        yield "read", finding


def _costs(
    case: str, rounds: Sequence[Costs], goal: Goal | None = None, goal_of_first: Goal | None = None
) -> Iterator[Finding]:
    """Yield what each contender took and wrote.

    :param goal: of the others' times, divided by the first one's round by round.
    """
    first = next(iter(rounds[0]))
    for name in rounds[0]:
        costs = [cost for it in rounds for cost in it[name]]
        times = spread([cost.milliseconds for cost in costs])
        if name == first:
            yield Finding(case, name, times, "ms", goal=goal_of_first)
        else:
            longer = ratios(_medians(rounds, name), _medians(rounds, first))
            yield Finding(case, name, times, "ms", longer, "times as long", goal)
        yield Finding(case, f"{name}: WAL", spread([cost.wal_bytes / 1000 for cost in costs]), "kB")
        if any(cost.temporary_bytes for cost in costs):
            temporary = spread([cost.temporary_bytes / 1000 for cost in costs])
            yield Finding(case, f"{name}: temporary files", temporary, "kB")


def _a_thousand_rows(case: str, moves: Sequence[tuple[Costs, int]]) -> Iterator[Finding]:
    """Yield what a move costs per 1,000 rows that move, as a whole, and beyond the refresh that it comes with."""
    whole, beyond = [], []
    for costs, rows in moves:
        took, refresh_alone = (costs[name][0].milliseconds for name in ("all tiers", "recent tier, no move"))
        whole.append(1000 * took / rows)
        beyond.append(1000 * (took - refresh_alone) / rows)
    yield Finding(case, "1,000 rows that move, alone", spread(whole), "ms")
    yield Finding(case, "1,000 rows that move, beyond a refresh", spread(beyond), "ms", goal=MOVE)


def _medians(rounds: Sequence[Costs], name: str) -> list[float]:
    return [median(cost.milliseconds for cost in costs[name]) for costs in rounds]


def _reads(bench: HistoryBench, stand: Stand, connection: Connection, size: str) -> Iterator[Finding]:
    users = {"largest user": stand.people.largest, "median user": stand.people.median}
    connection.execute("VACUUM (ANALYZE)")  # as autovacuum does
    for stale in (0, STALE_DAYS):
        for name, user in users.items():
            if stale:
                bench.stale_days(user)
            read = Question("overview", user).reader(connection)
            source, patched = read()[3:5]
            # The days of the calls follow one another; of the first and the last one, a neighbour is stale too.
            if source != "materialized_view" or patched != stale + 2 * bool(stale):
                raise RuntimeError(f"not what was meant to be measured: {source}, {patched} days")
            figures = interleaved_milliseconds({name: read}, stand.scale.rounds, {name: READS})
            yield Finding(f"{size}exact overview, {stale} stale days", name, spread(figures[name]), "ms")
