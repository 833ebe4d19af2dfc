"""The feed follower: the one thread that LISTENs for NOTIFY, polls the feed and applies it to a front cache.

Invariant: a notification only wakes the thread; everything that the cache learns comes from polls, one statement each,
on a connection that belongs to this thread. The wait for notifications ends before a poll is sent (psycopg would
deadlock).
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from models.backoff import Backoff
from models.base import CHANNEL
from models.calendar_day import python_day
from models.connection import Connection
from models.deadlines import Deadlines
from models.engine import connect
from models.errors import FrontviewError
from models.event_counter import EventCounter
from models.user_key import UserKind, read_user_kind
from refresher.front_cache.cache import FrontCache
from refresher.front_cache.feed import Bulk, FeedRow, Poll, Position
from refresher.front_cache.statistics import FollowerStatistics
from refresher.front_cache.trust import Sighting
from views_sql.operations.database import STAMP

STATEMENT_TIMEOUT_SECONDS = 5
# The database counts as answering for this time after a poll is due.
ANSWERING_SECONDS = 2.0
NEVER_OVERDUE = float("inf")
# A worker that is further behind starts again with an empty cache. A million takes a worker about 130 MB for a moment.
MAX_ROWS_A_POLL = 1_000_000
# The users of one change stay together above this number: a row for each of 50,000 took 0.2 s of a worker's only core.
MOST_USERS_APART = 1_000
# Above this number the rows of one source become one change: 250,000 rows of 200 users took 1.4 s of a worker's core.
# It drops more days of the users concerned than it must, and nothing of any other user.
MOST_ROWS_APART = 20_000
# There is one notification a drain; a flood of forged ones must not become a flood of polls.
LEAST_SECONDS_BETWEEN_POLLS = 0.01
# The thread notices within this time that the process ends.
LONGEST_WAIT_SECONDS = 0.5

# One snapshot for the state and its rows. The first row is the state, without drain while there is none; each other one
# holds all users of one change.
# Braces that are doubled are filled in for the kind of user keys.
_POLL = f"""
WITH newest AS MATERIALIZED (
    SELECT d.drain_id, d.epoch, d.nonce, d.drained_at, clock_timestamp() AS database_time
    FROM frontview.drain d ORDER BY d.drain_id DESC LIMIT 1
), row_after AS (
    SELECT f.drain_id, f.user_id, f.source, {python_day("f.first_day")} AS first_day,
        {python_day("f.last_day")} AS last_day
    FROM frontview.feed f
    WHERE f.drain_id > %(since)s AND f.drain_id <= (SELECT n.drain_id FROM newest n)
    ORDER BY f.drain_id LIMIT {MAX_ROWS_A_POLL + 1}
)
SELECT n.drain_id, NULL AS users, NULL AS source, NULL AS first_day, NULL AS last_day, n.epoch, n.nonce,
    EXTRACT(EPOCH FROM n.drained_at)::float8, EXTRACT(EPOCH FROM n.database_time)::float8,
    EXTRACT(EPOCH FROM n.database_time - n.drained_at)::float8,
    (SELECT count(*) FROM frontview.drain d WHERE d.drain_id > %(since)s AND d.drain_id <= n.drain_id), ({STAMP})
FROM (VALUES (TRUE)) AS always (there) LEFT JOIN newest n ON TRUE
UNION ALL
SELECT r.drain_id, array_agg(r.user_id::{{type}}), r.source, r.first_day, r.last_day,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM row_after r GROUP BY r.drain_id, r.source, r.first_day, r.last_day
"""  # noqa: S608  a constant number # nosec B608


class FeedFollower:
    """Reads the feed into ``cache`` from its own thread, which ends by :meth:`stop` or with the main one.

    :param url: of the database itself, not of a transaction pooler.
    :param poll_seconds: the longest time between two polls.
    :param connect: makes the connection, in autocommit.
    :param on_declaration: called in this thread with each poll's stamp of the active declaration, and with a connection
        to read it on, before the cache applies the poll; what it raises keeps the poll from extending trust.
    :param on_applied: called in this thread with each poll that the cache has applied, and whether that flushed it.
    :param deadlines: cuts the connection if a poll gets no answer in time, even if TCP keepalives still succeed: a
        proxy may answer them and forward nothing.
    """

    def __init__(
        self,
        url: str,
        cache: FrontCache,
        *,
        poll_seconds: float = 0.25,
        on_declaration: Callable[[Connection, str | None], None] = lambda _connection, _stamp: None,
        on_applied: Callable[[Poll, bool], None] = lambda _poll, _flushed: None,
        connect: Callable[[str, str], Connection] = connect,
        deadlines: Deadlines | None = None,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._cache, self._poll_seconds = url, cache, poll_seconds
        self._connect, self._backoff, self._monotonic = connect, backoff or Backoff(), monotonic
        self._on_declaration, self._on_applied = on_declaration, on_applied
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._deadlines = deadlines or Deadlines()
        self._connection: Connection | None = None
        self._connected = False
        self._sent = self._answered = float("-inf")
        self._age: float | None = None
        self._error: str | None = None
        self._counter = EventCounter()

    def start(self) -> None:
        """Start the thread; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="frontview-feed")
            self._thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the thread, no matter what it waits for; return whether it ended in time."""
        self._stopping.set()
        if (connection := self._connection) is not None:
            self._deadlines.cut(connection)
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def status(self) -> FollowerStatistics:
        """Return the state of the connection to the feed."""
        now = self._monotonic()
        return FollowerStatistics(
            connected=self._connected,
            trusted=self._cache.may_answer(now),
            lag_seconds=None if self._age is None else now - self._answered + self._age,
            seconds_since_poll=None if self._age is None else now - self._answered,
            error=self._error,
            polls=self._counter["polls"],
            reconnects=self._counter["reconnects"],
            failures=self._counter["failures"],
        )

    def database_answers(self) -> bool:
        """Return whether the database has answered the newest poll that was due, and so works, however slowly."""
        return self._monotonic() - self._answered < self._poll_seconds + ANSWERING_SECONDS

    # --- in the thread

    def _run(self) -> None:
        while self._goes_on():
            try:
                with (
                    closing(self._connect(self._url, "frontview-feed")) as connection,
                    self._deadlines.watch(connection, NEVER_OVERDUE),
                ):
                    self._connection = connection
                    self._follow(connection)
            except (psycopg.Error, SQLAlchemyError, OSError, FrontviewError) as error:
                self._note("reconnects", error)
            except Exception as error:  # A defect: trust nothing, and continue.
                self._note("failures", error)
                self._cache.flush("failure")
            finally:
                self._connected, self._connection = False, None
            self._wait(self._backoff.delay())

    def _follow(self, connection: Connection) -> None:
        with self._deadlines.watch(connection, STATEMENT_TIMEOUT_SECONDS + 1):
            connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_SECONDS * 1000}")
            connection.execute(f"LISTEN {CHANNEL}")
            kind = read_user_kind(connection)
        reconnected = True
        while self._goes_on():
            poll = self._poll(connection, kind, reconnected)
            with self._deadlines.watch(connection, 2 * STATEMENT_TIMEOUT_SECONDS):
                self._on_declaration(connection, poll.declaration)
            flushed = self._cache.apply(poll, reconnected=reconnected)
            self._on_applied(poll, flushed)
            self._connected, self._error, reconnected = True, None, False
            self._backoff.reset()
            self._stopping.wait(LEAST_SECONDS_BETWEEN_POLLS)
            self._wait_for_notification(connection)

    def _poll(self, connection: Connection, kind: UserKind, afresh: bool) -> Poll:
        applied = self._cache.applied
        since = None if afresh or applied is None else applied.drain_id
        self._sent = sent = self._monotonic()
        with self._deadlines.watch(connection, STATEMENT_TIMEOUT_SECONDS + 1):
            rows = connection.execute(poll_statement(kind), {"since": since}).fetchall()
        self._answered = received = self._monotonic()
        self._counter.add("polls")
        poll = read_poll(since, rows, sent, received, kind)
        self._age = poll.seen.age if poll.seen else None
        return poll

    def _wait_for_notification(self, connection: Connection) -> None:
        due = self._sent + self._poll_seconds
        while self._goes_on() and (remaining := due - self._monotonic()) > 0:
            notified = False
            for _ in connection.notifies(timeout=min(remaining, LONGEST_WAIT_SECONDS), stop_after=1):
                notified = True  # No break here: the generator must end before the next statement.
            if notified:
                return

    def _wait(self, seconds: float) -> None:
        due = self._monotonic() + seconds
        while self._goes_on() and (remaining := due - self._monotonic()) > 0:
            self._stopping.wait(min(remaining, LONGEST_WAIT_SECONDS))

    def _goes_on(self) -> bool:
        # A thread that is not a daemon would keep a process alive whose main thread has ended.
        return not self._stopping.is_set() and threading.main_thread().is_alive()

    def _note(self, event: str, error: Exception) -> None:
        if not self._goes_on():  # Its connection was cut because the process ends.
            return
        self._error = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if self._counter.add(event):
            structlog.get_logger(__name__).warning("feed_lost", error=self._error, times=self._counter[event])


def poll_statement(kind: UserKind) -> bytes:
    """Return the statement that reads what drains have found for users of that kind."""
    return _POLL.format(type=kind.read_as).encode()


def read_poll(since: int | None, rows: list[tuple[Any, ...]], sent: float, received: float, kind: UserKind) -> Poll:
    """Return the rows of one poll as values; ``sent`` and ``received`` are monotonic seconds."""
    state = next(row for row in rows if row[1] is None)
    drain_id, _, _, _, _, epoch, nonce, drained_at, database_time, age, drains_since, declaration = state
    if drain_id is None:
        return Poll(since, None, None, declaration=declaration)
    changes: list[FeedRow] = []
    bulks: list[Bulk] = []
    groups = [row[:5] for row in rows if row is not state]
    count = sum(len(users) for _, users, *_ in groups)
    for changed_in, users, *change in groups if count <= MOST_ROWS_APART else _coarsened(groups):
        if len(users) > MOST_USERS_APART and None not in users:
            bulks.append(Bulk(changed_in, frozenset(users), *change))
        else:
            changes += [FeedRow(changed_in, user, *change).narrowed(kind) for user in users]
    changes.sort(key=lambda row: row.drain_id)
    return Poll(
        since,
        Position(epoch, nonce, drain_id),
        Sighting(sent, received, age, drained_at, database_time),
        drains_since,
        changes,
        truncated=count > MAX_ROWS_A_POLL,
        bulks=bulks,
        declaration=declaration,
    )


def _coarsened(groups: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield one change for each source, of all its users, drains and days; those of every user stay as they are."""
    by_source: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for group in groups:
        if None in group[1]:
            yield group
        else:
            by_source[group[2]].append(group)
    for source, found in by_source.items():
        drains, users, _, first_days, last_days = zip(*found, strict=True)
        days = (None, None) if None in (*first_days, *last_days) else (min(first_days), max(last_days))
        yield max(drains), set().union(*users), source, *days
