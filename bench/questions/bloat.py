"""Does an archive stay as large under constant late changes, and does a backfill hold no snapshot for long?

First, the real refresher (refreshes as often as each second, autovacuum looking each second) while one client changes a
call older than the horizon fifty times a second: its cost, and for one in five also its day. Shown are the sizes of
the archive of calls and of its sums, at the end beside the middle of the run and beside a rebuilt one, their dead
rows, and the share of their updates that stayed within a page (HOT), which leave their indexes alone.

Then one statement inserts a call for each of very many keys, all before the horizon, and the refresher takes them in
as if rebuilding the archive took over a minute: in chunks. Shown is the longest transaction of each of the
refresher's sessions, as far as it was seen under way.

Limits: on a given server ``autovacuum_naptime`` is changed for the time of the question. At the small scale a minute is
too short for figures that mean much.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import LiteralString, NamedTuple

from bench.findings.finding import Finding, Goal, Spread, spread
from bench.findings.plot import Picture, Plot
from bench.system.application import CALL_DAY, CALLS
from bench.system.processes import refresher
from bench.system.seeded import RECENT_DAYS, leading
from bench.system.stand import Stand
from bench.watching.transactions import longest_transactions
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from views_sql.declaration.maintained_view import ARCHIVE_TIERS
from views_sql.operations.catalog import load_application

STEADY = Goal("<=", 1.1)
SHORT = Goal("<=", 2000)  # The longest transaction; the longest is the drain of all keys at once.
CHANGES_A_SECOND, MOVED_SHARE = 50, 0.2
SAMPLES = 60
PATIENCE_SECONDS = 900.0
REFRESHER = "frontview-refresher-"  # How the names of its sessions begin.
FUNCTION = re.compile(r"frontview\"?\.\"?(\w+)\"?\(")
TABLES = [f"frontview.{CALLS}_{tier}" for tier in ARCHIVE_TIERS]
CHANGE: LiteralString = f"""
UPDATE public.calls c SET cost_cents = cost_cents + 1, started_at = started_at - make_interval(days => %(days)s)
FROM public.users u WHERE c.id = %(call)s AND u.id = c.user_id
AND {CALL_DAY} < (SELECT before_day FROM frontview.view_state WHERE view = '{CALLS}' AND tier = 'archive')
"""  # nosec B608  # our own names
SAMPLE: LiteralString = """
SELECT t.relid, pg_total_relation_size(t.relid), t.n_dead_tup / GREATEST(c.reltuples, 1)::float8,
    t.n_tup_upd, t.n_tup_hot_upd, t.autovacuum_count
FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid WHERE t.relid = %s::regclass
"""
BACKFILL: LiteralString = """
INSERT INTO public.calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT a.user_id, a.id, now() - make_interval(days => %(first)s + n), 'completed', 61, 17
FROM (SELECT user_id, min(id) AS id FROM public.agents GROUP BY user_id) a, generate_series(1, %(days)s) n
"""
LONG_REBUILD: LiteralString = "UPDATE frontview.view_state SET rebuild_ms = 61000 WHERE tier = 'archive'"
IDLE: LiteralString = """
SELECT NOT EXISTS (SELECT FROM frontview.change_log) AND NOT EXISTS (SELECT FROM frontview.stale_key)
"""


class Sample(NamedTuple):
    """One table at one time.

    :param dead_share: dead rows for each row; :param updated, hot, vacuums: counted since statistics began.
    """

    relation: int
    size_bytes: int
    dead_share: float
    updated: int
    hot: int
    vacuums: int


def measure(stand: Stand) -> Iterator[Finding | Picture]:
    """Yield sizes, dead rows and HOT share of archive and sums, then the longest transactions during a backfill."""
    stand.expect(SAMPLES + 2)
    with stand.database() as url, connect(url, "frontview-bench-bloat") as connection, _autovacuum_looks_often(url):
        with _refresher(url):
            samples = _sampled(url, connection, stand)
        sizes = [series[-1].size_bytes for series in samples]
        _rebuild(url, connection)
        rebuilt = [_sample(connection, table).size_bytes for table in TABLES]
        stand.step()
        yield from _sizes(stand, samples, [size / fresh for size, fresh in zip(sizes, rebuilt, strict=True)])
        with _refresher(url):
            yield from _backfill(url, connection, stand)
        stand.step()


def _refresher(url: str) -> AbstractContextManager[None]:
    return refresher(url, refresh_min_seconds="1", refresh_duty="1")


@contextmanager
def _autovacuum_looks_often(url: str) -> Iterator[None]:
    with connect(url, "frontview-bench-autovacuum") as connection:
        try:
            connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
            connection.execute("SELECT pg_reload_conf()")
            yield
        finally:
            connection.execute("ALTER SYSTEM RESET autovacuum_naptime")
            connection.execute("SELECT pg_reload_conf()")


def _sampled(url: str, connection: Connection, stand: Stand) -> list[list[Sample]]:
    """Return samples of each table, taken at equal distances while calls are changed."""
    over, series = threading.Event(), [[_sample(connection, table)] for table in TABLES]
    with ThreadPoolExecutor(1) as writer:
        changes = writer.submit(_change_calls, url, over.is_set)
        try:
            for _ in range(SAMPLES):
                if not changes.done():
                    time.sleep(stand.scale.late_seconds / SAMPLES)
                for table, samples in zip(TABLES, series, strict=True):
                    samples.append(_sample(connection, table))
                stand.step()
        finally:
            over.set()
        changes.result()
    if any(samples[0].relation != samples[-1].relation for samples in series):
        raise RuntimeError("the archive was rebuilt meanwhile, so this measured nothing")
    return series


def _change_calls(url: str, is_over: Callable[[], bool]) -> None:
    """Change calls older than the horizon, each at its time."""
    with connect(url, "frontview-bench-writer") as connection:
        low, high = connection.execute("SELECT min(id), max(id) FROM public.calls").fetchone() or (0, 0)
        due = time.monotonic()
        while not is_over():
            changed = 0
            while not changed:  # the call may be newer than the horizon
                values = {"call": random.randint(low, high), "days": int(random.random() < MOVED_SHARE)}
                changed = connection.execute(CHANGE, values).rowcount
            due += 1 / CHANGES_A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))


def _sample(connection: Connection, table: str) -> Sample:
    row = connection.execute(SAMPLE, (table,)).fetchone()
    assert row is not None
    return Sample(*row)


def _rebuild(url: str, connection: Connection) -> None:
    with leading(url) as (drain, term):
        drain_once(drain, term)
        result = refresh(connection, load_application(connection).view(CALLS), ("archive",), term.epoch, rebuild=True)
    if result.failed:
        raise RuntimeError(f"the archive was not rebuilt: {result.outcome}")


def _sizes(
    stand: Stand, series: Sequence[list[Sample]], beside_rebuilt: Sequence[float]
) -> Iterator[Finding | Picture]:
    case = f"{CHANGES_A_SECOND} late changes a second for {stand.scale.late_seconds:,} s"
    for tier, samples, rebuilt in zip(ARCHIVE_TIERS, series, beside_rebuilt, strict=True):
        first, last = samples[0], samples[-1]
        sizes = [it.size_bytes / 1e6 for it in samples]
        tenth, middle = len(sizes) // 10, len(sizes) // 2
        growth = _one(median(sizes[-tenth:]) / median(sizes[middle - tenth : middle]))
        hot = 100 * (last.hot - first.hot) / max(1, last.updated - first.updated)
        yield Finding(case, f"{tier}: size", spread(sizes), "MB", growth, "at the end of the middle's", STEADY)
        yield Finding(case, f"{tier}: size at the end", _one(sizes[-1]), "MB", _one(rebuilt), "of a rebuilt one's")
        yield Finding(case, f"{tier}: dead rows", spread([100 * it.dead_share for it in samples]), "%")
        yield Finding(case, f"{tier}: updates within the page", _one(hot), "%")
        yield Finding(case, f"{tier}: autovacuums", _one(last.vacuums - first.vacuums), "")
    distance = stand.scale.late_seconds / SAMPLES
    lines = {
        tier: [(number * distance, _one(it.size_bytes / samples[0].size_bytes)) for number, it in enumerate(samples)]
        for tier, samples in zip(("archive", "sums a user"), series, strict=True)
    }
    yield Plot("bloat", f"Sizes under {CHANGES_A_SECOND} late changes a second", "seconds", "of the first size", lines)


def _backfill(url: str, connection: Connection, stand: Stand) -> Iterator[Finding]:
    connection.execute(LONG_REBUILD)
    days = stand.scale.late_keys // stand.scale.users
    with longest_transactions(url, REFRESHER) as longest:
        connection.execute(BACKFILL, {"first": RECENT_DAYS + 2, "days": days})
        begun = time.monotonic()
        while connection.execute(IDLE).fetchone() != (True,):
            if time.monotonic() > begun + PATIENCE_SECONDS:
                raise RuntimeError("the refresher does not cover what was inserted")
            time.sleep(0.1)
        seconds = time.monotonic() - begun
    keys = days * stand.scale.users
    case = f"{keys:,} late keys in one statement"
    yield Finding(case, "until nothing is stale", _one(seconds), "s")
    yield Finding(case, "keys a second", _one(keys / seconds), "")
    for session, (held, statement) in sorted(longest.items()):
        inside = found[1] if (found := FUNCTION.search(statement)) else " ".join(statement.split())[:40]
        what = f"longest transaction: {session.removeprefix(REFRESHER)}, in {inside}"
        yield Finding(case, what, _one(1000 * held), "ms", goal=SHORT)


def _one(value: float) -> Spread:
    return Spread(value, value, value)
