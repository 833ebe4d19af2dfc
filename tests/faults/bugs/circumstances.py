"""What must happen so that a missing step of the protocol shows; none of it breaks a promise by itself.

Invariant: a circumstance heals what it does in each act, so that a run may end after any of them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.concurrency.sabotage import rewrite_function
from tests.faults.bugs.stage import Stage, terminate_quietly
from tests.waiting import until

END_READ = "frontview.end_read(frontview.read_state, text, date, date, timestamptz)"
MERGED = "frontview.calls_1_merged(frontview.user_key, date, date, frontview.staleness)"
ACT_SECONDS = 1.0
_ALL_DRAINED = """
SELECT pg_snapshot_xmin(d.snapshot) > COALESCE((SELECT max(l.xid) FROM frontview.change_log l), '0')
FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
"""


def _nothing(_: Any) -> None:
    return None


def _let_pass(_: Stage) -> None:
    time.sleep(ACT_SECONDS)


@dataclass(frozen=True)
class Circumstance:
    """:param load: arguments of the load; :param users: how many.

    :param prepare: changes the database's functions, to slow something down.
    :param act: takes about a second and is repeated.
    """

    name: str
    users: int = 12
    load: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[str], None] = _nothing
    act: Callable[[Stage], None] = _let_pass


def _slow_reads(url: str) -> None:
    """Let every other read take so long that the feed overtakes it."""
    rewrite_function(url, END_READ, "\nBEGIN\n", "\nBEGIN\n    IF random() < 0.5 THEN PERFORM pg_sleep(0.4); END IF;\n")


def _slow_merging(url: str) -> None:
    """Let time pass between what a read finds out about its days and its looking at them."""
    rewrite_function(url, MERGED, "\nBEGIN\n", "\nBEGIN\n    PERFORM pg_sleep(0.03);\n")


def _drop_notifications(stage: Stage) -> None:
    dropped = stage.link.dropped_notifications
    stage.link.drop_notifications()
    time.sleep(2.5)
    assert stage.link.dropped_notifications > dropped
    stage.link.heal()


def _delay_worker(stage: Stage) -> None:
    """Delay it longer than trust lasts, so that no poll can be in time."""
    time.sleep(1.0)
    stage.link.delay(1.2)
    time.sleep(4.0)
    stage.link.heal()


def _forget_feed_of_a_paused_worker(stage: Stage) -> None:
    """Forget the feed's rows as the leader does, while the worker sleeps and nobody writes any more."""
    time.sleep(0.5)
    stage.worker.pause()
    time.sleep(0.7)
    stage.load.pause_writers()
    until(lambda: stage.sql.execute(_ALL_DRAINED).fetchone() == (True,), "drain of every change")
    stage.sql.execute("SELECT frontview.forget_feed('0 seconds', 0, 1000000)")
    stage.worker.resume()
    time.sleep(1.7)
    stage.load.resume_writers()


def _hold_refreshes_back(stage: Stage) -> None:
    """Let a refresh of the calls' view wait before its commit."""
    until(lambda: _holds_a_refresh_back(stage), "refresh that waits")


def _holds_a_refresh_back(stage: Stage) -> bool:
    """Return whether a refresh had to wait; not so when its transaction was over already and it waited to note that."""
    holder = stage.deployment.connect()
    holder.autocommit = False
    try:
        holder.execute("SELECT FROM frontview.view_state WHERE view = 'calls_1' FOR UPDATE")
        until(lambda: _who_waits(stage), "somebody who waits")
        waits = any(query.lstrip().startswith("UPDATE frontview.view_state SET through") for query in _who_waits(stage))
        time.sleep(0.5 if waits else 0.0)
    finally:
        terminate_quietly(holder)
    return waits


def _who_waits(stage: Stage) -> list[str]:
    """Return the statements of the refresher that wait for a lock."""
    return [
        query
        for (query,) in stage.sql.execute(
            "SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND application_name LIKE 'frontview-refresher%'"
        ).fetchall()
    ]


def _commit_late(stage: Stage) -> None:
    for _ in range(4):
        stage.commit_late(0.25)


# Every answer that saw more than the worker has applied of the feed drops the user's others: asked one question only,
# and rarely exactly, entries live long enough to show that they are wrong.
RARELY_FILLED = {"questions": 1, "exact_share": 0.05}
PLAIN = Circumstance("plain", load={"weights": {"move": 60}})
SLOW_READS = Circumstance(
    "slow reads",
    users=48,
    load={"writes_per_second": 40, "clients": 8, **RARELY_FILLED},
    prepare=_slow_reads,
)
DROPPED_NOTIFICATIONS = Circumstance("dropped notifications", users=24, load=RARELY_FILLED, act=_drop_notifications)
FORGOTTEN_FEED = Circumstance("forgotten feed", users=24, act=_forget_feed_of_a_paused_worker)
DELAYED_LINK = Circumstance("delayed link", users=24, load={"clients": 12, **RARELY_FILLED}, act=_delay_worker)
HELD_REFRESHES = Circumstance("refreshes held back", load={"exact_share": 0.5}, act=_hold_refreshes_back)
LATE_COMMITS = Circumstance("late commits", load={"exact_share": 0.5}, act=_commit_late)
SLOW_MERGING = Circumstance(
    "slow merging",
    load={"exact_share": 0.7, "weights": {"move": 150}, "clients": 6},
    prepare=_slow_merging,
)
