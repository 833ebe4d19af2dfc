"""The page of other applications: what it shows is what SQL and the API say, current and labelled."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.acceptance.test_sign_in import link
from tests.browser.axe import violations
from tests.browser.figures import NONE
from tests.browser.project import KEYS
from tests.browser.test_accessibility import LOOKS
from tests.browser.test_figures import cells, same_as_the_api
from tests.browser.visit import Visit, Visits
from tests.fix_app import System

ANN, BOB, _ = KEYS["text"]
MONTH = """
SELECT count(*), sum("total"), round(avg("total"), 2), count(DISTINCT "country"), max("country") FROM "Shop"."Sale"
WHERE "buyer" = %s AND ("at" AT TIME ZONE 'America/Bogota')::date > (now() AT TIME ZONE 'America/Bogota')::date - 30
"""
DAY_OF_ONE = """
SELECT count(*) FROM "Shop"."Sale" WHERE "buyer" = %s
AND ("at" AT TIME ZONE 'America/Bogota')::date = (now() AT TIME ZONE 'America/Bogota')::date
"""
ALL = 'SELECT count(*) FROM "Shop"."Sale" WHERE "buyer" = %s'
SELL = 'INSERT INTO "Shop"."Sale" ("buyer", "at", "total") VALUES (%s, now(), 1000)'


def row(system: System, query: str, *values: Any) -> tuple[Any, ...]:
    found = system.sql.execute(query.encode(), values).fetchone()
    assert found is not None
    return found


def shows_the_month_of(visit: Visit, system: System, user: Any) -> None:
    sales, revenue, mean, countries, place = row(system, MONTH, user)
    texts = {
        "glance.sales": f"{sales:,}",
        "glance.revenue": f"€{revenue:,.2f}",
        "glance.mean": f"{mean:,.2f}",
        "glance.countries": str(countries),
        "glance.dearest_place": place,
        "lifetime.sales": f"{row(system, ALL, user)[0]:,}",
    }
    for figure, text in texts.items():
        expect(visit.figure(figure)).to_have_text(text)


def days(visit: Visit) -> Locator:
    return visit.panel("daily").locator("details.behind tbody tr")


def test_where_no_dashboard_is_declared_every_view_is_shown_with_the_figures_of_sql(
    visits: Visits, project: System
) -> None:
    visit = visits.dashboard(project, BOB)
    expect(visit.page.get_by_role("heading", level=2)).to_have_text(["Glance", "Daily", "Lifetime", "Country"])
    expect(visit.page.locator("#who")).to_have_text(f"User {BOB}, times in America/Bogota")
    shows_the_month_of(visit, project, BOB)
    expect(visit.page.get_by_text("Revenue <before tax>").first).to_be_visible()
    for panel in ("glance", "daily", "lifetime", "country"):
        expect(visit.panel(panel).locator(".provenance summary")).to_have_text(
            re.compile(r"^(exact, from the (view|base tables), |cache, .* old)")
        )
    expect(visit.page.get_by_role("navigation", name="Dashboards")).to_have_count(0)
    pictures = visit.panel("daily").get_by_role("img")
    said = ("Sales, Countries", "Revenue <before tax>", "Mean")
    expect(pictures).to_have_count(len(said))
    for place, measures in enumerate(said):
        expect(pictures.nth(place)).to_have_attribute("aria-label", f"Daily by day: {measures}.")
    expect(days(visit)).to_have_count(30)
    assert len(days(visit).last.locator("td").all()) == 5, "the table has every measure"
    expect(days(visit).last.locator("td").first).to_have_text(str(row(project, DAY_OF_ONE, BOB)[0]))


def test_a_write_shows_without_a_reload_and_a_pause_holds_it(visits: Visits, project: System) -> None:
    visit = visits.dashboard(project, ANN)
    expect(visit.state).to_have_text("Live")
    visit.page.evaluate("window.untouched = true")
    project.sql.execute(SELL, (ANN,))
    shows_the_month_of(visit, project, ANN)
    assert visit.page.evaluate("window.untouched")
    visit.page.get_by_role("button", name="Pause").click()
    held = visit.figure("glance.sales").inner_text()
    project.sql.execute(SELL, (ANN,))
    visit.page.wait_for_timeout(1500)
    expect(visit.figure("glance.sales")).to_have_text(held)
    visit.page.get_by_role("button", name="Go on").click()
    shows_the_month_of(visit, project, ANN)


def test_a_link_signs_in_with_the_claim_that_is_declared(visits: Visits, project: System) -> None:
    visit = visits.begin(project)
    visit.open(f"/#code={link(project, '--user', str(BOB)).partition('#code=')[2]}")
    visit.shown()
    expect(visit.page.locator("#who")).to_contain_text(str(BOB))


def test_operators_see_the_page_of_another_user_and_others_are_refused(visits: Visits, project: System) -> None:
    visit = visits.dashboard(project, ANN, f"/?user={BOB.replace(' ', '%20')}", admin=True)
    expect(visit.page.locator("#who")).to_contain_text(f"Dashboard of user {BOB}")
    shows_the_month_of(visit, project, BOB)
    other = visits.begin(project)
    other.watch.allow("status of 403")
    other.open("/?user=ann")
    other.sign_in(BOB)
    expect(other.notice("not-yours")).to_contain_text(f"You are signed in as user {BOB}, who may not read it.")
    expect(other.page.locator("[data-figure]:visible")).to_have_count(0)
    other.watch.allow("net::ERR_ABORTED")
    other.notice("not-yours").get_by_role("link").click()
    other.shown()
    shows_the_month_of(other, project, BOB)


def test_a_user_whom_the_application_does_not_have_is_told_so(visits: Visits, project: System) -> None:
    visit = visits.begin(project)
    visit.watch.allow("status of 404")
    visit.open()
    visit.sign_in("nobody")
    expect(visit.panel("glance").get_by_role("alert")).to_contain_text("There is no user nobody")
    expect(visit.state).to_have_text("Nothing to show")


def test_an_outage_is_said_and_over_again(visits: Visits, project: System) -> None:
    visit = visits.dashboard(project, ANN)
    visit.watch.allow("Failed to load resource: net::ERR_")
    visit.page.route("**/api/v1/**", lambda route: route.abort())
    visit.page.evaluate("dispatchEvent(new Event('online'))")  # Else it would ask within a minute.
    expect(visit.state).to_have_text("Not up to date")
    expect(visit.notice("offline")).to_contain_text("The server cannot be reached.")
    assert not violations(visit.page)
    visit.page.unroute("**/api/v1/**")
    expect(visit.state).to_have_text("Live", timeout=30_000)


def test_every_figure_is_that_of_the_api(visits: Visits, project: System) -> None:
    assert same_as_the_api(visits.dashboard(project, ANN), project, ANN) >= 6


def test_every_kind_of_panel_shows_the_answer_of_a_library(visits: Visits, library: System) -> None:
    visit = visits.dashboard(library, 2)
    assert same_as_the_api(visit, library, 2) >= 8
    with library.client(2) as client:
        data = client.get("/api/v1/dashboard/counter").json()["data"]
    rows = visit.panel("renewed").locator("tbody tr")
    assert [row[-1] for row in cells(rows)] == [str(row["desk"] or NONE) for row in data["renewed"]]
    desks = visit.panel("desks").locator("tbody tr")
    assert desks.locator("th").all_inner_texts() == [
        str(row["desk_title"] or row["desk"] or "None") for row in data["desks"]["rows"]
    ]
    expect(desks.locator("svg.sparkline")).to_have_count(len(data["desks"]["rows"]))
    shown = cells(visit.panel("daily").locator("details.behind tbody tr"))
    assert [row[1:] for row in shown] == [[str(it["renewals"]), str(it["books"])] for it in data["daily"]["rows"]]


def test_a_filter_of_a_dashboard_filters_every_panel(visits: Visits, library: System) -> None:
    visit = visits.dashboard(library, 2)
    choice = visit.page.get_by_label("Desk", exact=True)
    first = choice.locator("option").nth(1).inner_text()
    choice.select_option(first)
    expect(visit.panel("desks").locator("tbody tr")).to_have_count(1)
    expect(visit.panel("desks").locator("tbody th")).to_have_text(first)
    with library.client(2) as client:
        [value] = parse_qs(urlsplit(visit.page.url).query)["filter.desk"]
        data = client.get("/api/v1/dashboard/counter", params={"desk": value}).json()["data"]
    expect(visit.figure("recent.renewals")).to_have_text(str(data["recent"]["current"]["renewals"]))
    expect(visit.figure("sums.all_time.renewals")).to_have_text(str(data["sums"]["all_time"]["renewals"]))


@LOOKS
@pytest.mark.parametrize(("application", "user"), [("project", ANN), ("library", 2)])
def test_axe_finds_nothing_on_it(
    visits: Visits, request: pytest.FixtureRequest, application: str, user: Any, look: dict[str, object]
) -> None:
    visit = visits.dashboard(request.getfixturevalue(application), user, **look)
    assert not violations(visit.page)
    visit.page.locator("details.behind summary").first.press("Enter")
    visit.page.locator("details.source summary").first.press("Enter")
    assert not violations(visit.page)


@LOOKS
def test_the_description_of_the_api_is_there_for_a_browser(
    visits: Visits, project: System, look: dict[str, object]
) -> None:
    visit = visits.begin(project, **look)
    visit.open("/docs")
    expect(visit.page.get_by_label("Your token")).to_be_focused()
    expect(visit.page.get_by_text("/api/v1/view/sales")).to_have_count(0)
    visit.sign_in(ANN)
    expect(visit.page.get_by_text("GET /api/v1/view/sales")).to_be_visible()
    assert not violations(visit.page)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= visit.page.viewport_size["width"]
    visit.page.get_by_role("link", name="openapi.json").click()
    expect(visit.page.locator("body")).to_contain_text('"openapi": "3.1.0"')


@pytest.mark.parametrize("width", [320, 390, 768, 1920])
def test_it_needs_no_scrolling_sideways(visits: Visits, project: System, width: int) -> None:
    visit = visits.dashboard(project, BOB, viewport={"width": width, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.locator("details.behind summary").click()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
