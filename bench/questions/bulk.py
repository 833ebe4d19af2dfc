"""How old does the heartbeat become, and how often does an untouched user hit, while 250,000 keys change at once?

A database with 25,000 more users, each with ten days of measures of an agent; the real refresher; ``frontview serve``
with one worker. First one statement changes all of these keys, four times in a row. Then the refresher is stopped, an
hour's worth of ordinary transactions fills the change log, and it comes back. All the while a user whom none of this
concerns reads the overview a hundred times a second. Shown are the largest age of the heartbeat, the longest statement
of each kind on the drain connection (as far as it was seen under way), the share of that user's reads that came from
the cache, and the longest time without such a read. In the second part all of it is counted from the first drain of the
leader that has come back: before that, nobody can have trusted the cache.

Limits: statements, refresher, worker, readers and database share the machine.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import pairwise
from typing import Any, LiteralString

from bench.findings.finding import Finding, Goal, Spread, percentile
from bench.load.request import Request
from bench.peers.servers import bearer
from bench.system.processes import refresher, web_server
from bench.system.stand import Stand
from bench.watching.heartbeat import Heartbeat, watched
from bench.watching.open_loop import watching
from bench.watching.sightings import Shown
from models.connection import Connection
from models.engine import connect

PATH = "/api/v1/dashboard/overview"
STATEMENTS = 4
TRANSACTIONS, KEYS_A_TRANSACTION = 3_600, 100  # The hour: one transaction a second that changes a hundred keys.
FEED_RETENTION_SECONDS = 10
AFTERMATH_SECONDS = 30.0  # Long enough for old feed rows to go.
EVERY_SECONDS = 0.01
PATIENCE_SECONDS = 120.0
TRUST_SECONDS = 1.0  # H, as by default.
PREPARE = (
    "INSERT INTO public.users (email, name) SELECT 'bulk' || n, 'Bulk' FROM generate_series(1, 25000) n",
    "INSERT INTO public.agents (user_id, name) SELECT id, 'Bulk' FROM public.users WHERE name = 'Bulk'",
    "INSERT INTO public.agent_analytics (agent_id, user_id, day, csat_points, csat_answers) "
    "SELECT id, user_id, CURRENT_DATE - 2 * n, 4, 1 FROM public.agents, generate_series(0, 9) n WHERE name = 'Bulk'",
    "VACUUM ANALYZE",
)
CHANGE_ALL = (
    "UPDATE public.agent_analytics SET csat_points = csat_points + 1 "
    "WHERE agent_id IN (SELECT id FROM public.agents WHERE name = 'Bulk')"
)
AN_HOUR = f"""
DO $$
DECLARE
    first bigint := (SELECT min(id) FROM public.agents WHERE name = 'Bulk');
BEGIN
    FOR n IN 0..{TRANSACTIONS - 1} LOOP
        UPDATE public.agent_analytics SET csat_points = csat_points + 1
        WHERE agent_id >= first + n * {KEYS_A_TRANSACTION} % 25000
        AND agent_id < first + n * {KEYS_A_TRANSACTION} % 25000 + {KEYS_A_TRANSACTION} AND day = CURRENT_DATE;
        COMMIT;
    END LOOP;
END $$
"""


_IDLE = "SELECT NOT EXISTS (SELECT FROM frontview.change_log) AND NOT EXISTS (SELECT FROM frontview.stale_key)"


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield heartbeat, statements of the drain connection, and the untouched user's hits, for both parts."""
    stand.expect(STATEMENTS + 3)
    asked = {stand.people.median: Request(PATH, bearer(stand.people.median))}
    with stand.database() as url, connect(url, "frontview-bench-bulk") as writer, ExitStack() as refreshing:
        for statement in PREPARE:
            writer.execute(statement.encode())
        refreshing.enter_context(_refresher(url))
        with web_server(url, 1, access_log="false") as (port, _):
            _wait_until_idle(writer)
            stand.step()
            with watching(port, asked, workers=1, every_seconds=EVERY_SECONDS) as end, watched(url) as beat:
                for _ in range(STATEMENTS):
                    writer.execute(CHANGE_ALL.encode())
                    stand.step()
                time.sleep(AFTERMATH_SECONDS)
                shown = end()[0]
            yield from _findings(f"250,000 keys in one statement, {STATEMENTS} times", beat, shown)
            _wait_until_idle(writer)
            with watching(port, asked, workers=1, every_seconds=EVERY_SECONDS) as end:
                refreshing.close()
                writer.execute("SET synchronous_commit = off")
                writer.execute(AN_HOUR.encode())
                stand.step()
                with watched(url, after_epoch=_epoch(writer)) as beat, _refresher(url):
                    time.sleep(AFTERMATH_SECONDS)
                    shown = end()[0]
            yield from _findings("a leader comes back to an hour's log", beat, shown)
            stand.step()


def _refresher(url: str) -> AbstractContextManager[None]:
    """Refresh as soon as possible, so that stale keys are collected within the time that is watched."""
    retention = str(FEED_RETENTION_SECONDS)
    return refresher(url, refresh_min_seconds="5", refresh_duty="1", feed_retention_seconds=retention)


def _wait_until_idle(connection: Connection) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if _value(connection, _IDLE):
            return
        time.sleep(0.2)
    raise RuntimeError("the refresher does not cover what has changed")


def _epoch(connection: Connection) -> int:
    return int(_value(connection, "SELECT max(epoch) FROM frontview.drain"))


def _value(connection: Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _findings(case: str, beat: Heartbeat, shown: Sequence[Shown]) -> Iterator[Finding]:
    assert beat.began is not None, "no leader was seen"
    answers = [it for it in shown if it.asked >= beat.began]
    hits = [it for it in answers if it.cached]
    share = len(hits) / len(answers)
    without = max(b - a for a, b in pairwise([beat.began, *(it.answered for it in hits), answers[-1].answered]))
    slowest = percentile([1000 * (it.answered - it.asked) for it in answers], 0.99)
    yield Finding(case, "oldest heartbeat", _one(beat.oldest), "s", goal=Goal("<=", TRUST_SECONDS))
    for function, seconds in sorted(beat.longest.items()):
        yield Finding(case, f"longest {function}", _one(1000 * seconds), "ms")
    yield Finding(case, "an untouched user's hits", _one(100 * share), "%")
    yield Finding(case, "longest time without a hit", _one(without), "s")
    yield Finding(case, "the user's reads, p99", _one(slowest), "ms")


def _one(value: float) -> Spread:
    return Spread(value, value, value)
