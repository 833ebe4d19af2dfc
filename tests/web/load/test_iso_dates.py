"""Dates and times of a file: ISO 8601 is read, everything else is refused by line and column."""

import io

import pytest

from web.load import LoadError
from web.load.csv_file import CsvFile
from web.load.iso_dates import check_dates
from web.load.tables import Column, Table

KINDS = {
    "started_at": "timestamp with time zone",
    "created_at": "timestamp without time zone",
    "day": "date",
    "opens": "time without time zone",
    "name": "text",
    "user_id": "bigint",
    "agent_id": "bigint",
}
TABLE = Table("public", "any", {name: Column(name, kind, False) for name, kind in KINDS.items()})


def check(content: str) -> None:
    check_dates(TABLE, CsvFile(io.BytesIO(content.encode()), "f.csv"))


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-04",
        "2026-03-04T10:00",
        "2026-03-04 10:00:00",
        "2026-03-04T10:00:00.123456Z",
        "2026-03-04 10:00:00+00",
        "2026-03-04 10:00:00-03:30",
        "2026-03-04T10:00:00+0530",
        '"2026-03-04 10:00:00Z"',
        " 2026-03-04 ",
        "",
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_iso_8601_is_read(time: str, separator: str) -> None:
    check(f"started_at,user_id,day\n{time},1,2026-03-04\n".replace(",", separator))


@pytest.mark.parametrize(
    "time",
    [
        *("03/04/2026", "04.03.2026", "3-4-2026", "20260304", "2026-064", "2026-W10-3", "March 4 2026", "1772611200"),
        *("today", "now", "yesterday", "epoch", "infinity", "-infinity", "allballs"),
        *("2026-03-04 10:00 PM", "2026-03-04 10:00 IST", "2026-03-04 BC", "20000-01-01", "2026-03-04T10", "46085,5"),
        *('"today"', '"to"day', '"to""day"', '"today\n"', '""'),
    ],
)
def test_everything_else_is_refused_by_line_and_column(time: str) -> None:
    content = f'name;created_at;user_id\n"two\nlines";2026-03-04;1\nMia;{time};1\n'
    with pytest.raises(LoadError) as caught:
        check(content)
    assert (caught.value.line, caught.value.columns) == (4, ("created_at",))
    assert "is not a time such as 2026-01-31T09:30:00+00:00 (ISO 8601)" in caught.value.problem


def test_a_day_is_not_a_time() -> None:
    with pytest.raises(LoadError, match='column day: "2026-03-04 10:00" is not a date such as 2026-01-31'):
        check("day,agent_id,user_id\n2026-03-04 10:00,1,1\n")


@pytest.mark.parametrize("record", ["today", "today,1,1,1", "", '"today,1,1'])
def test_a_record_that_does_not_fit_the_header_is_left_to_postgresql(record: str) -> None:
    check(f"day,agent_id,user_id\n{record}\n")


def test_other_columns_may_hold_anything() -> None:
    check('user_id,name,created_at\n1,today,2026-03-04\n1,"03/04/2026, ""now""",2026-03-04\n')


@pytest.mark.parametrize("time", ["09:30", "09:30:00.5", ""])
def test_a_time_of_day_is_hours_and_minutes(time: str) -> None:
    check(f"opens,name\n{time},x\n")


@pytest.mark.parametrize("time", ["9:30", "09:30 PM", "now", "allballs"])
def test_no_other_time_of_day_is_read(time: str) -> None:
    with pytest.raises(LoadError, match="is not a time of day such as 09:30:00"):
        check(f"opens,name\n{time},x\n")
