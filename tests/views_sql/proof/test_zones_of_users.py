"""A column with each user's own time zone: what is accepted, what is refused, and what is counted."""

from collections.abc import Iterator

import pytest

from tests.views_sql.proof.conftest import Court, order_view
from views_sql.declaration.application import UserTable, UserZone, View
from views_sql.proof.zones import rails_zones

MEMBERS = """
CREATE TABLE public.zoned (id text PRIMARY KEY, tz text, place varchar(40), number integer);
INSERT INTO public.zoned SELECT n::text, 'Asia/Tokyo', 'Eastern Time (US & Canada)' FROM generate_series(1, 300) n;
CREATE TABLE public.seen (id bigint PRIMARY KEY, zoned_id text REFERENCES public.zoned, at timestamptz, day date);
"""


@pytest.fixture(scope="module")
def zoned(court: Court) -> Iterator[Court]:
    court.connection.execute(MEMBERS)
    yield court
    court.connection.execute("DROP TABLE public.seen, public.zoned")


def users(**zone: str) -> UserTable:
    return UserTable(table="public.zoned", zone=UserZone(**zone))  # type: ignore[arg-type]


def seen(**changed: str) -> View:
    return order_view(table="public.seen", **{"time": "at", **changed})


@pytest.mark.parametrize("column", ["tz", "place"])
def test_days_of_users_zones_are_logged_as_those_of_utc(zoned: Court, column: str) -> None:
    proven = zoned.judge(seen(), user=users(column=column, default="Europe/Lisbon")).proven

    assert proven is not None
    assert (proven.zone, proven.zone_column) == ("Europe/Lisbon", column)
    assert [it.column for it in proven.users_watched] == [column]
    source = proven.views[0].source
    assert (source.zone, source.default_zone, source.day_slack) == ("UTC", "Europe/Lisbon", 1)
    assert "day" not in proven.views[0].row_select.split("FROM")[0]


@pytest.mark.parametrize("changed", [{"zone": "Asia/Tokyo"}, {"time": "day"}])
def test_a_zone_of_the_view_and_a_date_are_nobodys(zoned: Court, changed: dict[str, str]) -> None:
    proven = zoned.judge(seen(**changed), user=users(column="tz")).proven

    assert proven is not None
    assert (proven.views[0].source.default_zone, proven.views[0].source.day_slack) == (None, 0)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("zone", "there is no column zone in public.zoned"),
        ("number", "number is of type integer: the zone of a user is a text"),
    ],
)
def test_a_column_that_holds_no_zone(zoned: Court, column: str, sentence: str) -> None:
    (fault,) = zoned.judge(seen(), user=users(column=column)).faults

    assert fault.path == "user.zone.column"
    assert sentence in fault.sentence


def test_many_users_with_an_unknown_zone_are_a_fault_unless_the_file_says_so(zoned: Court) -> None:
    some = "UPDATE public.zoned SET tz = %s WHERE id::integer <= %s"
    try:
        zoned.connection.execute(some, ("Mars5", 4))
        fault = zoned.judge(seen(), user=users(column="tz")).faults[0]
        assert "4 of 300 users have a time zone that is no full name of PostgreSQL ('Mars5')" in fault.sentence
        said = zoned.judge(seen(), user=users(column="tz", unknown="default"))
        assert [warning.path for warning in said.warnings] == ["user.zone.column"]
        zoned.connection.execute("UPDATE public.zoned SET tz = 'UTC' WHERE id::integer = 1")
        assert zoned.judge(seen(), user=users(column="tz")).faults == ()
    finally:
        zoned.connection.execute(some, ("UTC", 4))


def test_the_zones_of_rails_are_zones_of_this_server(zoned: Court) -> None:
    known = {name for (name,) in zoned.connection.execute("SELECT name FROM pg_timezone_names")}

    assert set(rails_zones().values()) <= known
    assert rails_zones()["Nuku'alofa"] == "Pacific/Tongatapu"
