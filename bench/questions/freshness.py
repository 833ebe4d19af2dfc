"""How long after its commit does a cached answer show a write, and do exact answers show it at once?

Open loop: probes write calls of two users at times set in advance, ``pgbench`` writes others all the time, two hundred
writes a second together (the rate reached is checked), and a process of its own reads the two overviews from each
worker every few milliseconds over keep-alive connections. None of them waits for another. A write is timed for each
worker from the return of its commit to the arrival of the first answer that shows it; it counts only where the previous
answer came from the cache, and the number of others is shown. The time includes computing that answer. ``frontview
serve`` has two workers, and the refresher refreshes as by default. A third user is written and then read at once with
``no-cache``: such an answer must show the write.

*Stages*: a drain's beginning is what its row says, its end the arrival of its wake-up at the benchmark's listener; an
answer says when its computation began. The stages of one write add up to its time; their medians need not.

Peers, in turn, on a database without Frontview's capture of calls: the Flask dashboard whose row trigger notifies and
whose process drops the user's answer, and the same without listening, its answers kept for a second. Both compute by
``bench/peers/plain_overview.py``, under gunicorn with one worker. A longer life would be seen later in proportion.

Limits: a connection asks every few milliseconds, half of that is in each time; all share the machine.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any

from bench.findings.finding import Finding, Goal, Spread, percentile, spread
from bench.findings.plot import Plot
from bench.peers.row_notify import CHANNEL, notify_by_row_trigger
from bench.peers.servers import dashboard_environment, on_gunicorn, served_together
from bench.questions.registry import Found
from bench.system.processes import refresher, web_server
from bench.system.stand import Stand
from bench.watching.watched_system import PROBES_A_SECOND, WORKERS, WRITES_A_SECOND, Round, WatchedSystem, check_rate

PATH = "/api/v1/dashboard/overview"
PROBES_A_ROUND = 100
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
MEDIAN_GOAL, P99_GOAL = Goal("<=", 30), Goal("<=", 100)
OURS, ROW_NOTIFY, ONE_SECOND = "Frontview", "row trigger and pg_notify", "kept for one second"
STAGES = {
    "waits": "commit to the drain's beginning",
    "drains": "to its wake-up's arrival",
    "follows": "to the beginning of computing",
    "computes": "to the answer's arrival",
}


def measure(stand: Stand) -> Iterator[Found]:
    """Yield milliseconds from the commit until answers show the write, cached and exact, and the parts of that time."""
    count = max(1, stand.scale.probes // PROBES_A_ROUND)
    seconds = stand.scale.probes / count / PROBES_A_SECOND
    discarded = stand.scale.discarded
    stand.expect(3 * (count + discarded))
    with ExitStack() as stack:
        systems = _systems(stand, stack)
        rounds: dict[str, list[Round]] = {name: [] for name in systems}
        for turn in range(count + discarded):
            for name, system in systems.items():
                kept = turn >= discarded
                found = system.round(seconds if kept else min(2.0, seconds))
                if kept:
                    rounds[name].append(found)
                stand.step()
    for name, found_of in rounds.items():
        check_rate(found_of)
        yield from _findings(name, found_of)
    yield from _stages(rounds[OURS])
    yield from _exact(rounds[OURS])
    yield _picture(rounds)


def _systems(stand: Stand, stack: ExitStack) -> dict[str, WatchedSystem]:
    everyone = stand.people.everyone
    users = everyone[len(everyone) // 2 :][:3]
    ours, theirs = (stack.enter_context(stand.database()) for _ in range(2))
    notify_by_row_trigger(theirs)
    stack.enter_context(refresher(ours, refresh_min_seconds="5"))
    servers = {OURS: web_server(ours, WORKERS, access_log="false")}
    peers: dict[str, dict[str, Any]] = {ROW_NOTIFY: {"listens": CHANNEL}, ONE_SECOND: {"life_seconds": "1"}}
    for name, settings in peers.items():
        environment = dashboard_environment(theirs, "simple", **settings)
        servers[name] = on_gunicorn("bench.peers.dashboard_peer:make_app", environment)
    found = {}
    for name, (port, _) in served_together(stack, servers).items():
        url, path = (ours, PATH) if name == OURS else (theirs, "/overview")
        found[name] = WatchedSystem(stand, url, port, users, path, ours=name == OURS)
    return found


def _findings(name: str, rounds: list[Round]) -> Iterator[Finding]:
    seen, left_out = sum(len(it.seen) for it in rounds), sum(it.left_out for it in rounds)
    case = f"{name}: {seen} sightings ({left_out} left out)"
    goals = (MEDIAN_GOAL, P99_GOAL) if name == OURS else (None, None)
    for (share, what), goal in zip(((0.5, "median"), (0.99, "p99")), goals, strict=True):
        yield Finding(case, f"in a cached answer, {what}", spread([it.at(share) for it in rounds]), "ms", goal=goal)
    longest = max(it.milliseconds for round_ in rounds for it in round_.seen)
    yield Finding(case, "the longest", _one(longest), "ms")
    yield Finding(case, "writes reached", spread([it.a_second for it in rounds]), "/s")
    yield Finding(case, "a connection asks every", spread([it.every_ms for it in rounds]), "ms")


def _stages(rounds: list[Round]) -> Iterator[Finding]:
    found = [it for round_ in rounds for it in round_.stages]
    case = f"{OURS}: where the time went ({len(found)} sightings)"
    for name, what in STAGES.items():
        values = [getattr(it, name) for it in found]
        ends = Spread(median(values), percentile(values, 0.05), percentile(values, 0.95))
        yield Finding(case, f"{what} (5 to 95 %)", ends, "ms")


def _exact(rounds: list[Round]) -> Iterator[Finding]:
    found = [it for round_ in rounds for it in round_.exact]
    case = f"{OURS}: {len(found)} exact answers"
    yield Finding(case, "without the write", _one(sum(not there for there, _ in found)), "", goal=Goal("<=", 0))
    yield Finding(case, "take", spread([milliseconds for _, milliseconds in found]), "ms")


def _picture(rounds: dict[str, list[Round]]) -> Plot:
    lines = {
        name: [(100 * share, spread([it.at(share) for it in found])) for share in SHARES]
        for name, found in rounds.items()
    }
    title = f"From commit to a cached answer, {WRITES_A_SECOND} writes a second"
    return Plot("freshness", title, "share of the writes, %", "seen within, ms", lines, logarithmic="y")


def _one(value: float) -> Spread:
    return Spread(value, value, value)
