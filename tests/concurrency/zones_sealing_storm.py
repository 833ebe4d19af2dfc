"""A storm in which days of users' own zones are sealed, each time later ones, while users change their zones.

The oracle keeps the rows of the sealed days under the very snapshot of each seal, and the zone that each member had
then. What is not sealed it adds up in Python: rows that were not before the sealed days' end in that zone.
"""

import random
from collections import defaultdict
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from models.engine import connect
from refresher.refreshing.refresh import refresh
from refresher.refreshing.refresh_log import RefreshResult
from tests.concurrency.seals import Seals
from tests.concurrency.zones_storm import FIRST, ZONES, Amounts, Expected, Moments, ZonesStorm, days_of

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


class ZonesSealingStorm(Seals, ZonesStorm):
    """A storm of members who move between time zones, whose old days are sealed step by step."""

    least_seals, step_days = SEALS, STEP_DAYS

    def _fill(self) -> None:
        super()._fill()
        with connect(self.url, "storm-fill") as c:
            c.execute(_ORACLE.encode())
            for name, zone in ZONES.items():
                c.execute("INSERT INTO storm_zone_name VALUES (%s, %s)", (name, zone))

    def _first_sealed(self) -> date:
        return FIRST

    def _one_refresh(self, c: psycopg.Connection[Any], chance: random.Random) -> RefreshResult:
        before, view = self._seals(c), chance.choice(self.views)
        asked = chance.random() < 0.4
        if asked:
            self._ask(c, view.name)
        # At once after the request, earlier transactions are still open.
        result = refresh(c, view, ("archive",), 1) if asked else super()._one_refresh(c, chance)
        self._note_seals(c, before)
        return result

    def _sealed(self, c: psycopg.Connection[Any], member: int) -> "Sealed":
        kept = {name: (ZoneInfo(was), before) for name, was, before in c.execute(_KEPT, (member,))}
        return c.execute(_SEALED, (member,)).fetchall(), kept

    def _expected(self, view: str, moments: Moments, own: ZoneInfo, sealed: "Sealed") -> Expected:
        rows = _with_sealed(f"{view}_1", moments, own, sealed)
        if view == "visits":
            values = _with_sealed("visits_1_amounts_values", moments, own, sealed)
            return {day: (len(of), sum(of), max(of), len(set(values.get(day, ())))) for day, of in rows.items()}
        live = days_of(moments, own)
        return {day: (len(of), min(live.get(day, ()), default=None)) for day, of in rows.items()}


# Rows of sealed days: view, day, amount; and of each view the zone in which they were sealed, and the first other day.
Sealed = tuple[list[tuple[str, date, int]], dict[str, tuple[ZoneInfo, date]]]


def _with_sealed(view: str, moments: Moments, own: ZoneInfo, sealed: Sealed) -> Amounts:
    """Return the amounts of each day: what was sealed, and of the others what is there now."""
    days: Amounts = defaultdict(list)
    rows, kept = sealed
    for name, day, amount in rows:
        if name == view:
            days[day].append(amount)
    for at, amount in moments:
        day = at.astimezone(own).date()
        if view not in kept:
            days[day].append(amount)
        elif at.astimezone(kept[view][0]).date() >= kept[view][1]:
            days[max(day, kept[view][1])].append(amount)
    return days
