"""How does the cost of an exact read grow with the number of stale days, from none to all?

Users write one call on each of more and more days, spread over the longest range that a request may have, 400 days; the
calls are drained and never refreshed, so that each of these days is recomputed within the read, and the days beside
them, which some zone may have instead. The read is the analytics of the whole range by month; its peer is the same
function with base tables only. Both bodies must be equal; how many days are stale is what the answer says.

Limits: one call more a day hardly changes what a day costs; a read of which most is stale does the work of base
tables and that of the tiers. One connection, everything in memory.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from bench.findings.finding import Finding, ratios, spread
from bench.findings.plot import Plot, Point
from bench.questions.registry import Found
from bench.system.dashboards import DAYS_OF_A_CHANGE, Question
from bench.system.rounds import Figures, interleaved_milliseconds
from bench.system.seeded import leading
from bench.system.stand import Stand
from models.connection import Connection
from models.engine import connect
from refresher.leader.drain import drain_once

RANGE_DAYS = 400
STEPS = (0, 1, 3, 10, 30, 100, 200, 400)
TIMES = {"view": 10, "base": 4}
TODAY = "SELECT (now() AT TIME ZONE timezone)::date FROM public.users WHERE id = %s"
WRITE = """
INSERT INTO public.calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT a.user_id, a.id, (d + time '12:00') AT TIME ZONE u.timezone, 'completed', 61, 17
FROM unnest(%(days)s::date[]) d, public.users u
JOIN LATERAL (SELECT * FROM public.agents a WHERE a.user_id = u.id ORDER BY a.id LIMIT 1) a ON TRUE
WHERE u.id = %(user)s
"""


def measure(stand: Stand) -> Iterator[Found]:
    """Yield both reads by user and number of stale days, and a picture a user."""
    users = {"largest user": stand.people.largest, "median user": stand.people.median}
    stand.expect(len(users) * len(STEPS) * (stand.scale.rounds + 1))
    with stand.database() as url, connect(url, "frontview-bench-read") as connection, leading(url) as leader:
        for name, user in users.items():
            days = _days(connection, user)
            lines: dict[str, list[Point]] = {"views, exact": [], "base tables": []}
            for before, stale in zip((0, *STEPS), STEPS, strict=False):
                connection.execute(WRITE, {"days": days[before:stale], "user": user})
                drain_once(*leader)
                patched, figures = _measured(stand, connection, user, (min(days), max(days)), stale)
                lines["views, exact"].append((patched, spread(figures["view"])))
                lines["base tables"].append((patched, spread(figures["base"])))
                yield from _findings(f"{name}, {patched} of {RANGE_DAYS} days stale", figures)
            yield _plot(name, lines)


def _days(connection: Connection, user: int) -> list[date]:
    """Return the days of the range in the order in which they become stale: the same in every run."""
    row = connection.execute(TODAY, (user,)).fetchone()
    assert row is not None
    days = [row[0] - timedelta(days=n) for n in range(RANGE_DAYS)]
    Random(RANGE_DAYS).shuffle(days)  # nosec B311  nothing secret
    return days


def _measured(
    stand: Stand, connection: Connection, user: int, days: tuple[date, date], written: int
) -> tuple[int, Figures]:
    """Return how many days are stale after calls of ``written`` days, and the figures of both reads."""
    question = Question("analytics", user, {"from": days[0], "to": days[1], "granularity": "month"})
    view, base = question.reader(connection), question.reader(connection, base=True)
    exact, recomputed = view(), base()
    source, patched = exact[3:5]
    if source != "materialized_view" or not written <= patched <= min(DAYS_OF_A_CHANGE * written, RANGE_DAYS):
        raise RuntimeError(f"not what was meant to be measured: {exact[3:5]} after calls of {written} days")
    if exact[0] != recomputed[0]:
        raise RuntimeError("the two reads differ")
    return patched, interleaved_milliseconds({"view": view, "base": base}, stand.scale.rounds, TIMES, stand.step)


def _findings(case: str, figures: Figures) -> Iterator[Finding]:
    faster = ratios(figures["base"], figures["view"])
    yield Finding(case, "views, exact", spread(figures["view"]), "ms", faster, "times faster")
    yield Finding(case, "base tables", spread(figures["base"]), "ms")


def _plot(name: str, lines: dict[str, list[Point]]) -> Plot:
    return Plot(
        f"stale-days-{name.split(maxsplit=1)[0]}",
        f"400 days of analytics, {name}",
        "stale days of 400",
        "milliseconds a read",
        lines,
        logarithmic="y",
    )
