"""What does a number of different values cost over a year, and what is stored for it?

The calls are declared with one measure, how many different lengths they have, which a hidden view keeps by user, day
and value. Its peer is the plain count (DISTINCT …) of the same rows, by the index on user and day. Both are read for
the last 365 days as one number, and must be equal; with nothing stale, then with one call more today, drained.

Limits: one connection, everything in memory; a length is one of a few thousand values, many of which a user has on more
than one day. Values that never repeat, as ids, are stored as often as there are rows.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.findings.finding import Finding, Spread, ratios, spread
from bench.peers.call_lengths import NAME, NUMBER, declare
from bench.system.application import CALLS
from bench.system.dashboards import add_call, is_today_patched
from bench.system.rounds import interleaved_milliseconds
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once
from views_sql.declaration.maintained_view import MaintainedView

DAYS, TIMES = 365, 20
KEPT = f"SELECT * FROM frontview.{NAME}_{NUMBER}_read(%s, %s, %s, 'total', '{{}}', '{{lengths}}', NULL, 100, FALSE, NULL, FALSE)"  # nosec B608  # our own names  # noqa: E501
PLAIN = """
SELECT count(DISTINCT c.duration_seconds) FROM public.users u JOIN public.calls c ON c.user_id = u.id
WHERE u.id = %s AND c.started_at >= %s::date::timestamp AT TIME ZONE u.timezone
AND c.started_at < (%s::date + 1)::timestamp AT TIME ZONE u.timezone
"""
HOLD_ROWS = ("_archive", "_recent")
SIZE = "SELECT pg_total_relation_size(%s)"
USER_DAYS = f"SELECT count(*) FROM (SELECT DISTINCT user_key, day FROM frontview.{CALLS}_row) d"  # nosec B608  # our own names


def measure(stand: Stand) -> Iterator[Finding]:
    """Yield both reads by user, and what a user's day takes."""
    users = {"largest user": stand.people.largest, "median user": stand.people.median}
    stand.expect(2 * len(users) * (stand.scale.rounds + 1))
    with (
        stand.database() as url,
        connect(url, "frontview-bench-distinct") as connection,
        leading(url) as leader,
    ):
        yield from _storage(connection, declare(leader, connection)[0])
        for stale in (0, 1):
            for name, user in users.items():
                if stale:
                    add_call(connection, user)
                    drain_once(*leader)
                yield from _compare(
                    stand, connection, f"365 days, {name}, {'today' if stale else 'nothing'} stale", user, stale
                )


def _storage(connection: Connection, hidden: MaintainedView) -> Iterator[Finding]:
    tables = [f"frontview.{hidden.name}_{tier}" for tier in hidden.tiers]
    rows = sum(_number(connection, f"SELECT count(*) FROM {table}") for table in tables if table.endswith(HOLD_ROWS))  # nosec B608  # our own names
    days = _number(connection, USER_DAYS)
    case = f"stored: {rows:,} values of {days:,} days of users"
    for what, its_tables in {"hidden view": tables, "the calls": ["public.calls"]}.items():
        size = sum(_number(connection, SIZE, table) for table in its_tables) / days
        yield Finding(case, f"{what}, with indexes", Spread(size, size, size), "bytes a user's day")


def _compare(stand: Stand, connection: Connection, case: str, user: int, stale: int) -> Iterator[Finding]:
    last = datetime.now(UTC).date() + timedelta(days=1)  # It has begun in some time zones.
    values = (user, last - timedelta(days=DAYS - 1), last)

    def kept() -> tuple[object, ...]:
        row = connection.execute(KEPT.encode(), values, prepare=True).fetchone()
        assert row is not None
        return row

    def plain() -> int:
        return _number(connection, PLAIN, *values)

    body, *_ = answer = kept()
    if not (is_today_patched(answer) if stale else answer[3:5] == ("materialized_view", 0)):
        raise RuntimeError(f"not what was meant to be measured: {answer[3:5]}")
    if json.loads(str(body))["totals"]["lengths"] != plain():
        raise RuntimeError("the two numbers differ")
    figures = interleaved_milliseconds(
        {"kept": kept, "plain": plain}, stand.scale.rounds, {"kept": TIMES, "plain": TIMES}, stand.step
    )
    longer = ratios(figures["plain"], figures["kept"])
    yield Finding(case, "kept", spread(figures["kept"]), "ms")
    yield Finding(case, f"plain, counting {plain():,}", spread(figures["plain"]), "ms", longer, "times as long")


def _number(connection: Connection, query: str, *values: object) -> int:
    row = connection.execute(query.encode(), values, prepare=True).fetchone()
    assert row is not None
    return int(row[0])
