"""The state that the page shows is true under any mixture of faults, streams, pauses, hidden tabs and going back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.chromium import arguments, chromium_path
from tests.browser.test_live import calls_today, live
from tests.browser.test_trouble import EVENTS, OFFLINE, POLLING
from tests.browser.visit import Visit, Visits
from tests.fix_app import System

READS = re.compile(r"/api/v1/dashboard/(overview|analytics|agents|performance)")
REFUSED = "Failed to load resource: the server responded with a status of 503"
TRUSTED = 'event: state\nid: 1-1\ndata: {"cache": "trusted"}\n\n'


def refuse(route: Route) -> None:
    problem = '{"title": "Unavailable", "detail": "The database cannot be read now."}'
    route.fulfill(status=503, headers={"Retry-After": "2"}, content_type="application/problem+json", body=problem)


def asked(visit: Visit, pattern: str) -> int:
    return sum(bool(re.search(pattern, request.url)) for request in visit.watch.requests)


def test_a_page_whose_reads_fail_is_not_live_however_good_its_stream_is(visits: Visits, shared: System) -> None:
    visit = live(visits, shared, 1)
    visit.watch.allow(REFUSED)
    visit.page.route(READS, refuse)
    shared.add(1)
    expect(visit.state).to_have_text(OFFLINE)
    expect(visit.page.locator(".outdated")).to_have_count(6)
    before = asked(visit, "overview")
    while asked(visit, "overview") < before + 2:  # its stream is there, and it goes on trying
        expect(visit.state).to_have_text(OFFLINE)
        visit.page.wait_for_timeout(50)
    visit.page.unroute(READS)
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(shared, 1))
    expect(visit.state).to_have_text("Live")


def test_streams_that_end_at_once_are_not_asked_for_all_the_time(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.page.clock.install()
    visit.page.route(EVENTS, lambda route: route.fulfill(content_type="text/event-stream", body=TRUSTED))
    visit.open()
    visit.sign_in(2)
    visit.shown()
    streams, reads = asked(visit, "dashboard/events"), asked(visit, "dashboard/overview")
    for _ in range(30):
        visit.page.clock.run_for(1000)
    assert asked(visit, "dashboard/events") - streams <= 4
    assert asked(visit, "dashboard/overview") - reads >= 4
    expect(visit.state).to_have_text(POLLING)


def test_a_paused_page_shows_another_range_and_stays_paused(visits: Visits, shared: System) -> None:
    visit = live(visits, shared, 3)
    visit.watch.allow(REFUSED)
    visit.page.locator("#pause").click()
    visit.choose("7 days")
    expect(visit.panel("daily").locator("details.behind tbody tr")).to_have_count(7)
    expect(visit.state).to_have_text(re.compile("^Paused at"))
    visit.page.route(READS, refuse)
    visit.choose("90 days")
    expect(visit.panel("daily")).to_have_class(re.compile("outdated"))
    expect(visit.state).to_have_text(re.compile("^Paused at"))
    visit.page.unroute(READS)
    visit.page.locator("#pause").click()
    expect(visit.state).to_have_text("Live")
    expect(visit.page.locator(".outdated")).to_have_count(0)


def test_a_busy_account_is_read_once_a_second_at_most(visits: Visits, shared: System) -> None:
    changes = "".join(f"event: changed\nid: 1-{number}\ndata: {{}}\n\n" for number in range(2, 60))
    visit = visits.begin(shared)
    visit.page.clock.install()
    visit.page.route(EVENTS, lambda route: route.fulfill(content_type="text/event-stream", body=TRUSTED + changes))
    visit.open()
    visit.sign_in(4)
    visit.shown()
    reads = asked(visit, "dashboard/overview")
    for _ in range(10):
        visit.page.clock.run_for(200)
    assert asked(visit, "dashboard/overview") - reads <= 3


def test_a_tab_that_is_opened_hidden_takes_no_room(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.page.add_init_script("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    visit.open()
    visit.sign_in(5)
    expect(visit.state).to_have_text("Connecting")
    visit.page.evaluate("new Promise((done) => setTimeout(done))")
    assert asked(visit, "/api/v1/") == 0
    visit.page.evaluate("delete document.hidden, document.dispatchEvent(new Event('visibilitychange'))")
    expect(visit.state).to_have_text("Live")


def test_where_the_source_is_told_keeps_the_focus(visits: Visits, shared: System) -> None:
    visit = live(visits, shared, 6)
    summary = visit.panel("recent_calls").locator("details.source summary")
    summary.focus()
    shared.add(6)
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(shared, 6))
    expect(summary).to_be_focused()


def test_a_zone_that_the_browser_does_not_know_is_told_and_not_in_the_way(visits: Visits, shared: System) -> None:
    """PostgreSQL may have newer zones than a browser: here an answer says one that no browser has."""
    visit = visits.begin(shared)

    def elsewhere(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["meta"]["user"]["zone"] = "Mars/Base"
        route.fulfill(response=answer, json=told)

    visit.page.route("**/dashboard/overview*", elsewhere)
    visit.open()
    visit.sign_in(7)
    visit.shown()
    expect(visit.page.locator("#who")).to_contain_text("times in UTC: this browser does not know the zone Mars/Base")


def test_a_period_over_two_years_names_both(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 8, "/?dashboard=performance&from=2025-10-20&to=2026-11-23")
    said = "Oct 20, 2025 – Nov 23, 2026, compared with Sep 15, 2024 – Oct 19, 2025"
    expect(visit.panel("performance").get_by_text(said)).to_be_visible()


def test_a_chart_that_could_not_be_loaded_says_so_and_comes_later(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("Failed to load resource: net::ERR_")
    visit.page.route("**/chart.js*", lambda route: route.abort())
    visit.open()
    visit.sign_in(9)
    visit.shown()
    missing = visit.page.get_by_text("The chart could not be loaded.")
    expect(missing).to_have_count(3)
    expect(missing.first).to_be_visible()
    visit.page.unroute("**/chart.js*")
    shared.add(9)
    expect(missing.first).to_be_hidden()


@pytest.fixture
def remembering(chromium: Browser, shared: System) -> Iterator[Visits]:
    """Visits in a browser that keeps whole pages for the way back, as people's browsers do."""
    keeping = {"ignore_default_args": ["--disable-back-forward-cache"]}
    path = chromium_path()
    launch = chromium.browser_type.launch
    with launch(executable_path=path, args=arguments(), **keeping) as browser, Visits(browser) as made:
        yield made


def test_the_way_back_does_not_lead_to_the_numbers_of_who_signed_out(remembering: Visits, shared: System) -> None:
    visit = remembering.dashboard(shared, 10, admin=True)
    expect(visit.state).to_have_text("Live")
    visit.page.get_by_role("link", name="Operations").click()
    expect(visit.page.locator("#status")).to_be_visible()
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.locator("#sign-in")).to_be_visible()
    visit.page.go_back()
    expect(visit.page.locator("#sign-in")).to_be_visible()
    expect(visit.page.locator("#page")).to_be_hidden()
    expect(visit.figure("calls.today.calls")).to_have_count(0)
