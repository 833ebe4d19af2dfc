"""What operators ask of a declared application on their page is done for the users meant, whatever kind of key."""

import re
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Locator, expect

from models.user_key import UserKey
from tests.browser.project import KEYS
from tests.browser.test_operator_actions import ASKED, TASKS, confirm, one_more, opened, outcome
from tests.browser.visit import Visit, Visits
from tests.fix_app import System

VIEW = "/api/v1/view/sales"
KINDS = pytest.mark.parametrize("project", list(KEYS), indirect=True, scope="module")
DROPPED = re.compile(r"^Dropped .* in every cache, from watermark 1-\d+ on\.$")


@pytest.fixture
def keys(project: System) -> tuple[UserKey, ...]:
    return next(
        keys
        for keys in KEYS.values()
        if str(project.value('SELECT max("Id"::text) FROM "Shop"."Buyer"')) in map(str, keys)
    )


def operations(visits: Visits, project: System, user: UserKey) -> Visit:
    visit = visits.dashboard(project, user, "/ops", admin=True)
    expect(visit.page.locator("#who")).to_have_text(f"User {user}, operator, times in Asia/Tokyo")
    return visit


def calculated(client: httpx.Client) -> str:
    """Return when the answer was calculated that the cache of this client's worker holds."""
    while (meta := client.get(VIEW).json()["meta"])["source"] != "cache":
        pass
    return str(meta["calculated_at"])


def drop(dialog: Locator, choice: str, field: str | None, value: str) -> None:
    dialog.get_by_role("radio", name=choice, exact=True).check()
    if field == "textbox":
        dialog.get_by_role("textbox", name=choice, exact=True).fill(value)
    elif field:
        dialog.get_by_role("combobox", name=choice, exact=True).select_option(value)
    confirm(dialog, "Drop")
    expect(outcome(dialog)).to_have_text(DROPPED)
    confirm(dialog, "Close")


@KINDS
def test_users_are_warmed_by_their_keys(visits: Visits, project: System, keys: tuple[UserKey, ...]) -> None:
    visit = operations(visits, project, keys[0])
    with one_more(project, TASKS):
        dialog = opened(visit, "Warm…")
        dialog.get_by_role("radio", name="These users").check()
        dialog.get_by_role("textbox", name="These users").fill(f" {keys[1]}\n{keys[2]} \n")
        expect(dialog).to_contain_text("compute the dashboards of these 2 users ahead of need")
        confirm(dialog, "Warm")
        expect(outcome(dialog)).to_have_text(re.compile(r"^Task \d+: planned 2 users"))
    planned = "SELECT array_agg(DISTINCT user_id::text) FROM frontview.warm_plan WHERE reason = 'asked'"
    assert sorted(project.value(planned)) == sorted(map(str, keys[1:]))


@KINDS
def test_answers_are_dropped_of_the_user_meant_alone(
    visits: Visits, project: System, keys: tuple[UserKey, ...]
) -> None:
    visit = operations(visits, project, keys[0])
    with ExitStack() as clients:
        asking = {user: clients.enter_context(project.client(user)) for user in keys}
        for user in keys:
            before = {one: calculated(client) for one, client in asking.items()}
            with one_more(project, ASKED):
                drop(opened(visit, "Drop cached answers…"), "Everything of one user", "textbox", f" {user}")
            after = {one: calculated(client) for one, client in asking.items()}
            assert [one for one in keys if after[one] != before[one]] == [user]


@KINDS
@pytest.mark.parametrize(
    ("choice", "field", "value"),
    [
        ("A whole region", "combobox", "default"),
        ("Answers that match a pattern", "textbox", "default:*:view.sales"),
        ("Everything", None, ""),
    ],
    ids=["region", "pattern", "everything"],
)
def test_answers_are_dropped_by_other_names(
    visits: Visits, project: System, keys: tuple[UserKey, ...], choice: str, field: str | None, value: str
) -> None:
    visit = operations(visits, project, keys[0])
    with project.client(keys[2]) as client:
        before = calculated(client)
        drop(opened(visit, "Drop cached answers…"), choice, field, value)
        assert calculated(client) != before


@KINDS
def test_a_view_is_refreshed(visits: Visits, project: System, keys: tuple[UserKey, ...]) -> None:
    visit = operations(visits, project, keys[0])
    dialog = opened(visit, "Refresh lifetime")
    confirm(dialog, "Refresh")
    expect(outcome(dialog)).to_have_text(re.compile(r"^Task \d+, lifetime\w*: refreshed"))
    confirm(dialog, "Close")
    expect(visit.panel("tasks").locator("tbody tr").first).to_contain_text("lifetime")


@KINDS
def test_a_key_that_is_none_is_refused_by_name(visits: Visits, project: System, keys: tuple[UserKey, ...]) -> None:
    visit = operations(visits, project, keys[0])
    visit.watch.allow("status of 422")
    bad = "x" * 256 if "ann" in keys else "no-key"
    dialog = opened(visit, "Drop cached answers…")
    dialog.get_by_role("textbox", name="Everything of one user").fill(bad)
    confirm(dialog, "Drop")
    expect(dialog.get_by_role("alert")).to_have_text(re.compile("^User: .*(a user id|expected a user id)"))
