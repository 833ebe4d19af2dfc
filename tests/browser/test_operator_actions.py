"""What operators ask for on their page is done once they have confirmed it, and the page reports the result."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.test_ops import operations
from tests.browser.visit import Visit, Visits
from tests.fix_app import System

TASKS = "SELECT count(*) FROM frontview.operator_task"
ASKED = "SELECT count(*) FROM frontview.invalidation"


def opened(visit: Visit, button: str) -> Locator:
    visit.page.get_by_role("button", name=button).click()
    return visit.page.get_by_role("dialog")


def confirm(dialog: Locator, name: str) -> None:
    dialog.get_by_role("button", name=name, exact=True).click()


def outcome(dialog: Locator) -> Locator:
    return dialog.get_by_role("status")


@contextmanager
def one_more(system: System, query: str) -> Iterator[None]:
    """Hold that a count grows by one meanwhile."""
    before = system.value(query)
    yield
    assert system.value(query) == before + 1


def test_a_view_is_refreshed_after_confirmation(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    refreshes = "SELECT count(*) FROM frontview.refresh_log WHERE starts_with(view, 'leads')"
    before = shared.value(refreshes)
    with one_more(shared, TASKS):
        dialog = opened(visit, "Refresh leads")
        expect(dialog).to_contain_text(re.compile(r"The leader will refresh all tiers of leads\w* now"))
        expect(dialog).to_contain_text("Reads are exact before, during and after it.")
        assert shared.value(refreshes) == before, "nothing happens before it is confirmed"
        confirm(dialog, "Refresh")
        expect(outcome(dialog)).to_have_text(re.compile(r"^Task \d+, leads\w*: refreshed"))
    assert shared.value(refreshes) > before
    confirm(dialog, "Close")
    expect(dialog).to_be_hidden()
    expect(visit.page.locator("#outcome")).to_contain_text(re.compile(r"leads\w*: refreshed"))
    expect(visit.panel("tasks").locator("tbody tr").first).to_contain_text("leads")


def test_answers_of_users_are_warmed_after_confirmation(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    with one_more(shared, TASKS):
        dialog = opened(visit, "Warm…")
        dialog.get_by_role("radio", name="These users").check()
        dialog.get_by_role("textbox", name="These users").fill("3, 4")
        expect(dialog).to_contain_text("compute the dashboards of these 2 users ahead of need")
        confirm(dialog, "Warm")
        expect(outcome(dialog)).to_have_text(re.compile(r"^Task \d+: planned"))
    planned = "SELECT count(DISTINCT user_id) FROM frontview.warm_plan WHERE reason = 'asked' AND user_id IN (3, 4)"
    assert shared.value(planned) == 2
    expect(visit.panel("warming").locator("tr[data-reason=asked]")).to_contain_text("Requested by an operator")


@pytest.mark.parametrize(
    ("choice", "field", "value", "said"),
    [
        ("Everything of one user", "textbox", "5", "everything of user 5"),
        ("A whole region", "combobox", "agent", "everything in the region agent"),
        ("Answers that match a pattern", "textbox", "agent:user:5*", "what matches agent:user:5*"),
        ("Everything", None, "", "everything it holds"),
    ],
    ids=["user", "region", "pattern", "everything"],
)
def test_cached_answers_are_dropped_after_confirmation(
    visits: Visits, shared: System, choice: str, field: str | None, value: str, said: str
) -> None:
    visit = operations(visits, shared)
    with shared.client(5) as client:
        while client.get("/api/v1/dashboard/agents").json()["meta"]["source"] != "cache":
            pass
        with one_more(shared, ASKED):
            dialog = opened(visit, "Drop cached answers…")
            dialog.get_by_role("radio", name=choice, exact=True).check()
            if field == "textbox":
                dialog.get_by_role("textbox", name=choice, exact=True).fill(value)
            elif field:
                dialog.get_by_role("combobox", name=choice, exact=True).select_option(value)
            expect(dialog).to_contain_text(f"Every worker will drop {said} from its cache")
            assert client.get("/api/v1/dashboard/agents").json()["meta"]["source"] == "cache"
            confirm(dialog, "Drop")
            expect(outcome(dialog)).to_have_text(re.compile(r"^Dropped .* in every cache, from watermark 1-\d+ on\.$"))
        drain = shared.value("SELECT max(drain_id) FROM frontview.invalidation")
        answer = client.get("/api/v1/dashboard/agents", headers={"Cache-Control": "max-age=1"}).json()["meta"]
        assert int(answer["watermark"].split("-")[1]) >= drain
    expect(visit.panel("invalidations").locator("tr[data-invalidation]").first).to_contain_text("dropped, drain")


def test_what_is_cancelled_is_not_asked(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    before = shared.value(TASKS), shared.value(ASKED)
    for name in ("Warm…", "Drop cached answers…", "Refresh a view…"):
        dialog = opened(visit, name)
        confirm(dialog, "Cancel")
        expect(dialog).to_be_hidden()
        visit.page.get_by_role("button", name=name).press("Enter")
        visit.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        expect(visit.page.get_by_role("button", name=name)).to_be_focused()
    assert (shared.value(TASKS), shared.value(ASKED)) == before
    assert not [it for it in visit.watch.requests if it.method == "POST"]


def test_what_cannot_be_asked_is_refused_with_a_reason_and_can_be_mended(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    dialog = opened(visit, "Drop cached answers…")
    confirm(dialog, "Drop")
    expect(dialog.get_by_role("alert")).to_have_text("Name the user.")
    visit.watch.allow("status of 422")
    dialog.get_by_role("radio", name="Answers that match a pattern").check()
    field = dialog.get_by_role("textbox", name="Answers that match a pattern")
    field.fill("agent:é")
    confirm(dialog, "Drop")
    expect(dialog.get_by_role("alert")).to_have_text(re.compile("^Pattern: "))
    expect(field).to_be_focused()
    field.fill("<img src=x onerror=alert(1)>")
    confirm(dialog, "Drop")
    expect(outcome(dialog)).to_contain_text("Dropped <img src=x onerror=alert(1)> in every cache")


def test_an_answer_that_is_lost_is_said_to_be_unknown(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    visit.watch.allow("Failed to load resource: net::ERR_")
    visit.page.route("**/api/v1/admin/refresh", lambda route: route.abort())
    dialog = opened(visit, "Refresh leads")
    confirm(dialog, "Refresh")
    expect(dialog.get_by_role("alert")).to_contain_text("It is not known whether the request arrived")
    visit.page.unroute("**/api/v1/admin/refresh")
    confirm(dialog, "Refresh")
    expect(outcome(dialog)).to_contain_text("refreshed")


def test_asking_too_often_is_refused_with_the_time_to_wait(visits: Visits, system: System) -> None:
    system.environment["FRONTVIEW_ADMIN_POSTS_PER_MINUTE"] = "1"
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=1)
    visit = operations(visits, system)
    visit.watch.allow("status of 429")
    dialog = opened(visit, "Drop cached answers…")
    dialog.get_by_role("radio", name="Everything", exact=True).check()
    confirm(dialog, "Drop")
    expect(outcome(dialog)).to_contain_text("Dropped")
    confirm(dialog, "Close")
    dialog = opened(visit, "Drop cached answers…")
    confirm(dialog, "Drop")
    expect(dialog.get_by_role("alert")).to_have_text(re.compile(r"\d+ s"))


def test_a_task_that_nobody_takes_up_is_said_to_wait(visits: Visits, running: System) -> None:
    visit = operations(visits, running)
    running.end("refresher")
    dialog = opened(visit, "Refresh leads")
    confirm(dialog, "Refresh")
    expect(outcome(dialog)).to_contain_text("Waiting for the leader")
    expect(dialog.get_by_role("button", name="Refresh", exact=True)).to_be_disabled()
    confirm(dialog, "Close")
    running.start_refresher()
    expect(visit.page.locator("#outcome")).to_contain_text(re.compile(r"leads\w*: refreshed"), timeout=30_000)
