"""When a user's day ends: at the first instant of the next one, whatever the clocks of the time zone do at midnight."""

from datetime import UTC, datetime

import psycopg
import pytest

from models.connection import Connection
from tests.neutral.reads import READS

# Moment and end are in UTC; what the clocks do is said in local time.
ENDS = [
    ("Europe/Berlin", "2026-06-01 21:30", "2026-06-01 22:00", "nothing"),
    ("Europe/Berlin", "2026-03-28 22:30", "2026-03-28 23:00", "forward after midnight"),
    ("Atlantic/Azores", "2026-10-24 23:30", "2026-10-25 00:00", "back from 01:00 to 00:00: midnight comes twice"),
    ("America/Havana", "2026-11-01 03:30", "2026-11-01 04:00", "back from 01:00 to 00:00: midnight comes twice"),
    ("America/Havana", "2026-03-08 04:30", "2026-03-08 05:00", "forward from 00:00 to 01:00: no midnight"),
    ("Asia/Beirut", "2026-03-28 21:30", "2026-03-28 22:00", "forward from 00:00 to 01:00: no midnight"),
    ("Asia/Beirut", "2026-10-24 20:30", "2026-10-24 22:00", "back from 00:00 to 23:00 of the same day"),
    ("Africa/Cairo", "2026-04-23 21:30", "2026-04-23 22:00", "forward from 00:00 to 01:00: no midnight"),
    ("America/Santiago", "2026-09-06 03:30", "2026-09-06 04:00", "forward from 00:00 to 01:00: no midnight"),
    ("America/Asuncion", "2022-10-02 03:30", "2022-10-02 04:00", "forward from 00:00 to 01:00: no midnight"),
    ("Pacific/Apia", "2011-12-30 09:30", "2011-12-30 10:00", "forward over the whole of December 30"),
    ("America/Goose_Bay", "2010-11-07 02:30", "2010-11-07 03:00", "back from 00:01 to 23:01, in a minute"),
    ("America/Goose_Bay", "2010-11-07 03:00:30", "2010-11-07 03:01", "back from 00:01 to 23:01: the day before again"),
    ("America/Goose_Bay", "2010-11-07 03:30", "2010-11-07 04:00", "nothing more: the midnight that stays"),
]
# Every zone whose clocks differ from another's, and every instant from 2000 to 2040 near a change of its clocks at
# which its date becomes another one: found by looking at each minute, not by arithmetic.
CHANGES_OF_DATE = """
CREATE TEMP TABLE zone AS
SELECT min(z.name) AS name, z.clocks FROM (
    SELECT n.name, array_agg(t AT TIME ZONE n.name - t AT TIME ZONE 'UTC' ORDER BY t) AS clocks
    FROM pg_timezone_names n, generate_series('2000-01-01'::timestamptz, '2040-01-01', '7 days') t
    WHERE n.name !~ '^(posix|right)/' GROUP BY n.name
) z GROUP BY z.clocks;

CREATE TEMP TABLE clock_change AS
WITH week AS (
    SELECT w.name, '2000-01-01'::timestamptz + (place - 1) * interval '7 days' AS t FROM (
        SELECT z.name, c.place, c.ahead, lead(c.ahead) OVER (PARTITION BY z.name ORDER BY c.place) AS next
        FROM zone z, unnest(z.clocks) WITH ORDINALITY c (ahead, place)
    ) w WHERE w.ahead <> w.next
)
SELECT w.name, d AS t FROM week w, generate_series(w.t, w.t + interval '6 days', '1 day') d
WHERE d AT TIME ZONE w.name - d AT TIME ZONE 'UTC'
    <> (d + interval '1 day') AT TIME ZONE w.name - (d + interval '1 day') AT TIME ZONE 'UTC';

CREATE TEMP TABLE date_change AS
SELECT c.name, c.t, m AS at FROM (
    SELECT c.name, c.t, h, (h AT TIME ZONE c.name)::date
        <> ((h - interval '30 minutes') AT TIME ZONE c.name)::date AS changed
    FROM clock_change c, generate_series(c.t - interval '1 day', c.t + interval '2 days', '30 minutes') h
) c, generate_series(c.h - interval '29 minutes', c.h, '1 minute') m
WHERE c.changed AND (m AT TIME ZONE c.name)::date <> ((m - interval '1 second') AT TIME ZONE c.name)::date;
"""
WRONG_ENDS = """
SELECT day.name, day.began, day.ended, moment, frontview.end_of_day(moment, day.name) FROM (
    SELECT d.name, lag(d.at) OVER (PARTITION BY d.name, d.t ORDER BY d.at) AS began, d.at AS ended FROM date_change d
) day, unnest(ARRAY[0, 0.3, 0.9, 0.999]) part, LATERAL (SELECT day.began + part * (day.ended - day.began) AS moment) m
WHERE day.ended IS DISTINCT FROM frontview.end_of_day(moment, day.name) AND day.began IS NOT NULL
"""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_day_ends_when_the_date_changes_whatever_the_clocks_do(connection: Connection) -> None:
    for zone, moment, end, clocks in ENDS:
        (found,) = connection.execute("SELECT frontview.end_of_day(%s, %s)", (utc(moment), zone)).fetchone() or ()
        assert found == utc(end), f"{zone} at {moment}: {clocks}"


def test_the_time_zone_of_the_session_does_not_matter(connection: Connection) -> None:
    call = "SELECT extract(epoch FROM frontview.end_of_day('2026-10-24 12:00+00', 'Atlantic/Azores'))"
    connection.execute("SET timezone = 'Atlantic/Azores'")
    assert connection.execute(call).fetchone() == (utc("2026-10-25 00:00").timestamp(),)


def test_an_answer_about_today_stands_until_the_day_of_its_zone_ends(connection: Connection) -> None:
    connection.execute("INSERT INTO member (name) VALUES ('A')")
    for read, zone in (("loans", "UTC"), ("renewals", "America/New_York")):
        call = READS[read].format(user=1, base=False).encode()
        query = b"SELECT a.valid_until, frontview.end_of_day(now(), %s) FROM " + call + b" a"
        (stands_until, ends) = connection.execute(query, (zone,)).fetchone() or ()
        assert stands_until == ends, read


@pytest.mark.proof  # millions of clock times are looked up
def test_a_day_ends_when_the_date_changes_in_every_zone_at_every_change_of_its_clocks(
    connection: psycopg.Connection,
) -> None:
    connection.execute("SET timezone = 'UTC'")
    connection.execute(CHANGES_OF_DATE)
    (changes,) = connection.execute("SELECT count(*) FROM date_change").fetchone() or (0,)
    assert changes > 10_000
    assert connection.execute(WRONG_ENDS).fetchall() == []
