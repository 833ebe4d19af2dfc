"""How many reads does the front cache answer, and how many statements does it take, with and without warming?

A trace of 2 hours of a Tuesday afternoon (:mod:`bench.trace`: Zipf users with usual hours of their own, writes of those
who work; the two weeks before are in ``access``) is replayed (:mod:`bench.replay`) against the real worker's parts, the
real leader's planner and a real PostgreSQL. *No cache*: regions without entries. *Cache*: no warming. *Reactive*: what
was read is filled again after a change and renewed before it expires. *Predictive*: that, and the leader's plan.

**Time.** A second of the trace is a second of every TTL and pause; nothing is scaled. The replay's clock jumps over the
time in which nothing is due, and the real time of every statement passes in it, so that the warmer's budget is real.
The database's own clock is not moved: the answers' days are today's; the plan is read and made for the trace's time.

**Statements**: those of reads that missed and those of warming. A worker's reading of the plan, one statement every 5 s
whatever it is asked, is shown beside them: how much that is a read depends on how many reads a worker has (here, two a
second). *First minute*: reads in the first minute of an hour in which a user is usually there, of users who come more
often than not. *On arrival*: reads of theirs in the first minute of a visit, whenever in the hour it begins.
Regions have room for 2,000 entries each, and 1,000 users may be planned.

Limits: one worker; each further one fills for itself. No refresh runs, so days that were written to are patched.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.finding import Finding, Goal, Spread
from bench.replay import NO_ENTRIES, Contender, Outcome, Replay
from bench.seeded import leading
from bench.stand import Stand
from bench.trace import FIRST_MINUTE, REGULAR_ARRIVAL, REGULAR_FIRST_MINUTE, Trace, make_trace
from models.engine import connect
from refresher.leadership import Connection
from views_sql.catalog import CATALOG
from web.warming import WarmingPolicy

HOURS = 2
BEGIN_HOUR = 13
NO_CACHE_READS = 1_000
NONE = WarmingPolicy(enabled=False)
ROOMY = {region.name: {"max_entries": 2_000} for region in CATALOG.regions}
CONTENDERS = (
    Contender("no cache", NONE, NO_ENTRIES, most_reads=NO_CACHE_READS),
    Contender("cache, no warming", NONE, ROOMY),
    Contender("reactive", WarmingPolicy(), ROOMY),
    Contender("predictive", WarmingPolicy(), ROOMY, is_planned=True),
)
STATEMENTS = ("reads", "warming")
WRITE_FACTORS = (1.0, 10.0)


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield hit ratios and statements a read, by contender."""
    stand.expect(len(CONTENDERS) + len(WRITE_FACTORS) - 1)
    for factor in WRITE_FACTORS:
        trace = make_trace(_calls_a_day(stand), _tuesday(), HOURS, write_factor=factor)
        contenders = CONTENDERS if factor == WRITE_FACTORS[0] else CONTENDERS[-1:]
        changes = len(trace.events) - trace.reads
        case = f"{trace.reads:,} reads, {changes:,} changes in {HOURS} h"
        for contender in contenders:
            outcome = _replay(stand, contender, trace)
            yield from _findings(case, contender, outcome, has_goals=contender is CONTENDERS[-1] and factor == 1)
            stand.step()


def _replay(stand: Stand, contender: Contender, trace: Trace) -> Outcome:
    with stand.database() as url, connect(url, "frontview-bench-writer") as writer, leading(url) as leader:
        _write_history(writer, trace)
        return Replay(url, contender, trace, leader, writer).run()


def _write_history(writer: Connection, trace: Trace) -> None:
    with (
        writer.cursor() as cursor,
        cursor.copy("COPY frontview.access (user_id, dashboard, hour_of_week, weight, counted_at) FROM STDIN") as copy,
    ):
        for (user, dashboard, hour), weight in trace.history.items():
            copy.write_row((user, dashboard, hour, weight, trace.begin))
    writer.execute("ANALYZE frontview.access")


def _calls_a_day(stand: Stand) -> list[tuple[int, float]]:
    """Return users with their calls a day, the largest first."""
    with stand.database() as url, connect(url, "frontview-bench-people") as connection:
        counts = connection.execute("SELECT user_id, count(*) FROM public.calls GROUP BY user_id").fetchall()
    return sorted(((user, calls / stand.scale.days) for user, calls in counts), key=lambda user: -user[1])


def _tuesday() -> datetime:
    now = datetime.now(UTC).replace(hour=BEGIN_HOUR, minute=0, second=0, microsecond=0)
    return now + timedelta(days=(1 - now.weekday()) % 7)


def _findings(case: str, contender: Contender, outcome: Outcome, *, has_goals: bool) -> Iterator[Finding]:
    goals = {"all": Goal(">=", 0.9), REGULAR_FIRST_MINUTE: Goal(">=", 0.99)} if has_goals else {}
    words = {
        "all": "hits",
        REGULAR_FIRST_MINUTE: "hits in the first minute",
        FIRST_MINUTE: "the same, of rare visitors, too",
        REGULAR_ARRIVAL: "hits on arrival",
    }
    for kind, what in words.items():
        ratio = outcome.hit_ratio(kind)
        of = f"of {outcome.reads[kind]:,}"
        yield Finding(case, f"{contender.name}: {what} {of}", _one(ratio), "", goal=goals.get(kind))
    total = _one(outcome.statements_a_read(*STATEMENTS))
    goal = Goal("<=", 0.2) if has_goals else None
    yield Finding(case, f"{contender.name}: statements a read", total, "", goal=goal)
    if contender.policy.enabled:
        plan = _one(outcome.statements_a_read("plan"))
        yield Finding(case, f"{contender.name}: of these, warming", _one(outcome.statements_a_read("warming")), "")
        yield Finding(case, f"{contender.name}: beside them, to read the plan", plan, "")


def _one(value: float) -> Spread:
    return Spread(value, value, value)
