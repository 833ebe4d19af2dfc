"""What would a billion calls of a million users cost a day, and where does one machine end?

Not measured, but multiplied out. What one key or row of the view of calls costs is measured at two lengths of history:
capture (statements of one row, with the triggers and without), a drain of 2,000 keys, the compaction of 1,000 late
keys, a refresh of the recent tier and its sums, a rebuild, and the size of a row. The ratio tells whether a cost grows
with history; what does not may be multiplied. :class:`Year` holds what is assumed. Of a day, refreshes take what their
duty allows, and the rows that the horizon passes are counted at a rebuild's cost.

Limits: one of the views; the application's own writes and storage are shown, but are not a cost of Frontview. A table
that no longer fits into memory makes reads of single rows slower by what the disk takes, and that is not in here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.findings.finding import Finding, Spread, ratios, spread
from bench.questions.history import AS_THE_REFRESHER, HistoryBench
from bench.system.application import CALLS
from bench.system.cost import Cost, cost_of
from bench.system.seeded import RECENT_DAYS, leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term

SHARES = (0.25, 1.0)  # Of the scale's calls.
KEYS, LATE_KEYS, ROUNDS = 2_000, 1_000, 3
MINUTES, FEWER_DAYS = (1, 5, 15, 60), 7
TABLES = ("public.calls", *(f"frontview.{CALLS}_{tier}" for tier in ("archive", "total", "recent", "by_day")))
INSERT_EACH = """
DO $$
DECLARE
    agent public.agents;
BEGIN
    FOR agent IN SELECT DISTINCT ON (a.user_id) a.* FROM public.agents a ORDER BY a.user_id LIMIT {keys} LOOP
        INSERT INTO public.calls (user_id, agent_id, status, duration_seconds, cost_cents)
        VALUES (agent.user_id, agent.id, 'completed', 61, 17);
    END LOOP;
END $$
"""
TRIGGERS = ("calls_1", "recent_calls_1_list")
TRIGGER = "ALTER TABLE public.calls {} TRIGGER frontview_capture_{}_insert"
SIZES = "SELECT pg_total_relation_size('{0}'), count(*) FROM {0}"
Unit = tuple[float, float]  # microseconds and bytes of WAL


@dataclass(frozen=True, slots=True)
class Year:
    """What is assumed.

    :param active_share: of the users that have calls on a day; :param agents: with calls, of each of these.
    :param late_share: of the calls that change once their day is in the archive.
    """

    calls: int = 1_000_000_000
    users: int = 1_000_000
    active_share: float = 0.3
    agents: float = 1.5
    late_share: float = 0.01
    duty: float = 0.05

    @property
    def a_day(self) -> float:
        """Calls; each is a key of its own to a drain, which is 25 ms after the last one."""
        return self.calls / 365

    @property
    def rows_a_day(self) -> float:
        """Rows of the view."""
        return self.users * self.active_share * self.agents


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield the measured costs of one key or row, then what they come to."""
    stand.expect(len(SHARES))
    measured = []
    for share in SHARES:
        with (
            stand.database() as url,
            connect(url, "frontview-bench-billion", AS_THE_REFRESHER) as connection,
            leading(url) as leader,
        ):
            bench = HistoryBench(connection, leader, RECENT_DAYS, {})
            calls = bench.begin(share)
            measured.append((calls, _units(bench, connection, leader), _row_bytes(connection)))
        stand.step()
    (fewer, before, _), (calls, units, sizes) = measured
    case = f"measured with {calls:,} calls, beside {fewer:,}"
    for name, costs in units.items():
        grown = ratios([median(it[0] for it in costs)], [median(it[0] for it in before[name])])
        yield Finding(case, name, spread([it[0] for it in costs]), "µs", grown, "of it with fewer")
        yield Finding(case, f"{name}: WAL", spread([it[1] for it in costs]), "bytes")
    for table, size in sizes.items():
        yield Finding(case, f"a row of {table}, with its indexes", _one(size), "bytes")
    middle = {name: (median(us for us, _ in costs), median(wal for _, wal in costs)) for name, costs in units.items()}
    yield from multiplied(Year(), middle, sizes)


def multiplied(year: Year, units: dict[str, Unit], sizes: dict[str, float]) -> Iterator[Finding]:
    """Yield what a day costs, what is kept, and how often the recent tier can be refreshed."""
    late, recent_rows = year.late_share * year.a_day, year.rows_a_day * RECENT_DAYS
    day = f"a day: {year.a_day:,.0f} calls, {late:,.0f} of them changed late, {year.rows_a_day:,.0f} rows"
    keys = year.a_day + late
    counts = {"capture": keys, "drain": keys, "compaction": late, "refresh": keys, "rebuild": year.rows_a_day}
    for name, count in counts.items():
        seconds = year.duty * 86_400 if name == "refresh" else units[name][0] * count / 1e6
        yield Finding(day, name, _one(seconds), "s of a core")
        yield Finding(day, f"{name}: WAL", _one(units[name][1] * count / 1e9), "GB")
    a_row = units["refresh"][0]
    for days in (RECENT_DAYS, FEWER_DAYS):
        rows = year.rows_a_day * days
        case = f"a recent tier of {days} days, {rows:,.0f} rows"
        yield Finding(case, "one refresh with its sums", _one(a_row * rows / 1e6), "s")
        yield Finding(case, f"at a duty of {year.duty:.0%}, one every", _one(a_row * rows / 6e7 / year.duty), "minutes")
    for minutes in MINUTES:
        rows = minutes * 6e7 * year.duty / a_row
        yield Finding("a recent tier, by its refreshes", f"rows for one every {minutes} minutes", _one(rows), "")
    archive_rows = year.rows_a_day * (365 - RECENT_DAYS)
    kept = (year.calls, archive_rows, year.users, recent_rows, recent_rows / year.agents)
    for table, rows in zip(TABLES, kept, strict=True):
        yield Finding("kept after a year", f"{table}, {rows:,.0f} rows", _one(rows * sizes[table] / 1e9), "GB")
    rebuild = units["rebuild"][0] * archive_rows / 6e7
    yield Finding("once", "a rebuild of the archive, after a new version", _one(rebuild), "minutes")


def _units(bench: HistoryBench, connection: Connection, leader: tuple[Connection, Term]) -> dict[str, list[Unit]]:
    """Return measured costs of one key; of a refresh and of a rebuild, of one row that there is."""
    units: dict[str, list[Unit]] = {"capture": [], "drain": [], "compaction": [], "refresh": [], "rebuild": []}
    keys = min(KEYS, bench.number("SELECT count(DISTINCT user_id) FROM public.agents"))
    insert = partial(connection.execute, INSERT_EACH.format(keys=keys).encode())
    for _ in range(ROUNDS):
        captured = cost_of(connection, insert)
        units["drain"].append(_unit(cost_of(connection, partial(drain_once, *leader)), keys))
        for source in TRIGGERS:
            connection.execute(TRIGGER.format("DISABLE", source).encode())
        bare = cost_of(connection, insert)
        for source in TRIGGERS:
            connection.execute(TRIGGER.format("ENABLE ALWAYS", source).encode())
        more = Cost(captured.milliseconds - bare.milliseconds, captured.wal_bytes - bare.wal_bytes, 0)
        units["capture"].append(_unit(more, keys))
        refreshed = bench.refreshed("refreshed", ("recent",))
        rows = bench.number(f"SELECT count(*) FROM frontview.{CALLS}_recent")
        units["refresh"].append((_unit(refreshed, rows)[0], refreshed.wal_bytes / keys))  # WAL is of what changed.
        rebuilt = bench.refreshed("refreshed", ("archive",), rebuild=True)
        units["rebuild"].append(_unit(rebuilt, bench.number(f"SELECT count(*) FROM frontview.{CALLS}_archive")))
        units["compaction"] += [_unit(cost, LATE_KEYS) for cost in bench.late(LATE_KEYS)["archive"]]
    return units


def _unit(cost: Cost, count: int) -> Unit:
    return 1000 * cost.milliseconds / count, cost.wal_bytes / count


def _row_bytes(connection: Connection) -> dict[str, float]:
    found = {table: connection.execute(SIZES.format(table).encode()).fetchone() for table in TABLES}
    return {table: row[0] / row[1] for table, row in found.items() if row is not None}


def _one(value: float) -> Spread:
    return Spread(value, value, value)
