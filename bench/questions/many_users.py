"""Do 100,000 users, a tenth of them active, stay well served while one statement changes half of them?

A database of its own. The real refresher, refreshing as by default, and ``frontview serve`` with one worker whose cache
has room for everybody active; each of them has read the overview once. Then readers come at a steady pace, a twentieth
of them with ``no-cache``, and a quarter into the period one statement changes every second user: first the users
themselves, then, in a second period, a call of each. Nothing else changes, so every answer must be the base tables'
answer before the statement or after it, byte for byte, and which of the two is known: an exact answer requested after
the commit, and any answer requested a second after it, must be the later one; no user may go back. The drain is timed
by its own row and by the check that first sees it committed, the worker from that commit to the event that it sends
once it has applied the feed; memory is the worker's resident memory, sampled all the time.

Limits: readers, worker, database and refresher share the machine. A user's midnight would change answers, so a
period waits until no quarter of an hour, where midnights are, falls into it.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from threading import Event, Thread

import psutil  # type: ignore[import-untyped]

from bench.findings.finding import Finding, Goal, Spread, percentile
from bench.load.steady_readers import Request, Seen, SteadyReaders
from bench.system.dashboards import Question
from bench.system.processes import SECRET, refresher, web_server
from bench.system.scale import Scale
from bench.system.seeded import people_of
from bench.system.stand import Stand
from bench.system.template import seeded_template
from bench.watching.feed_watch import FeedWatch
from models.engine import connect
from web.auth.tokens import issue_token

PATH = "/api/v1/dashboard/overview"
SMALL = Scale("crowd_small", 10_000, 1_000, 365, 1, 1, 3.0, 0, 0, 0)
LARGE = Scale("crowd", 1_000_000, 100_000, 365, 1, 1, 24.0, 0, 0, 0)
ACTIVE_SHARE, EXACT_SHARE = 0.1, 0.05
READS_A_SECOND = 150
TRUST_SECONDS = 1.0  # H, as by default
AFTERMATH_SECONDS = 5.0
QUIET_UNTIL_SECONDS = 0.5  # Before the statement: a reader that is due later may still wait when it comes.
MEGABYTE = 1_000_000
CACHE_MEGABYTES, WORKER_MEGABYTES = 100, 150  # what the region may hold; what a worker may take beside its regions
OTHER_REGIONS_MEGABYTES = 50
EVENTS = {
    "the users": "UPDATE public.users SET credits_cents = credits_cents + 100 WHERE id % 2 = 0",
    "a call of each": (
        "UPDATE public.calls c SET cost_cents = c.cost_cents + 1 FROM "
        "(SELECT max(id) AS id FROM public.calls WHERE user_id % 2 = 0 GROUP BY user_id) last WHERE c.id = last.id"
    ),
}


@dataclass(slots=True)
class Period:
    """What was seen of one statement.

    :param statement_seconds: from its sending to its commit at monotonic time ``committed``.
    :param rss: of the worker, before and at most.
    """

    watch: FeedWatch
    seen: list[Seen]
    read_seconds: float
    statement_seconds: float
    committed: float
    rss: tuple[int, int]


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield times of drain and worker, readers' waits, wrong answers and memory, for each statement."""
    crowd = _crowd_of(stand)
    users = crowd.scale.users
    stand.expect(2 * len(EVENTS) + 1)
    random = Random(1)
    active = random.sample(range(1, users + 1), int(users * ACTIVE_SHARE))
    regions = {"dashboard": {"max_entries": len(active), "max_bytes": CACHE_MEGABYTES * MEGABYTE}}
    tokens = {user: issue_token(SECRET, user) for user in [*active, 2]}
    with crowd.database() as url, refresher(url), _worker(url, regions) as (port, worker):
        readers = SteadyReaders(port, PATH, tokens)
        readers.warm(active)
        stand.step()
        for name, statement in EVENTS.items():
            _wait_for_room_in_the_quarter(2 * crowd.scale.round_seconds + users / 3000)
            watch = FeedWatch(url, port, tokens[2], users // 4)
            requests = _requests(random, active, crowd.scale)
            readers_users = {request.user for request in requests}
            before = _bodies(url, readers_users)
            period = _observe(url, worker, readers, requests, statement, watch)
            stand.step()
            after = _bodies(url, readers_users)
            yield from _findings(f"{watch.keys:,} keys in one statement: {name}", period, before, after)
            stand.step()


def _crowd_of(stand: Stand) -> Stand:
    scale = SMALL if stand.scale.name == "small" else LARGE
    template = seeded_template(stand.server, scale, lambda _: None)
    return replace(stand, scale=scale, template=template, people=people_of(stand.server.at(template)))


@contextmanager
def _worker(url: str, regions: dict[str, dict[str, int]]) -> Iterator[tuple[int, psutil.Process]]:
    with web_server(url, 1, access_log="false", regions=json.dumps(regions)) as (port, process):
        yield port, max(psutil.Process(process.pid).children(recursive=True), key=lambda it: it.memory_info().rss)


def _requests(random: Random, active: Sequence[int], scale: Scale) -> list[Request]:
    count = int(READS_A_SECOND * scale.round_seconds)
    return [
        Request(random.choice(active), number / READS_A_SECOND, random.random() < EXACT_SHARE)
        for number in range(count)
    ]


def _observe(
    url: str,
    worker: psutil.Process,
    readers: SteadyReaders,
    requests: Sequence[Request],
    statement: str,
    watch: FeedWatch,
) -> Period:
    with (
        connect(url, "frontview-bench-bulk") as writer,
        ThreadPoolExecutor(1) as thread,
        _memory_of(worker) as rss,
        watch.watching(),
    ):
        began = time.monotonic()
        reading = thread.submit(readers.read, requests)
        time.sleep(requests[-1].after_seconds / 4)
        sent = time.monotonic()
        writer.execute(statement)
        committed = time.monotonic()
        seen = reading.result()
        seconds = time.monotonic() - began
    return Period(watch, seen, seconds, committed - sent, committed, (rss[0], max(rss)))


@contextmanager
def _memory_of(process: psutil.Process) -> Iterator[list[int]]:
    """Sample the resident memory of a process all the time."""
    rss = [process.memory_info().rss]
    over = Event()

    def observe() -> None:
        while not over.wait(0.05):
            rss.append(process.memory_info().rss)

    thread = Thread(target=observe)
    thread.start()
    try:
        yield rss
    finally:
        over.set()
        thread.join()


def _bodies(url: str, users: Iterable[int]) -> dict[int, object]:
    """Return each user's answer from the base tables."""
    with connect(url, "frontview-bench-base") as connection:
        return {user: json.loads(Question("overview", user).reader(connection, base=True)()[0]) for user in users}


def _wait_for_room_in_the_quarter(seconds: float) -> None:
    remaining = 900 - time.time() % 900
    if remaining < seconds:
        time.sleep(remaining + 1)


def wrong(period: Period, before: dict[int, object], after: dict[int, object]) -> int:
    """Return how many answers were neither state, were the earlier one too late, or went back."""
    count, gone_on = 0, dict[int, float]()
    for answer in sorted(period.seen, key=lambda it: it.sent):
        data = json.loads(answer.document)["data"]
        old, new = data == before[answer.user], data == after[answer.user]
        must = period.committed if answer.exact else period.committed + TRUST_SECONDS
        too_late = answer.sent >= must or answer.sent > gone_on.get(answer.user, float("inf"))
        count += not new and (not old or too_late)
        if new and not old:
            gone_on[answer.user] = min(answer.received, gone_on.get(answer.user, float("inf")))
    return count


def _findings(case: str, period: Period, before: dict[int, object], after: dict[int, object]) -> Iterator[Finding]:
    watch, seen = period.watch, period.seen
    rate = len(seen) / period.read_seconds
    if rate < 0.9 * READS_A_SECOND:
        raise RuntimeError(f"{case}: {rate:.0f} reads a second instead of {READS_A_SECOND}")
    shown_new = sum(before[it.user] != after[it.user] and it.sent > period.committed for it in seen)
    if not shown_new:
        raise RuntimeError(f"{case}: nobody read what had changed")
    waits = [it.milliseconds for it in seen]
    sent = period.committed - period.statement_seconds
    meanwhile = [it.milliseconds for it in seen if sent <= it.due <= watch.applied + AFTERMATH_SECONDS]
    quiet = [it.milliseconds for it in seen if it.due < sent - QUIET_UNTIL_SECONDS]
    yield Finding(case, "the statement, to its commit", one(period.statement_seconds), "s")
    yield Finding(case, "drain", one(watch.drain_seconds), "s", goal=Goal("<=", 2))
    yield Finding(case, "worker's feed catch-up", one(watch.applied - watch.drained), "s", goal=Goal("<=", 1))
    yield Finding(case, "from the commit until the worker knew", one(watch.applied - period.committed), "s")
    yield Finding(case, "reads reached", one(rate), "/s")
    yield Finding(case, "reads before it, p99", _last(quiet), "ms")
    yield Finding(case, "reads meanwhile and 5 s more, p99", _last(meanwhile), "ms", goal=Goal("<=", 50))
    yield Finding(case, "reads of the whole period, p99", _last(waits), "ms", goal=Goal("<=", 50))
    yield Finding(case, "answers from the cache, before", one(_cached([it for it in seen if it.due < sent])), "of all")
    yield Finding(case, "the same, after", one(_cached([it for it in seen if it.due > period.committed])), "of all")
    yield Finding(case, "wrong answers", one(wrong(period, before, after)), f"of {len(seen):,}", goal=Goal("<=", 0))
    allowed = CACHE_MEGABYTES + OTHER_REGIONS_MEGABYTES + WORKER_MEGABYTES
    rss = [it / MEGABYTE for it in period.rss]
    yield Finding(case, "worker's memory, at most", Spread(rss[1], *rss), "MB", goal=Goal("<=", allowed))


def one(value: float) -> Spread:
    """Return a single figure as a spread."""
    return Spread(value, value, value)


def _last(waits: Sequence[float]) -> Spread:
    last = percentile(waits, 0.99)
    return Spread(last, min(waits), max(waits))


def _cached(seen: Sequence[Seen]) -> float:
    plain = [it for it in seen if not it.exact]
    cached = [it for it in plain if json.loads(it.document)["meta"]["source"] == "cache"]
    return len(cached) / max(1, len(plain))
