"""The address holds dashboard, range, granularity, filters and user: it can be shared, reloaded and gone back to."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.figures import count, headline, last_days, today_of
from tests.browser.visit import Visit, Visits
from tests.fix_app import System
from tests.oracle.base_tables import facts_of

ANALYTICS = "/?dashboard=analytics"


def said(visit: Visit) -> dict[str, str]:
    """What the address says beside the dashboard, which is the one with the calls of a range."""
    found = {name: values[0] for name, values in parse_qs(urlsplit(visit.page.url).query).items()}
    assert found.pop("dashboard") == "analytics"
    return found


def total(visit: Visit) -> Locator:
    """The calls of the range."""
    return visit.panel("series").locator("h3 strong").first


def shows(visit: Visit, user: int, days: int) -> None:
    """Return once the calls are those of the user's last days."""
    expected = headline(visit.system, user, *last_days(visit.system, user, days))
    expect(total(visit)).to_have_text(expected["calls"])
    expect(visit.panel("series")).to_have_attribute("aria-busy", "false")


def rows(visit: Visit, count: int) -> None:
    expect(visit.panel("series").locator("details.behind tbody tr")).to_have_count(count)


def test_a_range_goes_into_the_address_and_survives_a_reload(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, ANALYTICS)
    assert said(visit) == {}
    visit.choose("7 days")
    shows(visit, 1, 7)
    rows(visit, 7)
    assert said(visit) == {"range": "7d"}
    visit.page.reload()
    visit.shown()
    shows(visit, 1, 7)
    expect(visit.page.get_by_role("radio", name="7 days")).to_be_checked()


def test_the_back_button_returns_to_the_range_before(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, ANALYTICS)
    visit.choose("7 days")
    shows(visit, 1, 7)
    visit.choose("90 days")
    shows(visit, 1, 90)
    visit.page.go_back()
    shows(visit, 1, 7)
    rows(visit, 7)
    expect(visit.page.get_by_role("radio", name="7 days")).to_be_checked()
    visit.page.go_back()
    shows(visit, 1, 30)
    assert said(visit) == {}
    visit.page.go_forward()
    shows(visit, 1, 7)


def test_a_shared_link_shows_the_same_to_the_next_reader(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, ANALYTICS)
    visit.choose("90 days")
    visit.choose("Month")
    shows(visit, 1, 90)
    assert said(visit) == {"range": "90d", "granularity": "month"}
    other = visits.dashboard(shared, 2, urlsplit(visit.page.url)._replace(scheme="", netloc="").geturl())
    shows(other, 2, 90)
    expect(other.page.get_by_role("radio", name="Month")).to_be_checked()
    assert other.panel("series").locator("details.behind tbody tr").count() in {3, 4}


def test_each_range_has_the_granularity_that_suits_it(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, ANALYTICS)
    for name, granularity in (("90 days", "Week"), ("1 year", "Month"), ("30 days", "Day")):
        visit.choose(name)
        expect(visit.page.get_by_role("radio", name=granularity, exact=True)).to_be_checked()


def test_dates_of_ones_own_are_shown(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, ANALYTICS)
    last = today_of(shared, 1) - timedelta(days=3)
    first = last - timedelta(days=9)
    visit.choose("Dates")
    expect(visit.page.get_by_label("From", exact=True)).to_be_focused()
    visit.show_dates(str(first), str(last))
    expect(total(visit)).to_have_text(headline(shared, 1, first, last)["calls"])
    rows(visit, 10)
    assert said(visit) == {"from": str(first), "to": str(last)}
    visit.page.reload()
    visit.shown()
    expect(visit.page.get_by_label("From", exact=True)).to_have_value(str(first))
    expect(visit.page.get_by_role("radio", name="Dates")).to_be_checked()


@pytest.mark.parametrize(
    ("first", "last", "fault"),
    [
        ("", "2026-01-01", "Choose both dates."),
        ("2026-01-02", "2026-01-01", "The first date is after the last one."),
        ("2025-01-01", "2026-02-05", "At most 400 days can be shown at once."),
    ],
)
def test_dates_that_cannot_be_shown_are_refused_with_a_reason(
    visits: Visits, shared: System, first: str, last: str, fault: str
) -> None:
    visit = visits.dashboard(shared, 1, ANALYTICS)
    visit.show_dates(first, last)
    expect(visit.page.locator("#dates-fault")).to_have_text(fault)
    assert said(visit) == {}
    shows(visit, 1, 30)


@pytest.mark.parametrize(
    "query",
    [
        "range=12d",
        "from=2026-01-02&to=2026-01-01",
        "from=yesterday&to=today",
        "granularity=hour",
        "x=<b>",
        "filter.status=failed",
    ],
)
def test_an_address_that_says_nothing_sensible_shows_the_usual(visits: Visits, shared: System, query: str) -> None:
    visit = visits.dashboard(shared, 1, f"{ANALYTICS}&{query}")
    shows(visit, 1, 30)
    rows(visit, 30)


def test_another_users_link_shows_nothing_of_theirs(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("status of 403")
    visit.open(f"{ANALYTICS}&user=2&range=7d")
    visit.sign_in(1)
    expect(visit.notice("not-yours")).to_contain_text("another user's dashboard")
    expect(visit.notice("not-yours")).to_contain_text("signed in as user 1")
    expect(visit.page.locator(".grid")).to_be_hidden()
    assert visit.page.locator("[data-figure]").all_inner_texts() in (
        [],
        [""] * visit.page.locator("[data-figure]").count(),
    )
    assert not visit.page.locator("tbody tr").count()
    reads = [it for it in visit.watch.requests if "/api/v1/" in it.url and not it.url.endswith("/application")]
    answers = [it.response() for it in reads]  # The application's description says who the caller is, and no more.
    assert {answer.status for answer in answers if answer} == {403}, "no answer held anything of anybody"
    visit.page.get_by_role("link", name="Show your own dashboard").click()
    visit.shown()
    shows(visit, 1, 7)
    assert said(visit) == {"range": "7d"}


def test_an_admin_may_look_at_another_users_dashboard(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, f"{ANALYTICS}&user=2", admin=True)
    expect(visit.page.locator("#who")).to_have_text("Dashboard of User 2, times in America/New_York")
    shows(visit, 2, 30)
    expect(visit.state).to_have_text("Live")
    shared.add(2)
    shows(visit, 2, 30)


@pytest.mark.parametrize("user", ["0", "x", "999999", "2 OR 1=1", "<img src=x>"])
def test_a_user_that_there_is_not_is_said_not_to_be_there(visits: Visits, shared: System, user: str) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("status of (404|422|403)")
    visit.open(f"{ANALYTICS}&user={user}")
    visit.sign_in(1, admin=True)
    expect(visit.page.get_by_role("alert").first).to_be_visible()
    expect(visit.page.locator("[data-figure]")).to_have_count(0)


def test_each_dashboard_is_a_tab_with_what_it_heeds_and_an_address(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
    assert urlsplit(visit.page.url).query == ""
    expect(visit.tab("Overview")).to_have_attribute("aria-current", "page")
    visit.tab("Performance").focus()
    visit.page.keyboard.press("Enter")
    visit.shown()
    expect(visit.tab("Performance")).to_be_focused()
    expect(visit.page).to_have_title("Performance · Frontview")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Performance")
    assert urlsplit(visit.page.url).query == "dashboard=performance"
    expect(visit.page.get_by_role("group", name="By")).to_have_count(0)
    visit.choose("7 days")
    visit.shown()
    visit.tab("Overview").click()
    visit.shown()
    assert urlsplit(visit.page.url).query == "range=7d"
    expect(visit.panel("daily").locator("details.behind tbody tr")).to_have_count(7)
    visit.page.go_back()
    visit.shown()
    expect(visit.panel("performance")).to_be_visible()
    expect(visit.tab("Performance")).to_have_attribute("aria-current", "page")


def calls_of_agent(visit: Visit, user: int, agent: int) -> str:
    facts = facts_of(visit.system.sql, user).within(*last_days(visit.system, user))
    return count(facts.of_agent(agent).count_calls())


def test_a_filter_offers_values_by_their_labels_and_is_in_the_address(visits: Visits, shared: System) -> None:
    agents = dict(shared.sql.execute("SELECT name, id FROM agents WHERE user_id = 3").fetchall())
    shared.sql.execute(
        "DELETE FROM calls WHERE agent_id = %s AND started_at < now() - interval '3 days'", (agents["Agent 2"],)
    )
    visit = visits.dashboard(shared, 3, ANALYTICS)
    choice = visit.page.get_by_label("Agent", exact=True)
    expect(choice.locator("option")).to_have_text(["All", "Agent 1", "Agent 2", "Agent 3", "None"])
    choice.focus()
    choice.select_option("Agent 2")
    expect(total(visit)).to_have_text(calls_of_agent(visit, 3, agents["Agent 2"]))
    expect(choice).to_be_focused()
    assert said(visit) == {"filter.agent": str(agents["Agent 2"])}
    visit.page.reload()
    visit.shown()
    expect(total(visit)).to_have_text(calls_of_agent(visit, 3, agents["Agent 2"]))
    expect(choice.locator("option:checked")).to_have_text("Agent 2")
    visit.tab("Agents").click()
    expect(visit.panel("agents").locator("tbody th")).to_have_text(["Agent 2"])
    visit.page.go_back()
    choice.select_option("None")
    expect(total(visit)).to_have_text("0")
    assert said(visit) == {"filter.agent.null": "true"}
    choice.select_option("All")
    shows(visit, 3, 30)
    assert said(visit) == {}
    visit.page.go_back()
    expect(total(visit)).to_have_text("0")
    expect(choice.locator("option:checked")).to_have_text("None")


def test_a_filter_that_the_server_refuses_is_said_and_can_be_mended(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("status of 422")
    visit.open(f"{ANALYTICS}&filter.agent=x")
    visit.sign_in(3)
    expect(visit.panel("series").get_by_role("alert")).to_contain_text("agent")
    expect(visit.state).to_have_text("Nothing to show")
    visit.page.get_by_label("Agent", exact=True).select_option("All")
    shows(visit, 3, 30)
    expect(visit.state).to_have_text("Live")
