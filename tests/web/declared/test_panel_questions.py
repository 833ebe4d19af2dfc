"""Questions about dashboards and lists: their arguments, which are the same, and what an answer has of them."""

from datetime import date
from typing import Any

import pytest

from tests.web.declared.hand_made import APPLICATION, DESKS, HOME, LATEST, PLAIN
from tests.web.web_fakes import FakeWorker, bearer, make_app
from views_sql.declaration.panel_questions import canonical_of_dashboard, dashboard_question, list_question
from views_sql.declaration.questions import questions
from views_sql.declaration.served import ServedDashboard

HOME_QUESTION = dashboard_question(HOME, "hash")
ARGUMENTS = ("from", "to", "granularity", "branch", "branch.null", "order", "limit")


def given(**values: Any) -> dict[str, Any]:
    return dict.fromkeys(HOME_QUESTION.arguments) | values


def asked(path: str, query: str = "") -> dict[str, Any]:
    """Return the dashboard of the core and the arguments that a request becomes."""
    worker = FakeWorker(served=APPLICATION)
    response = make_app(worker).test_client().get(f"/api/v1/{path}?{query}", headers=bearer())
    assert response.status_code == 200, response.json
    name, user, arguments, _ = worker.read_path.asked[0]
    assert user == 7
    return {"": name} | arguments


def test_there_is_a_question_for_each_dashboard_list_and_view() -> None:
    assert [it.name for it in questions(APPLICATION)] == ["home", "analytics", "list.latest"]


def test_arguments_are_those_that_the_generated_function_takes_in_its_order() -> None:
    assert HOME_QUESTION.arguments == ARGUMENTS
    assert dashboard_question(PLAIN, "hash").arguments == ()
    assert list_question(LATEST, "hash").arguments == ("branch", "branch.null", "desk", "desk.null", "limit")
    assert (HOME_QUESTION.function, HOME_QUESTION.shown) == ("frontview.home_3_dashboard", "frontview.user_3_shown")


def test_a_question_depends_on_what_is_shown_and_on_who_there_is() -> None:
    assert HOME_QUESTION.sources == {"loans_1", "latest_3_list", "existence_3_of_user"}
    assert list_question(LATEST, "hash").sources == {
        "latest_3_list", "branch_3_label", "existence_3_of_user",
    }  # fmt: skip


def test_a_plain_request_is_what_can_be_warmed() -> None:
    for question in questions(APPLICATION):
        kind = "list/latest" if question.name.startswith("list.") else f"dashboard/{question.name}"
        arguments = asked(kind)
        assert arguments.pop("") == question.name
        assert tuple(map(arguments.get, question.arguments)) == question.plain_arguments


SAME = [
    ("", "granularity=day"),
    ("branch=b&branch=a", "branch=a&branch=b&branch=a"),
    ("", "branch.null=false"),
    ("", "order=desk"),  # The only groups with a desk are ordered by it anyway.
]
NOT_SAME = [
    ("", "order=-loans"),  # What the branches are ordered by anyway, but not the desks.
    ("order=desk", "order=-desk"),
    ("", "limit=100"),  # Of the branches, but not of the desks.
    ("", "limit=5"),
    ("branch=a", "branch=b"),
    ("", "to=2026-01-01"),
    ("branch=a", "branch=a&branch.null=true"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_that_mean_the_same_are_one_question(one: str, other: str) -> None:
    assert asked("dashboard/home", one) == asked("dashboard/home", other)


@pytest.mark.parametrize(("one", "other"), NOT_SAME)
def test_questions_that_differ_stay_apart(one: str, other: str) -> None:
    assert asked("dashboard/home", one) != asked("dashboard/home", other)


def test_a_lists_own_limit_is_its_default() -> None:
    assert asked("list/latest") == asked("list/latest", "limit=10") == {"": "list.latest", "limit": 10}


def test_an_order_or_limit_that_is_every_panels_own_is_none() -> None:
    alone = ServedDashboard("desks", 1, None, 7, "desk", 60, (), (DESKS,), ())
    assert canonical_of_dashboard(alone, {"order": "desk", "limit": 5}) == {}


def test_an_answer_says_what_its_parameters_came_to() -> None:
    resolved = HOME_QUESTION.resolved
    assert resolved is not None
    today = date(2026, 3, 31)

    assert resolved(given(granularity="day"), today) == {
        "from": date(2026, 3, 2), "to": today, "granularity": "day",
    }  # fmt: skip
    assert resolved(given(to=date(2026, 1, 30), granularity="week", branch=("a",), limit=7), today) == {
        "from": date(2026, 1, 1), "to": date(2026, 1, 30), "granularity": "week", "branch": ("a",), "limit": 7,
    }  # fmt: skip
    alone = dashboard_question(ServedDashboard("desks", 1, None, 7, "desk", 60, (), (DESKS,), ()), "hash")
    assert alone.resolved is not None
    assert alone.resolved(dict.fromkeys(alone.arguments), today) == {
        "from": date(2026, 3, 25), "to": today, "limit": 5,
    }  # fmt: skip
    assert dashboard_question(PLAIN, "hash").resolved({}, today) == {}  # type: ignore[misc]
    assert list_question(LATEST, "hash").resolved({"limit": 3, "desk": None}, today) == {"limit": 3}  # type: ignore[misc]


def test_live_measures_are_named_once_and_metrics_of_them_too() -> None:
    assert HOME_QUESTION.live({}) == ("fee_a_loan", "furthest")


REFUSED = [
    ("dashboard/home", "colour=red", {"colour"}),
    ("dashboard/home", "desk=1", {"desk"}),
    ("dashboard/home", "group_by=branch&measures=loans&other=true", {"group_by", "measures", "other"}),
    ("dashboard/home", "from=2026-02-01&to=2026-01-01", {"from"}),
    ("dashboard/home", "from=2020-02-01&to=2026-01-01", {"from"}),
    ("dashboard/home", "to=0001-01-05", {"from"}),
    ("dashboard/home", "granularity=total", {"granularity"}),
    ("dashboard/home", "order=furthest_of_all", {"order"}),
    ("dashboard/home", "order=-branch_city", {"order"}),
    ("dashboard/home", "limit=0&order=&user_id=x&branch=%00", {"limit", "order", "user_id", "branch"}),
    ("dashboard/home", "limit=1001", {"limit"}),
    ("dashboard/home", "to=2026-01-01&to=2026-01-01", {"to"}),
    ("dashboard/analytics", "from=2026-01-01", {"from"}),
    ("dashboard/analytics", "limit=1&order=desk&granularity=day", {"limit", "order", "granularity"}),
    ("list/latest", "desk.null=true", {"desk.null"}),
    ("list/latest", "desk=x&limit=01&from=2026-01-01&order=desk", {"desk", "limit", "from", "order"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "query", "fields"), REFUSED)
def test_what_no_panel_heeds_and_what_is_ill_formed_is_refused_all_at_once(
    path: str, query: str, fields: set[str]
) -> None:
    worker = FakeWorker(served=APPLICATION)
    response = make_app(worker).test_client().get(f"/api/v1/{path}?{query}", headers=bearer())

    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert {fault["field"] for fault in response.json["errors"]} == fields
    assert worker.read_path.asked == []


def test_a_name_that_is_not_declared_is_answered_with_those_that_are() -> None:
    client = make_app(FakeWorker(served=APPLICATION)).test_client()
    unknown = client.get("/api/v1/dashboard/nothing", headers=bearer())

    assert unknown.status_code == 404
    assert unknown.json["detail"] == "There is no dashboard of that name; there are home, analytics."
    said = client.get("/api/v1/list/home", headers=bearer()).json["detail"]
    assert said == "There is no list of that name; there are latest."
    assert client.get("/api/v1/view/home", headers=bearer()).json["detail"].endswith("none is declared.")


def test_whose_data_it_is_is_decided_before_anything_is_looked_up() -> None:
    client = make_app(FakeWorker(served=APPLICATION)).test_client()

    for path in ("dashboard/home", "dashboard/analytics", "dashboard/nothing", "list/latest", "list/nothing"):
        assert client.get(f"/api/v1/{path}").status_code == 401
    for path in ("dashboard/home", "dashboard/analytics", "list/latest"):
        assert client.get(f"/api/v1/{path}?user_id=8", headers=bearer()).status_code == 403
        assert client.get(f"/api/v1/{path}?user_id=8", headers=bearer(9, admin=True)).status_code == 200


def test_events_is_the_stream_and_no_dashboard() -> None:
    response = make_app(FakeWorker(served=APPLICATION)).test_client().get("/api/v1/dashboard/events", headers=bearer())

    assert response.content_type.startswith("text/event-stream")
    response.close()
