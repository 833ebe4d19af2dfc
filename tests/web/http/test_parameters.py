"""Which parameters are accepted, and how the others are refused: all faults at once, by field."""

import pytest

from tests.web.web_fakes import FakeWorker, bearer, make_app

WORKER = FakeWorker(served=None)
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
    "2024-13-01", "%D9%A2%D9%A0%D9%A2%D9%A4-01-01", "%FF", "infinity", "-infinity", "2024/01/01",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_DAYS)
@pytest.mark.parametrize("field", ["from", "to"])
def test_a_day_has_one_spelling(field, value):
    assert faults(f"/api/v1/performance?{field}={value}") == {("query", field)}


BAD_IDENTIFIERS = [
    "", "0", "-1", "%2B1", "1.0", "1e3", "0x1", "01", "%201", "1%20", "1_000", "9223372036854775808",
    "9" * 30, "abc", "%D9%A1", "None", "true", "1%00", "1,2",
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_IDENTIFIERS)
def test_an_identifier_has_one_spelling(value):
    assert faults(f"/api/v1/dashboard/analytics?agent_id={value}") == {("query", "agent_id")}
    if value not in ("0", "-1"):  # Keys of users may be any bigint.
        assert faults(f"/api/v1/dashboard/overview?user_id={value}") == {("query", "user_id")}


@pytest.mark.parametrize("value", [value for value in BAD_IDENTIFIERS if value])
def test_an_ill_formed_id_in_the_path_is_a_422_and_not_a_404(value):
    assert faults(f"/api/v1/agents/{value}") == {("path", "agent_id")}


@pytest.mark.parametrize("value", ["", "DAY", "hour", "days", "year"])
def test_a_granularity_is_one_of_three(value):
    assert faults(f"/api/v1/dashboard/analytics?granularity={value}") == {("query", "granularity")}


@pytest.mark.parametrize("value", ["", "CALLS", "leads", "calls,leads", "calls%20", "null", "none", "1"])
def test_a_series_is_that_of_calls(value):
    assert faults(f"/api/v1/agents?series={value}") == {("query", "series")}
    assert faults(f"/api/v1/agents?series=calls&series={value}") == {("query", "series")}


@pytest.mark.parametrize("path", ["dashboard/analytics", "dashboard/overview", "agents/1", "performance"])
def test_only_the_list_of_agents_has_a_series(path):
    assert faults(f"/api/v1/{path}?series=calls") == {("query", "series")}


@pytest.mark.parametrize("path", ["dashboard/overview", "dashboard/analytics", "agents", "agents/1", "performance"])
def test_unknown_and_repeated_parameters_are_refused(path):
    assert faults(f"/api/v1/{path}?nope=1") == {("query", "nope")}
    assert faults(f"/api/v1/{path}?user_id=7&user_id=7") == {("query", "user_id")}
    assert faults(f"/api/v1/{path}?nope") == {("query", "nope")}
    assert faults(f"/api/v1/{path}?from_=2024-01-01") == {("query", "from_")}


def test_the_overview_has_no_range():
    assert faults("/api/v1/dashboard/overview?from=2024-01-01") == {("query", "from")}


def test_a_path_parameter_is_none_of_the_query():
    assert faults("/api/v1/agents/1?agent_id=1") == {("query", "agent_id")}


def test_every_fault_is_listed():
    path = "/api/v1/agents/x?from=1&to=2024-02-30&zz=1&zz=2&user_id=-01"
    assert faults(path) == {
        ("path", "agent_id"), ("query", "from"), ("query", "to"), ("query", "zz"), ("query", "user_id"),
    }  # fmt: skip


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
    assert faults(f"/api/v1/agents?{query}") == {("query", "from")}


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
    assert CLIENT.get(f"/api/v1/agents?{query}", headers=bearer()).status_code == 200


def test_the_period_before_must_fit_the_calendar_too():
    assert faults("/api/v1/performance?from=0001-01-02&to=0001-01-03") == {("query", "from")}
    response = CLIENT.get("/api/v1/performance?from=0001-01-03&to=0001-01-04", headers=bearer())
    assert response.status_code == 200


def test_a_flood_of_parameters_is_refused_without_listing_it():
    response = CLIENT.get("/api/v1/agents?" + "&".join(f"a{n}=1" for n in range(1000)), headers=bearer())
    assert response.status_code == 422
    assert len(response.data) < 1000


def test_a_long_parameter_name_is_not_sent_back_whole():
    response = CLIENT.get("/api/v1/agents?" + "a" * 5000 + "=1", headers=bearer())
    assert response.status_code == 422
    assert len(response.data) < 1000
