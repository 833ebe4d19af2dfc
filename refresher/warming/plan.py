"""The leader's warm plan: reads habits and traffic, decides which answers to keep warm, and writes them down.

Invariant: it runs only while this process leads, on a connection of its own; the plan consists of the newest decision
and of what operators asked for. A row only names an answer to keep: workers decide when there is time to compute it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import structlog

from models.connection import Connection
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term
from refresher.warming.policy import Capacity, Habit, Wanted, continued, hours_to_read, is_low, plan
from views_sql.declaration.maintained_view import Catalog

log = structlog.get_logger(__name__)

HABITS_SECONDS = 60.0  # How often habits are read.
ACTIVE_SECONDS = 600.0  # How often the most active users are read.
PRUNE_SECONDS = 3_600.0  # How often old accesses and traffic are deleted.
ROWS_A_USER = 20  # Habits read for each user: several dashboards at the same hour of several days.
REGION_SHARE = 0.8  # Share of a region's entries that may be planned; users who were not expected need the rest.

DECAYED = """
weight * power(0.5, GREATEST(0, EXTRACT(EPOCH FROM %(now)s::timestamptz - counted_at)) / 1209600)
"""
HABITS = f"""
SELECT a.user_id::text, a.dashboard, {DECAYED} AS decayed, a.hour_of_week FROM frontview.access a
WHERE a.hour_of_week = ANY (%(hours)s) AND a.dashboard = ANY (%(dashboards)s)
ORDER BY decayed DESC LIMIT %(most)s
"""  # noqa: S608  # nosec B608  constants
MOST_ACTIVE = f"""
SELECT a.user_id::text, a.dashboard, sum({DECAYED}) AS decayed FROM frontview.access a
WHERE a.dashboard = ANY (%(dashboards)s)
GROUP BY a.user_id, a.dashboard ORDER BY decayed DESC LIMIT %(most)s
"""  # noqa: S608  # nosec B608
READS = """
WITH known AS (
    SELECT floor(EXTRACT(EPOCH FROM date_trunc('minute', %(now)s::timestamptz) - interval '1 minute' - t.minute) / 300)
        AS bucket, t.reads
    FROM frontview.traffic t WHERE t.minute > %(now)s::timestamptz - interval '24 hours' AND t.minute
        < date_trunc('minute', %(now)s::timestamptz)
)
SELECT COALESCE(sum(k.reads), 0)::bigint FROM generate_series(0, (SELECT max(k.bucket) FROM known k)) AS b (bucket)
LEFT JOIN known k ON k.bucket = b.bucket GROUP BY b.bucket ORDER BY b.bucket
"""
FORGET = """
DELETE FROM frontview.warm_plan w WHERE w.reason <> 'asked' AND NOT EXISTS (
    SELECT FROM unnest(%(users)s::text[]::frontview.user_key[], %(dashboards)s::text[]) AS p (user_id, dashboard)
    WHERE p.user_id = w.user_id AND p.dashboard = w.dashboard
)
"""
FORGET_EXPIRED = "DELETE FROM frontview.warm_plan w WHERE w.wanted_until <= %(now)s"
# A row that an operator asked for is replaced by nothing else; a row that did not change is not written.
WRITE = """
INSERT INTO frontview.warm_plan AS w (user_id, dashboard, wanted_from, wanted_until, priority, reason)
SELECT p.user_id, p.dashboard, p.wanted_from, p.wanted_until, p.priority, p.reason
FROM unnest(
    %(users)s::text[]::frontview.user_key[], %(dashboards)s::text[], %(froms)s::timestamptz[],
    %(untils)s::timestamptz[], %(priorities)s::float8[], %(reasons)s::text[]
) AS p (user_id, dashboard, wanted_from, wanted_until, priority, reason)
ON CONFLICT (user_id, dashboard) DO UPDATE SET
    wanted_from = excluded.wanted_from, wanted_until = excluded.wanted_until, priority = excluded.priority,
    reason = excluded.reason
WHERE (excluded.reason = 'asked' OR w.reason <> 'asked')
    AND (w.wanted_from, w.wanted_until, w.priority, w.reason)
        <> (excluded.wanted_from, excluded.wanted_until, excluded.priority, excluded.reason)
"""
PRUNE_ACCESS = f"DELETE FROM frontview.access a WHERE {DECAYED} < 0.05"  # noqa: S608  # nosec B608
PRUNE_TRAFFIC = "DELETE FROM frontview.traffic t WHERE t.minute < %(now)s::timestamptz - interval '8 days'"


def capacity_of(catalog: Catalog, regions: Mapping[str, Mapping[str, int]], users: int) -> Capacity:
    """Return what the plan may hold for the declared regions.

    :param regions: the operator's limits of regions, by name, which replace the declared ones.
    """
    limits = {it.name: regions.get(it.name, {}).get("max_entries", it.max_entries) for it in catalog.regions}
    entries = {name: int(most * REGION_SHARE) for name, most in limits.items()}
    return Capacity(users, {it.name: it.region for it in catalog.dashboards}, entries)


class WarmingPlanner:
    """Plans on the connection that each call passes; keeps habits and the most active users between two calls.

    :param predictive: whether users are planned because they usually come at this hour.
    """

    def __init__(
        self, capacity: Capacity, *, predictive: bool = False, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity, self._predictive, self._monotonic = capacity, predictive, monotonic
        self._habits: Sequence[Habit] = ()
        self._hours: list[int] = []
        self._active: Sequence[Habit] = ()
        self._written: list[Wanted] | None = None
        self._habits_at = self._active_at = self._prune_at = float("-inf")

    def work(self, connection: Connection, now: datetime | None = None) -> list[Wanted]:
        """Write the plan for ``now`` (None: the database's time) and return it; delete old rows from time to time.

        :raises psycopg.Error: the database cannot be read or written.
        """
        now = now or read_now(connection)
        self._prune(connection, now)
        low_traffic = is_low([reads for (reads,) in connection.execute(READS, {"now": now}).fetchall()])
        hours = hours_to_read(now, low_traffic=low_traffic) if self._predictive or low_traffic else []
        self._read_habits(connection, now, hours)
        wanted = plan(
            now, self._habits, self._active, self._capacity, predictive=self._predictive, low_traffic=low_traffic
        )
        wanted = continued(wanted, self._written or ())
        if wanted != self._written:
            write_plan(connection, wanted)
            self._written = wanted
        return wanted

    def _prune(self, connection: Connection, now: datetime) -> None:
        connection.execute(FORGET_EXPIRED, {"now": now})
        if self._monotonic() >= self._prune_at:
            connection.execute(PRUNE_ACCESS, {"now": now})
            connection.execute(PRUNE_TRAFFIC, {"now": now})
            self._prune_at = self._monotonic() + PRUNE_SECONDS

    def _read_habits(self, connection: Connection, now: datetime, hours: list[int]) -> None:
        """Read habits and the most active users where those kept are of other hours or too old."""
        if self._monotonic() >= self._habits_at or hours != self._hours:
            self._habits = self._read(connection, HABITS, now, hours=hours) if hours else ()
            self._hours = hours
            self._habits_at = self._monotonic() + HABITS_SECONDS
        if self._monotonic() >= self._active_at or not self._active:
            self._active = self._read(connection, MOST_ACTIVE, now)
            self._active_at = self._monotonic() + ACTIVE_SECONDS

    def _read(self, connection: Connection, query: str, now: datetime, **more: Any) -> list[Habit]:
        dashboards = list(self._capacity.regions)
        most = ROWS_A_USER * max(100, self._capacity.users)
        values = {"now": now, "dashboards": dashboards, "most": most, **more}
        return [Habit(*row) for row in connection.execute(query.encode(), values).fetchall()]


class WarmingPlan:
    """One job of the scheduler."""

    def __init__(self, session: LeaderSession, capacity: Capacity, *, predictive: bool) -> None:
        self._session, self._predictive, self._epoch = session, predictive, 0
        self.use(capacity)

    def use(self, capacity: Capacity) -> None:
        """From the next tick on, plan within another capacity."""
        self._new_planner = partial(WarmingPlanner, capacity, predictive=self._predictive)
        self._planner = self._new_planner()

    def tick(self) -> None:
        """Write the plan, if this process leads."""
        self._session.run(self._plan)

    def _plan(self, connection: Connection, term: Term) -> None:
        if term.epoch != self._epoch:
            self._planner, self._epoch = self._new_planner(), term.epoch
        self._planner.work(connection)


def read_now(connection: Connection) -> datetime:
    """Return the database's time in UTC."""
    ((moment,),) = connection.execute("SELECT clock_timestamp()").fetchall()
    return cast("datetime", moment).astimezone(UTC)


def write_plan(connection: Connection, wanted: Sequence[Wanted]) -> None:
    """Replace the plan in one transaction, except for the rows that operators asked for."""
    with connection.transaction():
        columns = _columns(wanted)
        connection.execute(FORGET, {name: columns[name] for name in ("users", "dashboards")})
        add_to_plan(connection, wanted)


def add_to_plan(connection: Connection, wanted: Sequence[Wanted]) -> None:
    """Add rows to the plan, or replace those of the same user and dashboard."""
    connection.execute(WRITE, _columns(wanted))


def _columns(wanted: Sequence[Wanted]) -> dict[str, list[Any]]:
    return {
        "users": [row.user for row in wanted],
        "dashboards": [row.dashboard for row in wanted],
        "froms": [row.wanted_from for row in wanted],
        "untils": [row.wanted_until for row in wanted],
        "priorities": [row.priority for row in wanted],
        "reasons": [row.reason for row in wanted],
    }
