"""Days at the ends of PostgreSQL's calendar, and sums beyond 64 bits: every dashboard of their user is answered."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from models.connection import Connection
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term, try_to_lead
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.oracle.relations import merged_read
from views_sql.voice.catalog import CATALOG

USER = 2**63 - 1
INSTANTS = (
    *("-infinity", "4714-11-24 BC", "0044-03-15 BC", "0001-01-01", "9999-12-31 23:59:59", "10000-01-01"),
    *("294276-12-31 23:59:59", "infinity"),
)
DAYS = ("-infinity", "4714-11-24 BC", "5874897-12-31", "infinity")
DASHBOARDS = (
    "dashboard_overview(%(user)s, %(base)s)",
    "dashboard_agents(%(user)s, NULL, NULL, 'calls', %(base)s)",
    "dashboard_performance(%(user)s, NULL, NULL, %(base)s)",
    "dashboard_analytics(%(user)s, '9999-01-01', '9999-12-31', 'week', NULL, %(base)s)",
    "dashboard_analytics(%(user)s, '0001-01-01', '0001-12-31', 'month', NULL, %(base)s)",
)


@pytest.fixture
def c(embedded_server: Server) -> Iterator[Connection]:
    url = embedded_server.create(embedded_server.template)
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as opened:
        yield opened
    embedded_server.drop(url)


def write(c: Connection, instants: tuple[str, ...] = INSTANTS) -> None:
    c.execute(
        "INSERT INTO users (id, email, name) OVERRIDING SYSTEM VALUE VALUES (%s, 'a', 'A') ON CONFLICT DO NOTHING",
        (USER,),
    )
    c.execute(
        "INSERT INTO agents (id, user_id, name) OVERRIDING SYSTEM VALUE VALUES (%s, %s, 'A') ON CONFLICT DO NOTHING",
        (USER, USER),
    )
    c.execute(
        "INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
        "SELECT %s, %s, t, 'completed', 2147483647, 9223372036854775807 FROM unnest(%s::timestamptz[]) t",
        (USER, USER, list(instants)),
    )


def populate(c: Connection, term: Term) -> None:
    for view in CATALOG.views:
        for horizon in (
            None,
            date.today() - timedelta(days=45),
        ):  # All days are recent; then most in the archive.
            outcome = refresh(c, view, view.tiers, term.epoch, horizon=horizon if view.day_column else None).outcome
            assert outcome in ("populated", "moved", "refreshed")


def answers(c: Connection, *, base: bool) -> list[Any]:
    values = {"user": USER, "base": base}
    return [c.execute(f"SELECT body FROM frontview.{call}", values).fetchone() for call in DASHBOARDS]


def test_views_with_days_at_the_ends_of_the_calendar_are_read_exactly(c: Connection) -> None:
    term = try_to_lead(c)
    assert term is not None
    write(c)
    c.execute(
        "INSERT INTO agent_analytics (agent_id, user_id, day) SELECT %s, %s, unnest(%s::date[])", (USER, USER, [*DAYS])
    )
    drain_once(c, term)
    populate(c, term)
    for drained in (False, True):  # First with nothing stale, then with all these days undrained; at last drained.
        found = answers(c, base=False)
        assert None not in [body for (body,) in found]
        assert found == answers(c, base=True)
        for view in CATALOG.views:
            assert not merged_read(c, view, USER)
        write(c)
        c.execute("UPDATE agent_analytics SET csat_points = csat_points + 1")
        if drained:
            drain_once(c, term)
    assert answers(c, base=False) == answers(c, base=True)


def test_calls_of_the_calendars_first_day_alone_are_shown(c: Connection) -> None:
    write(c, ("4714-11-24 BC",))
    (body,) = (
        c.execute("SELECT body::json -> 'recent_calls' FROM frontview.dashboard_overview(%s, TRUE)", (USER,)).fetchone()
        or ()
    )
    assert [call["started_at"] for call in body] == ["4714-11-24T00:00:00+00:00 BC"]
