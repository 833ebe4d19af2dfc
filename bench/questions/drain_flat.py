"""Do drains and exact reads stay as fast while another session holds an old snapshot?

The real drain thread drains a database under 500 writes a second by random users, while a reader reads the
median user's overview exactly, twenty times a second. For the whole time another session holds (a) nothing, (b)
a REPEATABLE READ snapshot, as pg_dump does, or (c) a transaction that has written and stays open. Each is
measured in a fresh clone. The period is cut into tenths; flat means that the last tenth is as fast as the first.
The rate that the writers reached and the share of drains that found changes are shown; a rate below nine tenths of the
intended one fails the question, since then it was not answered.

Limits: the first tenth has warm caches only after its first second, which is left out; writers, drain and reader
share the cores. The drain runs in this process, where the reader's thread may keep it waiting for some tenths of a
millisecond; that is the same in every tenth.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from bench.findings.finding import Finding, Goal, Spread, percentile
from bench.load.pgbench import insert_call, steady_load
from bench.system.dashboards import Question
from bench.system.stand import Stand
from bench.system.timed_connection import TimedConnection, Took
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import Drain

GOAL = Goal("<=", 1.5)  # This is what counts as flat; the protocol names no number.
WRITES_A_SECOND = 500
READ_PAUSE_SECONDS = 0.05
WARM_SECONDS = 1.0
TENTHS = 10
Tenths: TypeAlias = list[list[float]]
HOLDS = {
    "nothing held": (),
    "a snapshot held": ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM public.users"),
    "a writer left open": (
        "BEGIN",
        "UPDATE public.agents SET is_active = is_active WHERE id = (SELECT max(id) FROM public.agents)",
    ),
}


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield the times of drains and reads in each tenth of the run, for each kind of old transaction."""
    stand.expect(len(HOLDS) * stand.scale.hold_seconds)
    for case, statements in HOLDS.items():
        with stand.database() as url:
            drains, reads, load = _observe(stand, url, statements)
        yield from load_findings(case, *load)
        yield from _findings(f"{case}: drain", drains)
        yield from _findings(f"{case}: exact read", reads)


def _observe(stand: Stand, url: str, hold: Sequence[str]) -> tuple[Tenths, Tenths, tuple[float, float]]:
    """Return milliseconds of drains and of reads by tenth of the run; writes a second, share of drains with changes."""
    diary: list[Took] = []
    reads: list[Took] = []
    with _draining(url, diary), connect(url, "frontview-bench-hold") as holder:
        script = insert_call("public.calls", stand.scale.users, _agents(holder))
        for statement in hold:
            holder.execute(statement)
        seconds = stand.scale.hold_seconds + WARM_SECONDS
        with steady_load(stand.server, url, script, clients=8, seconds=seconds + 5, a_second=WRITES_A_SECOND):
            began = time.monotonic() + WARM_SECONDS
            written, found, drained = _counts(url, diary)
            counted_from = time.monotonic()
            _read(stand, url, began + stand.scale.hold_seconds, reads)
            seconds = time.monotonic() - counted_from
            written_then, found_then, drained_then = _counts(url, diary)
    drains = [took for took in diary if "drain_changes" in took.statement]
    load = ((written_then - written) / seconds, (found_then - found) / (drained_then - drained))
    hold_seconds = stand.scale.hold_seconds
    return _by_tenth(drains, began, hold_seconds), _by_tenth(reads, began, hold_seconds), load


def _counts(url: str, diary: Sequence[Took]) -> tuple[int, int, int]:
    """Return the number of calls, the newest drain_id (one for each drain with changes), and the drains so far."""
    with connect(url, "frontview-bench-count") as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM public.calls), (SELECT max(drain_id) FROM frontview.drain)"
        ).fetchone()
    assert row is not None
    return row[0], row[1], sum("drain_changes" in took.statement for took in list(diary))


def load_findings(case: str, writes: float, changed: float) -> Iterator[Finding]:
    """Yield the load that the database was under.

    :raises RuntimeError: there were fewer writes than intended.
    """
    if writes < 0.9 * WRITES_A_SECOND:
        raise RuntimeError(f"{case}: {writes:.0f} writes a second instead of {WRITES_A_SECOND}")
    yield Finding(f"{case}: load", "writes reached", Spread(writes, writes, writes), "/s")
    yield Finding(f"{case}: load", "drains that found changes", Spread(changed, changed, changed), "of all")


@contextmanager
def _draining(url: str, diary: list[Took]) -> Iterator[None]:
    drain = Drain(
        lambda: TimedConnection.open(url, "frontview-refresher-drain", diary),
        pause_seconds=0.025,
        keep_feed_seconds=300,
    )
    drain.start()
    try:
        if not drain.leading.wait(10):
            raise RuntimeError("the drain does not lead")
        yield
    finally:
        drain.stop()


def _read(stand: Stand, url: str, until: float, reads: list[Took]) -> None:
    with connect(url, "frontview-bench-read") as connection:
        read = Question("overview", stand.people.median).reader(connection)
        step = time.monotonic() + 1
        while (now := time.monotonic()) < until:
            read()
            reads.append(Took("read", now, time.monotonic() - now))
            if now >= step:
                step += 1
                stand.step()
            time.sleep(READ_PAUSE_SECONDS)


def _by_tenth(diary: Sequence[Took], began: float, seconds: float) -> list[list[float]]:
    tenths: list[list[float]] = [[] for _ in range(TENTHS)]
    for took in diary:
        tenth = int((took.began - began) / seconds * TENTHS)
        if took.began >= began and tenth < TENTHS:
            tenths[tenth].append(took.seconds * 1000)
    if not all(tenths):
        raise RuntimeError("a tenth of the period has no measurement")
    return tenths


def _findings(case: str, tenths: list[list[float]]) -> Iterator[Finding]:
    medians = [percentile(tenth, 0.5) for tenth in tenths]
    lasts = [percentile(tenth, 0.99) for tenth in tenths]
    growth = medians[-1] / medians[0]
    yield Finding(
        case, "median of the last tenth", _last(medians), "ms", Spread(growth, growth, growth), "of the first", GOAL
    )
    yield Finding(case, "p99 of the last tenth", _last(lasts), "ms")
    yield Finding(case, "medians by tenth: " + _listed(medians), _last(medians), "ms")
    yield Finding(case, "p99 by tenth: " + _listed(lasts), _last(lasts), "ms")


def _last(values: Sequence[float]) -> Spread:
    return Spread(values[-1], min(values), max(values))


def _listed(values: Sequence[float]) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def _agents(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM public.agents").fetchone()
    assert row is not None
    return int(row[0])
