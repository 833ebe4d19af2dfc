"""A storm over a declared application whose users have time zones of their own, and change them.

The oracle adds up the user's rows in Python, with Python's own time zones, under the snapshot of the answer.
"""

import json
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from models.engine import connect
from tests.concurrency.storm import EXPECTED, Storm
from tests.oracle.comparisons import Tally
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.project import read_project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.database import active_declaration
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

AT_FIRST = ("America/Havana", "Atlantic/Azores", "UTC", "Asia/Kathmandu")  # A member is in each.
MEMBERS = len(AT_FIRST)
TWO_MIDNIGHTS = (date(2025, 11, 2), date(2025, 10, 26))  # In Havana, and on the Azores.
# In these days Havana, New York, St. John's and the Azores put their clocks back, Havana at midnight.
FIRST, LAST = date(2025, 10, 20), date(2025, 11, 20)
ZONES = {  # What users have, and what it means.
    "Pacific/Kiritimati": "Pacific/Kiritimati",
    "Pacific/Pago_Pago": "Pacific/Pago_Pago",
    "America/Havana": "America/Havana",
    "America/St_Johns": "America/St_Johns",
    "Atlantic/Azores": "Atlantic/Azores",
    "Asia/Kathmandu": "Asia/Kathmandu",
    "Australia/Lord_Howe": "Australia/Lord_Howe",
    "UTC": "UTC",
    "Eastern Time (US & Canada)": "America/New_York",
    "Mars5": "Europe/Lisbon",
    None: "Europe/Lisbon",
}
TABLES = """
CREATE TABLE public.member (id bigint PRIMARY KEY, name text NOT NULL, timezone text);
CREATE TABLE public.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, member_id bigint NOT NULL REFERENCES public.member,
    at timestamptz NOT NULL, written timestamp NOT NULL, kind text, amount bigint NOT NULL
);
CREATE INDEX ON public.event (member_id, at);
CREATE INDEX ON public.event (member_id, written);
"""
DECLARATION = """
[user]
table = "public.member"
zone = { column = "timezone", default = "Europe/Lisbon", unknown = "default" }

[view.visits]
table = "public.event"
time = "at"
dimensions = { kind = "kind" }
[view.visits.measures]
visits = "count"
amount = { sum = "amount" }
most = { max = "amount" }
amounts = { distinct = "amount" }

[view.written]
table = "public.event"
time = "written"
[view.written.measures]
visits = "count"
least = { min = "amount", live = true }
"""
ASKED = {
    "visits": f"SELECT (frontview.visits_1_read(%s, %s, %s, 'day', {'NULL, ' * 8}%s)).*",
    "written": f"SELECT (frontview.written_1_read(%s, %s, %s, 'day', {'NULL, ' * 6}%s)).*",
}
ROWS = "SELECT e.at, e.written, e.amount FROM public.event e WHERE e.member_id = %s"
ZONE = "SELECT m.timezone FROM public.member m WHERE m.id = %s"
Moments = list[tuple[datetime, int]]
Amounts = dict[date, list[int]]
Expected = dict[date, tuple[Any, ...]]


def install_members(url: str, folder: Path) -> None:
    """Make the tables and what is declared over them, in a database that has the core only."""
    (folder / "frontview.toml").write_text(DECLARATION)
    declared = read_project(folder)
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(TABLES.encode())
        verdict = judge(c, declared, priced=False)
        assert verdict.proven is not None, verdict.faults
        for step in steps(plan(declared, verdict.proven, None, "core_0003")):
            with c.transaction():
                for statement in step.upgrade:
                    c.execute(statement.encode())


class ZonesStorm(Storm):
    """A storm of members who move between time zones."""

    def _fill(self) -> None:
        with connect(self.url, "storm-fill") as c:
            self.views = _views(c)
            for member, zone in enumerate(AT_FIRST, 1):
                c.execute("INSERT INTO member (id, name, timezone) VALUES (%s, 'Somebody', %s)", (member, zone))
                c.execute(
                    "INSERT INTO event (member_id, at, written, kind, amount) "
                    "SELECT %s, t.at, t.at AT TIME ZONE 'UTC', (ARRAY['a', 'b', NULL])[1 + n %% 3], n %% 7 FROM ("
                    "SELECT n, %s::timestamptz + random() * interval '32 days' AS at FROM generate_series(1, 80) n) t",
                    (member, FIRST),
                )

    # Writers

    def _one_write(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        kind = chance.choices(
            (self._insert, self._move, self._delete, self._change_zone, self._truncate), (10, 8, 4, 0.6, 0.1)
        )[0]
        kind(c, chance)

    def _hold_open(self, chance: random.Random) -> None:
        """Write, or change a zone, in transactions that stay open across many commits of the others."""
        with connect(self.url, "storm-holder") as c:
            while not self.over.is_set():
                c.isolation_level = chance.choice(
                    (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ)
                )
                try:
                    with c.transaction():
                        self._insert(c, chance)
                        self._await_commits(chance.randint(5, 60))
                        (self._change_zone if chance.random() < 0.2 else self._insert)(c, chance)
                        self._await_commits(chance.randint(5, 60))
                    self._note_commit()
                except (*EXPECTED, psycopg.errors.SerializationFailure):
                    continue

    def _moment(self, chance: random.Random) -> datetime:
        """Return a moment, often one near a midnight somewhere."""
        some = FIRST + timedelta(days=chance.randint(0, 31))
        day = datetime.combine(chance.choice((some, *TWO_MIDNIGHTS)), datetime.min.time(), UTC)
        if chance.random() < 0.7:
            zone = ZoneInfo(chance.choice((*ZONES.values(), *AT_FIRST)))
            local = day.replace(tzinfo=zone, fold=chance.randint(0, 1))
            return local.astimezone(UTC) + timedelta(seconds=chance.choice((-3601, -1, 0, 1, 1800, 3600, 5400)))
        return day + timedelta(seconds=chance.randint(0, 86_399))

    def _member(self, chance: random.Random) -> int:
        return chance.randint(1, MEMBERS)

    def _insert(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        at = self._moment(chance)
        written = self._moment(chance).replace(tzinfo=None)
        c.execute(
            "INSERT INTO event (member_id, at, written, kind, amount) VALUES (%s, %s, %s, %s, %s)",
            (self._member(chance), at, written, chance.choice(("a", "b", None)), chance.randint(0, 9)),
        )

    def _move(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(
            "UPDATE event SET member_id = %s, at = %s WHERE id IN ("
            "SELECT id FROM event WHERE id %% 7 = %s ORDER BY id DESC LIMIT 2 FOR UPDATE SKIP LOCKED)",
            (self._member(chance), self._moment(chance), chance.randint(0, 6)),
        )

    def _delete(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute(
            "DELETE FROM event WHERE id IN ("
            "SELECT id FROM event WHERE id %% 11 = %s ORDER BY id LIMIT 2 FOR UPDATE SKIP LOCKED)",
            (chance.randint(0, 10),),
        )

    def _change_zone(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute("UPDATE member SET timezone = %s WHERE id = %s", (chance.choice(list(ZONES)), self._member(chance)))

    def _truncate(self, c: psycopg.Connection[Any], chance: random.Random) -> None:
        c.execute("TRUNCATE event")

    # Refreshes and readers

    def _horizon(self, chance: random.Random) -> date:
        return FIRST + timedelta(days=chance.randint(0, 31))

    def _read(self, chance: random.Random) -> None:
        tally = Tally()
        self.tallies.append(tally)
        with connect(self.url, "storm-reader") as c:
            while not self.over.is_set():
                self._compare(c, chance, tally)

    def _compare(self, c: psycopg.Connection[Any], chance: random.Random, tally: Tally) -> None:
        member, view = self._member(chance), chance.choice(list(ASKED))
        first = FIRST + timedelta(days=chance.randint(-2, 20))
        last = min(first + timedelta(days=chance.choice((0, 1, 3, 33))), LAST + timedelta(days=3))
        c.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            row = c.execute(ASKED[view].encode(), (member, first, last, chance.random() < 0.05)).fetchone()
            events = c.execute(ROWS.encode(), (member,)).fetchall()
            zone = c.execute(ZONE.encode(), (member,)).fetchone()
            sealed = self._sealed(c, member)
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            return  # A table was rewritten under the read, which says so.
        finally:
            c.execute("ROLLBACK")
        assert row is not None
        assert zone is not None
        tally.comparisons += 1
        tally.undrained += row[5]
        tally.patched += row[4] > 0
        moments = [(it[0] if view == "visits" else it[1].replace(tzinfo=UTC), it[2]) for it in events]
        of_days = self._expected(view, moments, ZoneInfo(ZONES[zone[0]]), sealed)
        wanted = {str(day): of for day, of in of_days.items() if first <= day <= last}
        given = by_day(view, row[0])
        if given != wanted:
            days = [day for day in {*given, *wanted} if given.get(day) != wanted.get(day)]
            wrong = {day: (given.get(day), wanted.get(day)) for day in days}
            told = f"{view} of {member} in {zone[0]}, {first} to {last}, {row[1:6]}"
            tally.differences.append(f"{told}: {wrong}" if sealed is None else f"{told}, sealed {sealed}: {wrong}")

    def _sealed(self, c: psycopg.Connection[Any], member: int) -> Any:
        """Return what the oracle kept of a member's sealed days, in an answer's snapshot; None: none is sealed."""
        return None

    def _expected(self, view: str, moments: Moments, own: ZoneInfo, _sealed: Any) -> Expected:
        """Return the measures of each day that has visits.

        :param moments: of the member's rows that are there.
        """
        days = days_of(moments, own)
        return {
            day: (len(of), sum(of), max(of), len(set(of))) if view == "visits" else (len(of), min(of))
            for day, of in days.items()
        }


def _views(c: psycopg.Connection[Any]) -> tuple[MaintainedView, ...]:
    installed = active_declaration(c)
    assert installed is not None
    return catalog_of(installed).views


def by_day(view: str, body: str) -> dict[str, tuple[Any, ...]]:
    """Return the measures of each day that has visits."""
    measures = ("visits", "amount", "most", "amounts") if view == "visits" else ("visits", "least")
    return {it["period"]: tuple(it[name] for name in measures) for it in json.loads(body)["rows"] if it["visits"]}


def days_of(moments: Moments, own: ZoneInfo) -> Amounts:
    """Return the amounts of each day in a zone."""
    days: Amounts = defaultdict(list)
    for at, amount in moments:
        days[at.astimezone(own).date()].append(amount)
    return days
