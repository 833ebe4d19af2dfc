"""A storm in which days of users' own zones are sealed, each time later ones, while users change their zones.

The oracle keeps the rows of the sealed days under the very snapshot of each seal, and the zone that each member had
then. What is not sealed it adds up in Python: rows that were not before the sealed days' end in that zone.
"""

import random
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from models.engine import connect
from refresher.refreshing.refresh import refresh
from refresher.refreshing.refresh_log import RefreshResult
from tests.concurrency.zones_storm import ASKED, FIRST, LAST, ROWS, ZONE, ZONES, ZonesStorm, by_day
from tests.oracle.comparisons import Tally

SEALS = 9  # How many seals a storm without a difference has at least: three of each view.
STEP_DAYS = 2  # How many more days a seal seals.

_ORACLE = """
CREATE TABLE storm_zone_name (name text, zone text);
CREATE TABLE storm_kept (view text, member_id bigint, zone text, before date, PRIMARY KEY (view, member_id));
CREATE TABLE storm_sealed (view text, member_id bigint, day date, amount bigint);
CREATE TABLE storm_seal (view text, before date);
CREATE FUNCTION keep_what_is_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.storm_sealed
    SELECT NEW.view, e.member_id, GREATEST(d.own, k.before), e.amount
    FROM public.event e
    JOIN public.member m ON m.id = e.member_id
    JOIN public.storm_zone_name n ON n.name IS NOT DISTINCT FROM m.timezone
    LEFT JOIN public.storm_kept k ON k.view = NEW.view AND k.member_id = m.id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN NEW.view LIKE 'written%' THEN e.written AT TIME ZONE 'UTC' ELSE e.at END AS at
    ) t
    CROSS JOIN LATERAL (
        SELECT (t.at AT TIME ZONE n.zone)::date AS own, (t.at AT TIME ZONE COALESCE(k.zone, 'UTC'))::date AS kept
    ) d
    WHERE (k.before IS NULL OR d.kept >= k.before) AND GREATEST(d.own, k.before) < NEW.first_day;
    INSERT INTO public.storm_kept
    SELECT NEW.view, m.id, n.zone, NEW.first_day FROM public.member m
    JOIN public.storm_zone_name n ON n.name IS NOT DISTINCT FROM m.timezone
    ON CONFLICT (view, member_id) DO UPDATE SET zone = excluded.zone, before = excluded.before;
    INSERT INTO public.storm_seal VALUES (NEW.view, NEW.first_day);
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_what_is_sealed AFTER UPDATE OF first_day ON frontview.view_state
FOR EACH ROW WHEN (NEW.tier = 'archive' AND NEW.first_day > OLD.first_day) EXECUTE FUNCTION keep_what_is_sealed();
"""
_SEALED = "SELECT s.view, s.day, s.amount FROM storm_sealed s WHERE s.member_id = %s"
_KEPT = "SELECT k.view, k.zone, k.before FROM storm_kept k WHERE k.member_id = %s"
Amounts = dict[date, list[int]]


class ZonesSealingStorm(ZonesStorm):
    """A storm of members who move between time zones, whose old days are sealed step by step."""

    def _fill(self) -> None:
        super()._fill()
        with connect(self.url, "storm-fill") as c:
            c.execute(_ORACLE.encode())
            for name, zone in ZONES.items():
                c.execute("INSERT INTO storm_zone_name VALUES (%s, %s)", (name, zone))

    def _enough(self) -> bool:
        return super()._enough() and self.refreshes.get("sealed", 0) >= SEALS

    def _one_refresh(self, c: psycopg.Connection[Any], chance: random.Random) -> RefreshResult:
        before, view = self._seals(c), chance.choice(self.views)
        asked = chance.random() < 0.4
        if asked:
            self._ask(c, view.name)
        # At once after the request, earlier transactions are still open.
        result = refresh(c, view, ("archive",), 1) if asked else super()._one_refresh(c, chance)
        self.refreshes["sealed"] = self.refreshes.get("sealed", 0) + self._seals(c) - before
        return result

    def _ask(self, c: psycopg.Connection[Any], view: str) -> None:
        row = c.execute(
            "SELECT GREATEST(a.first_day, %s), a.before_day FROM frontview.view_state a "
            "WHERE a.view = %s AND a.tier = 'archive' AND isfinite(a.before_day) AND a.through IS NOT NULL",
            (FIRST, view),
        ).fetchone()
        if row is not None and (wanted := row[0] + timedelta(days=STEP_DAYS)) <= row[1]:
            with suppress(psycopg.errors.InvalidParameterValue):  # It may have lost its contents meanwhile.
                c.execute("SELECT frontview.request_seal(%s, %s)", (view, wanted))

    def _seals(self, c: psycopg.Connection[Any]) -> int:
        row = c.execute("SELECT count(*) FROM storm_seal").fetchone()
        assert row is not None
        return int(row[0])

    def _compare(self, c: psycopg.Connection[Any], chance: random.Random, tally: Tally) -> None:
        member, view = self._member(chance), chance.choice(list(ASKED))
        first = FIRST + timedelta(days=chance.randint(-2, 20))
        last = min(first + timedelta(days=chance.choice((0, 1, 3, 33))), LAST + timedelta(days=3))
        c.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        try:
            row = c.execute(ASKED[view].encode(), (member, first, last, chance.random() < 0.05)).fetchone()
            events = c.execute(ROWS.encode(), (member,)).fetchall()
            zone = c.execute(ZONE.encode(), (member,)).fetchone()
            sealed = c.execute(_SEALED, (member,)).fetchall()
            kept = {name: (ZoneInfo(was), before) for name, was, before in c.execute(_KEPT, (member,))}
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            return  # A table was rewritten under the read, which says so.
        finally:
            c.execute("ROLLBACK")
        assert row is not None
        assert zone is not None
        tally.comparisons += 1
        moments = [(it[0] if view == "visits" else it[1].replace(tzinfo=UTC), it[2]) for it in events]
        own = ZoneInfo(ZONES[zone[0]])

        def days_of(name: str) -> Amounts:
            return _days(moments, own, [it[1:] for it in sealed if it[0] == name], kept.get(name))

        wanted = _expected(view, days_of, _days(moments, own, [], None), first, last)
        given = by_day(view, row[0])
        if given != wanted:
            days = [day for day in {*given, *wanted} if given.get(day) != wanted.get(day)]
            wrong = {day: (given.get(day), wanted.get(day)) for day in days}
            tally.differences.append(f"{view} of {member} in {zone[0]}, {kept}, {row[1:6]}: {wrong}")


def _days(
    moments: list[tuple[datetime, int]],
    own: ZoneInfo,
    sealed: list[tuple[date, int]],
    kept: tuple[ZoneInfo, date] | None,
) -> Amounts:
    """Return the amounts of each day: what was sealed, and of the others what is there now."""
    days: Amounts = defaultdict(list)
    for day, amount in sealed:
        days[day].append(amount)
    for at, amount in moments:
        day = at.astimezone(own).date()
        if kept is None:
            days[day].append(amount)
        elif at.astimezone(kept[0]).date() >= kept[1]:
            days[max(day, kept[1])].append(amount)
    return days


def _expected(view: str, days_of: Any, live: Amounts, first: date, last: date) -> dict[str, tuple[Any, ...]]:
    rows: Amounts = days_of(f"{view}_1")
    values: Amounts = days_of("visits_1_amounts_values") if view == "visits" else {}
    return {
        str(day): (len(of), sum(of), max(of), len(set(values.get(day, ()))))
        if view == "visits"
        else (len(of), min(live.get(day, ()), default=None))
        for day, of in rows.items()
        if first <= day <= last
    }
