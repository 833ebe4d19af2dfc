"""The open page is current: a write shows without a reload, a pause holds it, a hidden tab asks for nothing."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.figures import calls_by_day, credits_of, headline, last_days, today_of
from tests.browser.visit import Visit, Visits
from tests.fix_app import System
from tests.waiting import until

PROMISED_SECONDS = 2  # by which a write shows on the open page
READS = 2  # that fill the page: what the application is, and the answer
NEWEST = "SELECT to_json(max(started_at AT TIME ZONE 'UTC')) #>> '{}' || '+00:00' FROM calls WHERE user_id = %s"
HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def calls_today(system: System, user: int) -> str:
    today = today_of(system, user)
    return headline(system, user, today, today)["calls"]


def live(visits: Visits, system: System, user: int) -> Visit:
    visit = visits.dashboard(system, user)
    expect(visit.state).to_have_text("Live")
    return visit


@pytest.mark.parametrize("user", [11, 12])
def test_a_write_appears_on_the_open_page_within_two_seconds(visits: Visits, shared: System, user: int) -> None:
    visit = live(visits, shared, user)
    visit.page.evaluate("window.untouched = true")
    for _ in range(5):
        shared.add(user)
        committed = time.monotonic()
        today, month = calls_today(shared, user), headline(shared, user, *last_days(shared, user))["calls"]
        newest = shared.value(NEWEST, user)
        for shown, text in (
            (visit.figure("calls.today.calls"), today),
            (visit.figure("calls.last_30_days.calls"), month),
        ):
            left = PROMISED_SECONDS - (time.monotonic() - committed)
            expect(shown).to_have_text(text, timeout=1000 * left)
        expect(visit.panel("recent_calls").locator("tbody time").first).to_have_attribute("datetime", newest)
        last_day = visit.panel("daily").locator("details.behind tbody tr").last.locator("th, td")
        label, completed, *_ = calls_by_day(shared, user, *last_days(shared, user))[-1]
        expect(last_day.nth(0)).to_have_text(label)
        expect(last_day.nth(1)).to_have_text(today)
        expect(last_day.nth(2)).to_have_text(completed)
    assert visit.page.evaluate("window.untouched"), "the page was not loaded again"


def test_after_a_change_it_asks_again_of_a_worker_that_may_have_been_behind(visits: Visits, shared: System) -> None:
    visit = live(visits, shared, 18)
    asked: list[str] = []
    visit.page.on(
        "request", lambda request: asked.append(request.url) if "/dashboard/overview" in request.url else None
    )
    shared.add(18)
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(shared, 18))
    # Once H has passed; by itself it would be a minute. Requests are told while the page is asked something.
    until(lambda: visit.page.evaluate("true") and len(asked) > 1, "another request")


def test_any_kind_of_change_shows(visits: Visits, shared: System) -> None:
    visit = live(visits, shared, 13)
    shared.sql.execute("UPDATE users SET credits_cents = 123456 WHERE id = 13")
    expect(visit.figure("account.credits_cents")).to_have_text(credits_of(123456))
    shared.sql.execute("UPDATE agents SET name = 'Renamed <b>' WHERE user_id = 13 AND name = 'Agent 2'")
    expect(visit.panel("recent_calls").get_by_text("Renamed <b>").first).to_be_visible()
    shared.sql.execute("DELETE FROM calls WHERE user_id = 13")
    expect(visit.figure("calls.all_time.calls")).to_have_text("0")
    shared.sql.execute("UPDATE users SET timezone = 'Pacific/Auckland' WHERE id = 13")
    expect(visit.page.locator("#who")).to_have_text("User 13, times in Pacific/Auckland")


def test_a_write_of_somebody_else_asks_for_nothing(visits: Visits, shared: System) -> None:
    quiet, busy = live(visits, shared, 14), live(visits, shared, 15)
    before = {visit: len(visit.watch.requests) for visit in (quiet, busy)}
    for _ in range(6):
        shared.add(15)
        expect(busy.figure("calls.today.calls")).to_have_text(calls_today(shared, 15))
    asked = {visit: len(visit.watch.requests) - count for visit, count in before.items()}
    assert asked[busy] >= 6 * READS
    assert asked[quiet] <= 2 * READS, "what it had begun to ask for when it was opened"


def test_a_pause_holds_the_page_and_going_on_catches_up(visits: Visits, shared: System) -> None:
    paused, other = live(visits, shared, 16), live(visits, shared, 16)
    before = calls_today(shared, 16)
    button = paused.page.locator("#pause")
    button.click()
    expect(paused.state).to_have_text(re.compile(r"^Paused at \d"))
    expect(button).to_have_attribute("aria-pressed", "true")
    asked = len(paused.watch.requests)
    shared.add(16)
    expect(other.figure("calls.today.calls")).to_have_text(calls_today(shared, 16))
    expect(paused.figure("calls.today.calls")).to_have_text(before)
    assert len(paused.watch.requests) == asked, "it asks for nothing"
    button.click()
    expect(paused.figure("calls.today.calls")).to_have_text(calls_today(shared, 16))
    expect(paused.state).to_have_text("Live")
    expect(button).to_have_attribute("aria-pressed", "false")


def test_a_tab_that_nobody_looks_at_takes_no_room_and_catches_up(visits: Visits, shared: System) -> None:
    hidden, other = live(visits, shared, 17), live(visits, shared, 17)
    before = calls_today(shared, 17)
    hidden.page.evaluate(HIDE, True)
    asked = len(hidden.watch.requests)
    shared.add(17)
    expect(other.figure("calls.today.calls")).to_have_text(calls_today(shared, 17))
    expect(hidden.figure("calls.today.calls")).to_have_text(before)
    assert len(hidden.watch.requests) == asked
    hidden.page.evaluate(HIDE, False)
    expect(hidden.figure("calls.today.calls")).to_have_text(calls_today(shared, 17))
    expect(hidden.state).to_have_text("Live")
