"""What does capture cost a writer?

Connections write, synchronous_commit on unless a case says off, into tables that differ in one thing only and are
otherwise alike (columns, identity, checks, indexes, foreign keys, existing rows): no capture; Frontview's triggers that
log keys for the declared view and list of calls, whose UPDATE is captured row by row where something watched changed;
those of 0.1, with the trigger that set the stored day; a row trigger that calls pg_notify; where the server has pg_ivm,
one view of sums by user and day. The real refresher drains meanwhile (views are not refreshed, since that is
not a writer's cost). Rounds take turns. Sixteen connections insert single calls, also with synchronous_commit off,
which excludes the disk and shows the CPU alone; update single calls; insert, update and delete a call each; and insert
a thousand calls a statement, of any users (almost every row has another key: the most expensive case) and of one user
over thirty days (an import). Before a round of thousands the table is emptied. The pictures show the same against 1 to
32 connections and 1 to 10,000 rows.

Limits: with the disk included, writers wait for flushes and commit in groups, so the ratio depends on the disk; the
drain shares the cores with the writers; no session listens to the notifications, which makes that peer cheaper. A
DELETE of many rows is not shown by itself: where nothing else refers to the table it does next to nothing, and logging
its keys costs several times that. pg_ivm's part has never been measured: no available server has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench.findings.finding import Absence, Finding, Goal, ratios, spread
from bench.findings.plot import Plot, Point
from bench.load.pgbench import insert_call, insert_calls, live_and_die, scripts_a_second, update_call
from bench.peers.capture_peers import BY_HAND, IVM, LABELS, LOG, NOTIFY, PLAIN, ROWS_BEFORE, make_tables
from bench.peers.extensions import not_here
from bench.system.processes import refresher
from bench.system.rounds import Figures, interleave
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect

CLIENTS = 16
WRITERS = (1, 2, 4, 8, 16, 32)
ROWS = (1, 10, 100, 1_000, 10_000)
NOTIFY_GOAL, IVM_GOAL = Goal(">=", 2.0), Goal(">=", 5.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of writing.

    :param script: of a table's name; :param rows: of a statement; :param against: which tables take part.
    :param goal: for the change log, against no capture; :param peers: with goals against the other contenders.
    :param by_hand: for the change log, against that of 0.1.
    """

    name: str
    script: Callable[[str], str]
    goal: Goal | None = None
    against: tuple[str, ...] = (PLAIN, LOG, BY_HAND)
    rows: int = 1
    options: str = ""
    peers: bool = False
    by_hand: Goal | None = None


def measure(stand: Stand) -> Iterator[Finding | Absence | Plot]:
    """Yield the rates of sixteen writers with and without capture, and pictures of them by writers and by rows."""
    rounds, few = max(1, stand.scale.rounds // 2), max(1, stand.scale.rounds // 7)
    rows_before = min(ROWS_BEFORE, stand.scale.calls // 5)
    trying = rounds == 1
    writers, rows = ((1, CLIENTS), (1, 1_000)) if trying else (WRITERS, ROWS)
    with stand.database() as url, connect(url, "frontview-bench-writes") as connection:
        names = make_tables(connection, rows_before)
        cases = _cases(stand.scale.users, _count(connection, "agents"), rows_before, names)
        first = stand.scale.discarded
        stand.expect(len(cases) * (rounds + first) + (len(writers) + len(rows)) * (few + first))
        bench = _Bench(stand, url, connection)
        with refresher(url):
            for case in cases:
                yield from _findings(case, bench.figures(case, CLIENTS, rounds))
            if IVM not in names:
                yield not_here(cases[0].name, "pg_ivm")
            one = cases[0]
            yield _plot_writers({count: bench.figures(one, count, few) for count in writers})
            agents = _count(connection, "agents")
            many = {count: _many(stand.scale.users, agents, count, False, names) for count in rows}
            yield _plot_rows({count: bench.figures(case, CLIENTS, few) for count, case in many.items()})


def _cases(users: int, agents: int, rows_before: int, names: tuple[str, ...]) -> tuple[Case, ...]:
    one = partial(insert_call, users=users, agents=agents)
    off = "-c synchronous_commit=off"
    unwatched = partial(update_call, rows=rows_before, column="status", value="'failed'")
    return (
        Case("one row", one, Goal(">=", 0.85), names, peers=True, by_hand=Goal(">=", 1.0)),
        Case("one row, synchronous_commit off", one, Goal(">=", 0.7), names, options=off),
        Case("UPDATE of one row", partial(update_call, rows=rows_before), by_hand=Goal(">=", 1.15)),
        Case("UPDATE of one row, nothing watched", unwatched, by_hand=Goal(">=", 1.3)),
        Case("INSERT, UPDATE, DELETE", partial(live_and_die, users=users, agents=agents)),
        _many(users, agents, 1_000, False, names, Goal(">=", 0.9)),
        _many(users, agents, 1_000, True, names, Goal(">=", 0.9)),
    )


def _many(users: int, agents: int, rows: int, one_user: bool, names: tuple[str, ...], goal: Goal | None = None) -> Case:
    whose = "one user" if one_user else "any users"
    script = partial(insert_calls, users=users, agents=agents, rows=rows, one_user=one_user)
    return Case(f"{rows:,} rows, {whose}", script, goal, names, rows)


class _Bench:
    """Runs rounds of a case over its tables."""

    def __init__(self, stand: Stand, url: str, connection: Connection) -> None:
        self._stand, self._url, self._connection = stand, url, connection

    def figures(self, case: Case, clients: int, rounds: int) -> Figures:
        """Return how often a second each contender's script ran, a round."""
        sides = {name: partial(self._round, case, name, clients) for name in case.against}
        return interleave(sides, rounds, self._stand.step, discarded=self._stand.scale.discarded)

    def _round(self, case: Case, name: str, clients: int) -> float:
        if case.rows > 1:
            self._connection.execute(f"TRUNCATE bench.{name}".encode())
        return scripts_a_second(
            self._stand.server,
            self._url,
            case.script(f"bench.{name}"),
            clients=clients,
            seconds=self._stand.scale.round_seconds * 2 / 3,
            options=case.options,
            rows=case.rows,
        )


def _findings(case: Case, figures: Figures) -> Iterator[Finding]:
    for name in case.against:
        kept = ratios(figures[name], figures[PLAIN]) if name != PLAIN else None
        goal = case.goal if name == LOG else None
        yield Finding(case.name, LABELS[name], spread(figures[name]), "/s", kept, "of plain" if kept else "", goal)
    if case.by_hand:
        beside = ratios(figures[LOG], figures[BY_HAND])
        yield Finding(case.name, "change log / that of 0.1", spread(figures[LOG]), "/s", beside, "", case.by_hand)
    for peer, goal, word in ((NOTIFY, NOTIFY_GOAL, "pg_notify"), (IVM, IVM_GOAL, "pg_ivm")):
        if case.peers and peer in case.against:
            beside = ratios(figures[LOG], figures[peer])
            yield Finding(case.name, f"change log / {word}", spread(figures[LOG]), "/s", beside, f"of {word}", goal)


def _plot_writers(by_count: dict[int, Figures]) -> Plot:
    title = "Inserts of one row, by number of writers"
    return Plot("writes_by_writers", title, "writers", "inserts a second", _lines(by_count, lambda _: 1.0), "xy")


def _plot_rows(by_count: dict[int, Figures]) -> Plot:
    title = f"Rows inserted by {CLIENTS} writers, of any users"
    return Plot("writes_by_rows", title, "rows a statement", "rows a second", _lines(by_count, float), "xy")


def _lines(by_count: dict[int, Figures], rows: Callable[[int], float]) -> dict[str, list[Point]]:
    """Return a line a contender, points by what grows; ``rows``: what a script's run counts as there."""
    names = next(iter(by_count.values()))
    return {
        LABELS[name]: [
            (float(count), spread([figure * rows(count) for figure in figures[name]]))
            for count, figures in by_count.items()
        ]
        for name in names
    }


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM public.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])
