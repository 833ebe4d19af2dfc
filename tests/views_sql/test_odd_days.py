"""Days at the ends of PostgreSQL's calendar, and sums beyond 64 bits: every question of their user is answered."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from models.connection import Connection
from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.leading import lead
from tests.neutral.catalog import CATALOG
from tests.oracle.relations import merged_read
from views_sql.declaration.day_of_time import day_of_time, zone_literal
from views_sql.declaration.proven import FIRST_DAY, LAST_DAY, TimeKind

USER = 2**63 - 1
INSTANTS = (
    *("-infinity", "4714-11-24 BC", "0044-03-15 BC", "0001-01-01", "9999-12-31 23:59:59", "10000-01-01"),
    *("294276-12-31 23:59:59", "infinity"),
)
DAYS = ("-infinity", "4714-11-24 BC", "0001-01-02", "9999-12-30", "5874897-12-31", "infinity")
REST = "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, %(base)s)"  # by what, two filters, measures, order and so on
CALLS = (
    f"loans_1_read(%(user)s, NULL, NULL, NULL, {REST}",
    f"loans_1_read(%(user)s, '9998-12-31', '9999-12-31', 'week', {REST}",
    f"loans_1_read(%(user)s, '0001-01-01', '0001-12-31', 'month', {REST}",
    f"renewals_1_read(%(user)s, '9999-01-01', '9999-12-31', 'week', {REST}",
    f"renewals_1_read(%(user)s, '0001-01-01', '0001-12-31', 'month', {REST}",
    "account_1_read(%(user)s, NULL, NULL, NULL, NULL, NULL, %(base)s)",
)


FARTHEST = ("Etc/GMT+12", "Etc/GMT-14")
KINDS: tuple[TimeKind, ...] = ("timestamptz", "timestamp")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("zone", "stored"), [FARTHEST, FARTHEST[::-1], ("America/Adak", "UTC")])
def test_no_time_has_a_day_that_no_row_may_have(c: Connection, kind: TimeKind, zone: str, stored: str) -> None:
    ends = "('0001-01-01'::timestamp, '0001-01-06'::timestamp), ('9999-12-26', '9999-12-31')"
    times = f"(SELECT t::{kind} AS at FROM (VALUES {ends}) e (a, b), generate_series(a, b, interval '1 hour') t) r"
    day = day_of_time("r.at", kind, zone_literal(zone), stored)
    outside = f"{day} < '{FIRST_DAY}' OR {day} > '{LAST_DAY}'"
    found = (
        f"SELECT r.at::text FROM {times} WHERE {outside} UNION ALL SELECT 'no day' FROM {times} HAVING count({day}) = 0"
    )
    assert c.execute(found.encode()).fetchall() == []


@pytest.fixture
def c(embedded_server: Server) -> Iterator[Connection]:
    url = embedded_server.create(embedded_server.template)
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as opened:
        yield opened
    embedded_server.drop(url)


def write(c: Connection) -> None:
    c.execute(
        "INSERT INTO member (id, name, points) OVERRIDING SYSTEM VALUE VALUES (%s, 'A', 9223372036854775807) "
        "ON CONFLICT DO NOTHING",
        (USER,),
    )
    c.execute(
        "INSERT INTO loan (member_id, day, fee_cents) SELECT %s, d, 9223372036854775807 "
        "FROM unnest(%s::date[]) d, generate_series(1, 3)",
        (USER, list(DAYS)),
    )
    c.execute(
        "INSERT INTO renewal (loan_id, member_id, renewed_at) SELECT l.id, %s, t.at FROM ("
        "SELECT id, row_number() OVER (ORDER BY id DESC) AS n FROM loan) l "
        "JOIN unnest(%s::timestamptz[]) WITH ORDINALITY t (at, n) USING (n)",
        (USER, list(INSTANTS)),
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
    return [c.execute(f"SELECT body FROM frontview.{call}", values).fetchone() for call in CALLS]


def test_views_with_days_at_the_ends_of_the_calendar_are_read_exactly(c: Connection) -> None:
    term = lead(c)
    write(c)
    drain_once(c, term)
    populate(c, term)
    for drained in (False, True):  # First with nothing stale, then with all these days undrained; at last drained.
        found = answers(c, base=False)
        assert None not in [body for (body,) in found]
        assert found == answers(c, base=True)
        for view in CATALOG.views:
            assert not merged_read(c, view, USER)
        write(c)
        c.execute("UPDATE loan SET fee_cents = fee_cents - 1")
        if drained:
            drain_once(c, term)
    assert answers(c, base=False) == answers(c, base=True)


def test_sums_beyond_64_bits_are_answered(c: Connection) -> None:
    write(c)
    (body,) = answers(c, base=True)[1]
    assert json.loads(body)["totals"] == {"loans": 3, "fees": 3 * 9223372036854775807, "free": 0}
