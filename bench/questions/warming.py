"""How many reads does the front cache answer, and how many statements does it take, with and without warming?

A trace of two hours of a Tuesday afternoon, of one hour at the small scale, is replayed against the real worker's
parts, the real leader's planner and a real PostgreSQL (:mod:`bench.replay.replay`). Its users follow Zipf's law, have
usual hours of their own, and those at work write (:mod:`bench.replay.trace`); their two weeks before are in ``access``.
*No cache*: regions without entries. *Cache*: no
warming. *Reactive*: what was read is filled again after a change and renewed before it expires. *Predictive*: the same,
and the leader's plan with `FRONTVIEW_WARMING_PREDICTIVE`.

**Time.** A second of the trace is a second of every TTL and pause; nothing is scaled. The replay's clock jumps over the
time in which nothing is due, and the real time of every statement passes in it, so that the warmer's budget is real.
The database's own clock is not moved: the answers' days are today's; the plan is read and made for the trace's time.

**Statements**: each that a worker sends counts, and each is one round trip. Those of reads that missed and of warming
come with the work; one of warming may answer several questions, so *answers computed* and the time in the database are
shown beside them. Polling costs statements as time passes, even without requests: the feed every 250 ms and on each
wake-up, the plan and the worker's report every 5 s, counts of reads every 10 s. How much that is a read depends on how
many reads a worker has: the sum is shown at the trace's rate, and the rate from which it keeps the goal. *By cause*:
what fills were for, and how many answers nobody read.

*First minute*: reads in the first minute of an hour in which a user is usually there, of users who come more
often than not. *On arrival*: the same users' reads in the first minute of a visit, at any time of the hour.
Regions have room for 2,000 entries each, and 1,000 users may be planned.

Limits: one worker; each further one fills for itself. No refresh runs, so days that were written to are patched.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.findings.finding import Finding, Goal, Spread
from bench.findings.plot import Bars, Plot, Point
from bench.questions.registry import Found
from bench.replay.replay import FIXED, NO_ENTRIES, Contender, Outcome, Replay
from bench.replay.trace import FIRST_MINUTE, REGULAR_ARRIVAL, REGULAR_FIRST_MINUTE, Trace, make_trace
from bench.system.application import REGIONS
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from web.warming.warmer import WarmingPolicy

BEGIN_HOUR = 13
NO_CACHE_READS = 1_000
NONE = WarmingPolicy(enabled=False)
ROOMY = {region.name: {"max_entries": 2_000} for region in REGIONS}
CONTENDERS = (
    Contender("no cache", NONE, NO_ENTRIES, most_reads=NO_CACHE_READS),
    Contender("cache, no warming", NONE, ROOMY),
    Contender("reactive", WarmingPolicy(), ROOMY),
    Contender("predictive", WarmingPolicy(), ROOMY, is_planned=True),
)
STATEMENTS = ("reads", "warming")
MOST_A_READ = 0.1
WRITE_FACTORS = (1.0, 10.0)
FEWER_USERS = 4  # One user in four, for a trace with fewer reads a second.
RATES = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # Reads a second, for the share of a worker's polling in each read.


def measure(stand: Stand) -> Iterator[Found]:
    """Yield hit ratios and statements for each read, by contender; a worker's polling; and pictures of both."""
    users, lines = _calls_a_day(stand), dict[str, list[Point]]()
    cached = CONTENDERS[1:]
    factors = WRITE_FACTORS[: stand.scale.trace_hours]  # a short trace has one
    stand.expect(1 + len(cached) * len(factors) + 1)
    for factor in factors:
        trace = make_trace(users, _tuesday(), stand.scale.trace_hours, write_factor=factor)
        for contender in CONTENDERS if factor == 1 else cached:
            outcome = _replay(stand, contender, trace)
            is_ours = contender is CONTENDERS[-1] and factor == 1
            yield from _findings(_case(trace), contender, outcome, has_goals=is_ours)
            if contender in cached:
                changes = (len(trace.events) - trace.reads) / trace.reads
                lines.setdefault(contender.name, []).append((changes, _one(outcome.statements_a_read(*STATEMENTS))))
            if is_ours:
                ours = outcome
            stand.step()
    few = make_trace(users[::FEWER_USERS], _tuesday(), stand.scale.trace_hours)
    sparse = _replay(stand, CONTENDERS[-1], few)
    yield from _findings(_case(few), CONTENDERS[-1], sparse, has_goals=False)
    stand.step()
    yield from _causes(ours)
    yield Plot(
        "warming-changes",
        "Statements a read against changes",
        "changes a read",
        "statements a read, polling apart",
        lines,
    )
    yield _rates(sparse, ours)


def _case(trace: Trace) -> str:
    return f"{trace.reads:,} reads, {len(trace.events) - trace.reads:,} changes in {trace.seconds // 3600} h"


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
    goal = Goal("<=", MOST_A_READ) if has_goals else None
    total = _one(outcome.statements_a_read(*STATEMENTS))
    yield Finding(case, f"{contender.name}: statements a read", total, "", goal=goal)
    answers = outcome.fills.answers.total() / outcome.reads["all"]
    yield Finding(case, f"{contender.name}: answers computed a read", _one(answers), "")
    milliseconds = 1000 * outcome.database_seconds / outcome.reads["all"]
    yield Finding(case, f"{contender.name}: time in the database a read", _one(milliseconds), "ms")
    if contender.policy.enabled:
        yield Finding(case, f"{contender.name}: of these, warming", _one(outcome.statements_a_read("warming")), "")
    if contender.is_planned:
        yield from _polling(case, contender, outcome, goal)


def _polling(case: str, contender: Contender, outcome: Outcome, goal: Goal | None) -> Iterator[Finding]:
    for kind in FIXED:
        a_second = _one(outcome.statements[kind] / outcome.seconds)
        yield Finding(case, f"{contender.name}: beside them, {kind}, a second", a_second, "")
    rate = f"{outcome.reads_a_second:.1f} reads a second"
    total = _one(outcome.statements_a_read(*STATEMENTS, *FIXED))
    yield Finding(case, f"{contender.name}: everything a worker sends, a read, at {rate}", total, "", goal=goal)
    left = MOST_A_READ - outcome.statements_a_read(*STATEMENTS)
    if left > 0:
        least = _one(outcome.fixed_a_second / left)
        yield Finding(case, f"{contender.name}: reads a second from which that is {MOST_A_READ}", least, "")


def _causes(outcome: Outcome) -> Iterator[Found]:
    fills, reads = outcome.fills, outcome.reads["all"]
    for cause in fills.causes():
        what = f"{cause}: {fills.answers[cause]:,} answers, {fills.unread[cause]:,} unread; statements a read"
        yield Finding("predictive, by cause", what, _one(fills.statements[cause] / reads), "")
    bars = {cause: _one(fills.statements[cause] / reads) for cause in fills.causes()}
    yield Bars("warming-causes", "What statements are for, predictive warming", "statements a read", bars)


def _rates(sparse: Outcome, ours: Outcome) -> Plot:
    """Return statements a read against reads a second, with polling and without.

    Measured at two rates; the computed line spreads the polling of one worker over more reads.
    """
    measured = [(it.reads_a_second, _one(it.statements_a_read(*STATEMENTS))) for it in (sparse, ours)]
    of_work = ours.statements_a_read(*STATEMENTS)
    computed = [(float(rate), _one(of_work + ours.fixed_a_second / rate)) for rate in RATES]
    return Plot(
        "warming-rates",
        "Statements a read against reads of one worker",
        "reads a second",
        "statements a read",
        {
            "reads and warming, measured": measured,
            "with the worker's polling, computed": computed,
            "goal": [(float(rate), _one(MOST_A_READ)) for rate in (RATES[0], RATES[-1])],
        },
        logarithmic="xy",
    )


def _one(value: float) -> Spread:
    return Spread(value, value, value)
