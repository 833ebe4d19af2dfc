"""Does anybody notice that a declaration is changed while it is read and written, and does a bad one change nothing?

A project over the seeded tables, the refresher and one web worker. Readers ask for the overview of some users 200 times
a second, a quarter of them with ``no-cache``, while calls of these users come in 200 times a second. In each round
nothing else happens first; then the declaration changes what a completed call is (``frontview migrate --wait``), which
makes the view of calls again beside the old one. Every answer is checked: its calls are those committed before the
request (a second before, of a cached answer) and perhaps those under way, and the completed ones among them are those
of one declaration: the old one before the command, the new one a second after it, either in between. Compared is the
95th percentile of exact answers, with the change and without.

Then a declaration is migrated that an error of a later row keeps from being populated; this must leave each answer as
it was, and it is taken back. Then the last good one is taken back: how long the one before takes to answer again.

Limits: commands, readers, writers, worker, refresher and database share the machine. A command's time contains the
start of Python.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random

from bench.findings.finding import Finding, Goal, Spread, percentile, ratios, spread
from bench.load.steady_readers import Request, Seen, SteadyReaders
from bench.system.processes import SECRET, refresher, web_server
from bench.system.project import DECLARED, Project, project_over
from bench.system.stand import Stand
from bench.watching.open_loop import Prober
from bench.watching.sightings import Write
from models.engine import connect
from web.auth.tokens import issue_token

PATH = "/api/v1/dashboard/overview"
READS_A_SECOND, WRITES_A_SECOND, WRITERS, USERS_A_WRITER = 200, 200, 4, 10
EXACT_SHARE = 0.25
MOST_ROUNDS, TRUST_SECONDS, SETTLE_SECONDS = 10, 1.0, 2.0
TIMES_AS_LONG = 3  # Readers and writers, as a migration that nobody disturbs.
SLOWER, NONE, BACK = Goal("<=", 1.5), Goal("<=", 0), Goal("<=", 1.0)
COMPLETED = "status = 'completed'"
MEANINGS = (COMPLETED, "status IN ('completed', 'busy')")
# A condition of the author's own is taken as a guard, and no row that is there raises an error.
DIVIDED = "CASE WHEN cost_cents >= 0 THEN duration_seconds / (cost_cents - 1234567) END"
RAISING_ROW = """
INSERT INTO public.calls (user_id, agent_id, status, duration_seconds, cost_cents)
SELECT a.user_id, a.id, 'failed', 61, 1234567 FROM public.agents a WHERE a.user_id <> ALL (%s) LIMIT 1
"""
FAILING = DECLARED.replace('sum = "duration_seconds"', f'sum = "{DIVIDED}"')
PATIENCE_SECONDS, FAILING_SECONDS = "120", "5"
COUNTS = (
    "SELECT user_id, count(*), "
    + ", ".join(f"count(*) FILTER (WHERE {meaning})" for meaning in MEANINGS)
    + " FROM public.calls WHERE user_id = ANY (%s) GROUP BY user_id"
)
Others = dict[int, tuple[int, ...]]  # By user and meaning: the calls that are not completed.


@dataclass(frozen=True)
class Period:
    """What was read and written while a command ran, whose times are monotonic.

    :param meanings: the places of the meanings before and after it.
    """

    seen: list[Seen]
    writes: list[Write]
    began: float
    ended: float
    meanings: tuple[int, int]

    def wrong(self, others: Others) -> int:
        """Return how many answers were not right when they were given."""
        written: dict[int, list[Write]] = {}
        for write in self.writes:
            written.setdefault(write.user, []).append(write)
        return sum(not self._is_right(it, written[it.user], others[it.user]) for it in self.seen)

    def exact_p95(self) -> float:
        """Return the 95th percentile of exact answers, in milliseconds."""
        return percentile([it.milliseconds for it in self.seen if it.exact], 0.95)

    def last_of(self, meaning: int, others: Others) -> float:
        """Return when the last answer with that meaning came."""
        found = [it.received for it in self.seen if _not_completed(it) == others[it.user][meaning]]
        return max(found, default=self.began)

    def _is_right(self, seen: Seen, writes: list[Write], others: tuple[int, ...]) -> bool:
        asked = seen.sent if seen.exact else seen.sent - TRUST_SECONDS
        committed = [it.calls for it in writes if it.committed < asked]
        begun = [it.calls for it in writes if it.sent < seen.received]
        least, most = max(committed, default=0), max(begun, default=writes[0].calls - 1)
        before, after = self.meanings
        meant = {before} if seen.received < self.began else {before, after}
        if seen.sent > self.ended + TRUST_SECONDS:
            meant = {after}
        return least <= _calls(seen)[0] <= most and _not_completed(seen) in {others[it] for it in meant}


class _Crowd:
    """The users, their readers and their writers."""

    def __init__(self, url: str, port: int, users: Sequence[int], seconds: float) -> None:
        self._url, self._users, self._seconds, self._random = url, users, seconds, Random(1)
        self._readers = SteadyReaders(port, PATH, {user: issue_token(SECRET, user) for user in users})
        self._readers.warm(users)
        with connect(url, "frontview-bench-counts") as connection:
            counted = connection.execute(COUNTS.encode(), (list(users),)).fetchall()
        self.others: Others = {user: tuple(calls - it for it in completed) for user, calls, *completed in counted}

    def period(self, meanings: tuple[int, int], action: Callable[[], object]) -> Period:
        """Read and write for some seconds, and do something meanwhile."""
        count = int(READS_A_SECOND * self._seconds)
        requests = [
            Request(self._random.choice(self._users), n / READS_A_SECOND, exact=self._random.random() < EXACT_SHARE)
            for n in range(count)
        ]
        rate = WRITES_A_SECOND / WRITERS
        shares = [self._users[n::WRITERS] for n in range(WRITERS)]
        writers = [Prober(self._url, share, a_second=rate, seconds=self._seconds) for share in shares]
        with ThreadPoolExecutor(1) as reading:
            for writer in writers:
                writer.start()
            answers = reading.submit(self._readers.read, requests)
            time.sleep(SETTLE_SECONDS)
            began = time.monotonic()
            action()
            ended = time.monotonic()
            writes = [write for writer in writers for write in writer.finish()]
            if ended > writes[-1].sent - TRUST_SECONDS:
                raise RuntimeError("the command took longer than readers and writers were there")
            return Period(answers.result(), writes, began, ended, meanings)


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield wrong answers and waits with a change and without, with a bad declaration, and on the way back."""
    rounds = min(MOST_ROUNDS, stand.scale.system_rounds)
    stand.expect(rounds + 2)
    users = stand.people.everyone[: WRITERS * USERS_A_WRITER]
    with stand.database() as url, project_over(url) as project, ExitStack() as stack:
        project.declare(DECLARED)
        project.run("migrate")
        stack.enter_context(refresher(url, refresh_min_seconds="1"))
        seconds = SETTLE_SECONDS + TIMES_AS_LONG * _alone(project)
        with web_server(url, 1, access_log="false") as (port, _):
            crowd = _Crowd(url, port, users, seconds)
            quiet, changed = [], []
            for number in range(rounds):
                before, after = (number + 1) % 2, number % 2
                quiet.append(crowd.period((before, before), lambda: None))
                project.declare(DECLARED.replace(COMPLETED, MEANINGS[after]))
                migrate = ("migrate", "--wait", PATIENCE_SECONDS)
                changed.append(crowd.period((before, after), lambda command=migrate: project.run(*command)))  # type: ignore[misc]
                stand.step()
            yield from _findings(crowd.others, quiet, changed, stand.scale.calls)
            newest, one_before = (rounds + 1) % 2, rounds % 2
            yield from _bad_one(crowd, project, newest)
            stand.step()
            yield from _way_back(crowd, project, (newest, one_before))
            stand.step()


def _alone(project: Project) -> float:
    """Change the declaration to the other meaning while nobody is there; return how many seconds that takes."""
    project.declare(DECLARED.replace(COMPLETED, MEANINGS[1]))
    began = time.monotonic()
    project.run("migrate", "--wait", PATIENCE_SECONDS)
    return time.monotonic() - began


def _findings(others: Others, quiet: list[Period], changed: list[Period], calls: int) -> Iterator[Finding]:
    load = f"{READS_A_SECOND} reads and {WRITES_A_SECOND} writes a second"
    case = f"{len(changed)} redefinitions at {calls:,} calls, {load}"
    for name, periods in (("meanwhile", changed), ("without", quiet)):
        answers = sum(len(it.seen) for it in periods)
        wrong = sum(it.wrong(others) for it in periods)
        yield Finding(case, f"wrong answers of {answers:,}, {name}", _one(wrong), "", goal=NONE)
    slower = ratios([it.exact_p95() for it in changed], [it.exact_p95() for it in quiet])
    yield Finding(
        case,
        "exact answers, p95, meanwhile",
        spread([it.exact_p95() for it in changed]),
        "ms",
        slower,
        "times as long",
        SLOWER,
    )
    yield Finding(case, "exact answers, p95, without", spread([it.exact_p95() for it in quiet]), "ms")
    yield Finding(case, "until the new one answers", spread([it.ended - it.began for it in changed]), "s")


def _bad_one(crowd: _Crowd, project: Project, meaning: int) -> Iterator[Finding]:
    project.declare(FAILING.replace(COMPLETED, MEANINGS[meaning]))
    with connect(project.url, "frontview-bench-raising") as connection:
        connection.execute(RAISING_ROW, (list(crowd.others),))
    migrate = ("migrate", "--wait", FAILING_SECONDS)
    period = crowd.period((meaning, meaning), lambda: project.run(*migrate, fails=True))
    project.run("migrate", "--back")
    what = f"wrong answers of {len(period.seen):,}"
    yield Finding("a declaration that cannot be populated", what, _one(period.wrong(crowd.others)), "", goal=NONE)


def _way_back(crowd: _Crowd, project: Project, meanings: tuple[int, int]) -> Iterator[Finding]:
    period = crowd.period(meanings, lambda: project.run("migrate", "--back"))
    case = "the newest declaration taken back"
    what = f"wrong answers of {len(period.seen):,}"
    yield Finding(case, what, _one(period.wrong(crowd.others)), "", goal=NONE)
    yield Finding(case, "the command", _one(period.ended - period.began), "s")
    after = max(period.last_of(meanings[0], crowd.others) - period.ended, 0.0)
    yield Finding(case, "answers of what was taken back, after the command", _one(after), "s", goal=BACK)


def _calls(seen: Seen) -> tuple[int, int]:
    """Return the calls of all time that an answer has, and those that are completed."""
    ever = json.loads(seen.document)["data"]["calls"]["all_time"]
    return ever["calls"], ever["completed"]


def _not_completed(seen: Seen) -> int:
    calls, completed = _calls(seen)
    return calls - completed


def _one(value: float) -> Spread:
    return Spread(value, value, value)
