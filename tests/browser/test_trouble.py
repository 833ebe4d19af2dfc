"""Whatever fails, the page says what it is and what it means for the numbers, and recovers by itself."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from tests.browser.test_live import calls_today, live
from tests.browser.visit import Visit, Visits
from tests.faults.deployment.link import Link
from tests.fix_app import System

OVERVIEW = re.compile(r"/api/v1/dashboard/overview\b")
EVENTS = "**/api/v1/dashboard/events*"
POLLING, OFFLINE = "Asking every 5 s", "Not up to date"


@pytest.fixture
def link(shared: System) -> Iterator[Link]:
    """The network between a visitor and the shared system."""
    made = Link(shared.port)
    yield made
    made.close()


def write_shows(visit: Visit, user: int) -> None:
    visit.system.add(user)
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(visit.system, user))


def test_a_stream_that_is_cut_is_replaced_by_asking_and_the_page_says_so(
    visits: Visits, shared: System, link: Link
) -> None:
    visit = visits.dashboard(shared, 11, port=link.port)
    expect(visit.state).to_have_text("Live")
    visit.watch.allow("Failed to load resource: net::ERR_")
    visit.page.route(EVENTS, lambda route: route.abort())
    link.reset_connections()
    expect(visit.state).to_have_text(POLLING)
    expect(visit.notice("polling")).to_have_text("The live stream was cut. The page asks every 5 s instead.")
    write_shows(visit, 11)
    visit.page.unroute(EVENTS)
    expect(visit.state).to_have_text("Live", timeout=70_000)  # the longest time between two tries is a minute
    expect(visit.notice("polling")).to_have_count(0)
    write_shows(visit, 11)


def test_a_network_that_falls_silent_is_noticed(visits: Visits, shared: System, link: Link) -> None:
    visit = visits.begin(shared, port=link.port)
    visit.page.clock.install()
    visit.open()
    visit.sign_in(12)
    visit.shown()
    expect(visit.state).to_have_text("Live")
    link.silence()
    visit.page.clock.fast_forward(41_000)
    expect(visit.state).to_have_text(POLLING)
    expect(visit.notice("polling")).to_contain_text("The live stream was cut.")
    visit.page.clock.fast_forward(6_000)  # it asks
    visit.page.clock.fast_forward(21_000)  # and hears nothing
    expect(visit.state).to_have_text(OFFLINE)
    expect(visit.notice("offline")).to_contain_text("The server does not answer.")
    link.heal()
    visit.page.clock.fast_forward(60_000)
    expect(visit.state).to_have_text("Live")
    write_shows(visit, 12)


def test_where_the_server_has_no_room_the_page_asks_and_says_why(visits: Visits, system: System) -> None:
    system.environment["FRONTVIEW_EVENT_STREAMS"] = "0"
    system.start_refresher()
    system.wait_for_views()
    system.start_web(workers=2)
    visit = visits.begin(system)
    visit.watch.allow("status of 503.*/dashboard/events")
    visit.open()
    visit.sign_in(1)
    visit.shown()
    expect(visit.state).to_have_text(POLLING)
    expect(visit.notice("polling")).to_contain_text("The server has no room for another live stream.")
    write_shows(visit, 1)
    with visit.page.expect_response(lambda answer: answer.status == 304 and "/api/v1/" in answer.url):
        pass  # what has not changed is not sent again
    # Each of two workers may have to compute it again.
    expect(visit.page.locator("details.source[data-source=cache]").first).to_be_visible(timeout=60_000)
    system.end("refresher")
    expect(visit.notice("exact-only")).to_contain_text("exact, but slower")
    write_shows(visit, 1)


def test_without_a_refresher_the_numbers_are_exact_but_slower(visits: Visits, running: System) -> None:
    visit = live(visits, running, 1)
    running.end("refresher")
    expect(visit.notice("exact-only")).to_contain_text("exact, but slower")
    expect(visit.state).to_have_text(POLLING)
    write_shows(visit, 1)
    expect(visit.panel("calls").locator("details.source summary")).to_have_text(re.compile("^exact, "))
    late = visits.dashboard(running, 2)
    expect(late.notice("exact-only")).to_be_visible()
    write_shows(late, 2)
    running.start_refresher()
    for page, user in ((visit, 1), (late, 2)):
        expect(page.state).to_have_text("Live", timeout=30_000)
        expect(page.notice("exact-only")).to_have_count(0)
        write_shows(page, user)


def test_without_a_server_the_page_is_marked_and_comes_back_with_it(visits: Visits, running: System) -> None:
    visit = live(visits, running, 1)
    visit.watch.allow("Failed to load resource: net::ERR_")
    before = calls_today(running, 1)
    running.end("web")
    expect(visit.state).to_have_text(OFFLINE)
    expect(visit.notice("offline")).to_have_text(
        re.compile(r"The server cannot be reached\. What is shown is as of \d.*; the page keeps trying\.")
    )
    expect(visit.figure("calls.today.calls")).to_have_text(before)
    for panel in ("account", "agents", "calls", "leads", "daily", "recent_calls"):
        expect(visit.panel(panel)).to_have_class(re.compile("outdated"))
        expect(visit.panel(panel).get_by_role("alert")).to_contain_text("These are the earlier numbers.")
    running.add(1)
    running.start_web()
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(running, 1), timeout=30_000)
    expect(visit.state).to_have_text("Live", timeout=70_000)
    expect(visit.notice("offline")).to_have_count(0)
    expect(visit.page.locator(".outdated")).to_have_count(0)


def test_a_page_that_is_opened_without_answers_says_so_and_tries_again(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("Failed to load resource: net::ERR_")
    visit.page.route("**/api/v1/**", lambda route: route.abort())
    visit.open()
    visit.sign_in(13)
    expect(visit.state).to_have_text(OFFLINE)
    expect(visit.notice("offline")).to_have_text("The server cannot be reached. The page keeps trying.")
    expect(visit.page.locator(".skeleton:visible")).to_have_count(0)
    visit.page.unroute("**/api/v1/**")
    visit.page.route(OVERVIEW, lambda route: route.abort())
    expect(visit.page.locator(".panel-fault:visible")).to_have_count(6)
    expect(visit.page.locator(".skeleton:visible")).to_have_count(0)
    visit.page.unroute(OVERVIEW)
    visit.panel("agents").get_by_role("button", name="Try again").click()
    visit.shown()
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(shared, 13))


def test_a_fault_of_one_dashboard_is_said_there_and_the_others_go_on(visits: Visits, running: System) -> None:
    visit = visits.dashboard(running, 1, "/?dashboard=agents")
    expect(visit.state).to_have_text("Live")
    visit.watch.allow("status of 50[03].*/dashboard/agents")
    name = running.value("SELECT proname FROM pg_proc WHERE proname ~ '^agents_.*dashboard$'")
    running.sql.execute(f"ALTER FUNCTION frontview.{name} RENAME TO gone".encode())
    running.add(1)
    expect(visit.panel("agents").get_by_role("alert")).to_contain_text("These are the earlier numbers.")
    expect(visit.panel("agents")).to_have_class(re.compile("outdated"))
    expect(visit.panel("agents").locator("tbody tr")).to_have_count(3)
    visit.tab("Overview").click()
    visit.shown()
    expect(visit.state).to_have_text("Live")
    write_shows(visit, 1)
    running.sql.execute(f"ALTER FUNCTION frontview.gone RENAME TO {name}".encode())
    visit.tab("Agents").click()
    visit.shown()


def test_a_panel_that_cannot_be_shown_says_so_and_the_others_are(visits: Visits, shared: System) -> None:
    """An answer that does not fit what the server says about it is made here from a real one."""
    visit = visits.begin(shared)
    visit.watch.allow("uncaught: TypeError")

    def unfit(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        del told["data"]["leads"]["today"]
        route.fulfill(response=answer, json=told)

    visit.page.route(OVERVIEW, unfit)
    visit.open()
    visit.sign_in(14)
    expect(visit.panel("leads").get_by_role("alert")).to_contain_text("The server's answer cannot be shown.")
    expect(visit.figure("calls.today.calls")).to_have_text(calls_today(shared, 14))
    expect(visit.page.locator(".panel-fault:visible")).to_have_count(1)
    expect(visit.state).to_have_text(POLLING)
