"""Which parameters are accepted, and how the others are refused: all faults at once, by field."""

import pytest

from tests.web.web_fakes import FakeWorker, bearer, make_app

WORKER = FakeWorker()
CLIENT = make_app(WORKER).test_client()


def faults(path: str) -> set[tuple[str, str]]:
    """Return (in, field) of each fault of the 422 that ``path`` is answered with."""
    WORKER.read_path.asked.clear()
    response = CLIENT.get(path, headers=bearer(admin=True))
    assert response.status_code == 422, response.text
    assert response.content_type == "application/problem+json"
    assert response.json["type"] == "urn:frontview:problem:invalid-parameters"
    assert WORKER.read_path.asked == []
    assert all(fault["detail"] for fault in response.json["errors"])
    return {(fault["in"], fault["field"]) for fault in response.json["errors"]}


BAD_DAYS = [
    "", "2024-1-1", "20240101", "2024-W01-1", "2024-02-30", "2023-02-29", "0000-01-01", "10000-01-01",
    "-2024-01-01", "2024-01-01T00:00:00", " 2024-01-01", "2024-01-01 ", "today", "null", "1704067200", "%00",
    "2024-13-01", "%D9%A2%D9%A0%D9%A2%D9%A4-01-01", "infinity", "-infinity", "2024/01/01",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_DAYS)
@pytest.mark.parametrize("field", ["from", "to"])
def test_a_day_has_one_spelling(field, value):
    assert faults(f"/api/v1/dashboard/counter?{field}={value}") == {("query", field)}


BAD_IDENTIFIERS = [
    "", "%2B1", "1.0", "1e3", "0x1", "01", "%201", "1%20", "1_000", "9223372036854775808",
    "9" * 30, "abc", "%D9%A1", "None", "true", "1%00", "1,2",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_IDENTIFIERS)
@pytest.mark.parametrize("path", ["dashboard/counter", "list/renewed", "view/loans", "dashboard/events"])
def test_an_identifier_has_one_spelling(path, value):
    assert faults(f"/api/v1/{path}?user_id={value}") == {("query", "user_id")}


@pytest.mark.parametrize("value", [*BAD_IDENTIFIERS, "0", "-1"])
def test_a_whole_number_of_a_dimension_has_one_spelling(value):
    if value in ("0", "-1"):  # Dimensions may be any integer.
        assert CLIENT.get(f"/api/v1/dashboard/counter?desk={value}", headers=bearer()).status_code == 200
    else:
        assert faults(f"/api/v1/dashboard/counter?desk={value}") == {("query", "desk")}


@pytest.mark.parametrize("value", [*filter(None, BAD_IDENTIFIERS), "0", "-1"])
def test_an_ill_formed_id_in_the_path_is_a_422_and_not_a_404(value):
    assert faults(f"/api/v1/admin/tasks/{value}") == {("path", "task_id")}


@pytest.mark.parametrize("value", ["", "DAY", "hour", "days", "total"])
def test_a_granularity_is_one_of_those_that_a_series_has(value):
    assert faults(f"/api/v1/dashboard/counter?granularity={value}") == {("query", "granularity")}


PATHS = ["dashboard/counter", "dashboard/events", "list/renewed", "view/loans", "view/account", "admin/tasks/1"]


@pytest.mark.parametrize("path", PATHS)
def test_unknown_and_repeated_parameters_are_refused(path):
    assert faults(f"/api/v1/{path}?nope=1") == {("query", "nope")}
    assert faults(f"/api/v1/{path}?nope") == {("query", "nope")}
    assert faults(f"/api/v1/{path}?from_=2024-01-01") == {("query", "from_")}
    if path != "admin/tasks/1":
        assert faults(f"/api/v1/{path}?user_id=7&user_id=7") == {("query", "user_id")}


def test_a_list_has_no_range():
    assert faults("/api/v1/list/renewed?from=2024-01-01") == {("query", "from")}


def test_a_path_parameter_is_none_of_the_query():
    assert faults("/api/v1/admin/tasks/1?task_id=1") == {("query", "task_id")}


def test_every_fault_is_listed():
    path = "/api/v1/dashboard/counter?desk=x&from=1&to=2024-02-30&zz=1&zz=2&user_id=-01"
    assert faults(path) == {("query", name) for name in ("desk", "from", "to", "zz", "user_id")}
    assert faults("/api/v1/admin/tasks/x?a=1&b=1") == {("path", "task_id"), ("query", "a"), ("query", "b")}


@pytest.mark.parametrize(
    "query",
    [
        "from=2024-03-02&to=2024-03-01",
        "from=2023-01-01&to=2024-02-05",
        "from=0001-01-01&to=9999-12-31",
        "to=0001-01-29",
    ],
)
def test_a_range_is_ordered_and_at_most_400_days(query):
    assert faults(f"/api/v1/view/renewals?{query}") == {("query", "from")}


@pytest.mark.parametrize(
    "query",
    [
        "from=2024-03-01&to=2024-03-01",
        "from=2023-01-01&to=2024-02-04",
        "from=0001-01-01&to=0001-01-29",
        "to=0001-01-30",
        "from=9999-12-31&to=9999-12-31",
    ],
)
def test_ranges_at_the_limits_are_accepted(query):
    assert CLIENT.get(f"/api/v1/view/renewals?{query}", headers=bearer()).status_code == 200


@pytest.mark.parametrize("path", ["dashboard/counter", "dashboard/events"])
def test_a_flood_of_parameters_is_refused_without_listing_it(path):
    response = CLIENT.get(f"/api/v1/{path}?" + "&".join(f"a{n}=1" for n in range(1000)), headers=bearer())
    assert response.status_code == 422
    assert len(response.data) < 1000


@pytest.mark.parametrize("path", ["dashboard/counter", "dashboard/events"])
def test_a_long_parameter_name_is_not_sent_back_whole(path):
    response = CLIENT.get(f"/api/v1/{path}?" + "a" * 5000 + "=1", headers=bearer())
    assert response.status_code == 422
    assert len(response.data) < 1000
