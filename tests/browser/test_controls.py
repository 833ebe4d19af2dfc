"""The address holds range, granularity and user of a dashboard, so that it can be shared, reloaded and gone back to."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.figures import headline, last_days, today_of
from tests.browser.visit import Visit, Visits
from tests.fix_app import System


def said(visit: Visit) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(visit.page.url).query).items()}


def shows(visit: Visit, user: int, days: int) -> None:
    """Return once the headline is of the user's last days."""
    expected = headline(visit.system, user, *last_days(visit.system, user, days))
    expect(visit.figure("calls")).to_have_text(expected["calls"])
    expect(visit.panel("headline")).to_have_attribute("aria-busy", "false")


def rows(visit: Visit, count: int) -> None:
    expect(visit.panel("calls").locator("details.behind tbody tr")).to_have_count(count)


def test_a_range_goes_into_the_address_and_survives_a_reload(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
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
    visit = visits.dashboard(shared, 1)
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
    visit = visits.dashboard(shared, 1)
    visit.choose("90 days")
    visit.choose("Month")
    shows(visit, 1, 90)
    assert said(visit) == {"range": "90d", "granularity": "month"}
    other = visits.dashboard(shared, 2, urlsplit(visit.page.url)._replace(scheme="", netloc="").geturl())
    shows(other, 2, 90)
    expect(other.page.get_by_role("radio", name="Month")).to_be_checked()
    assert other.panel("calls").locator("details.behind tbody tr").count() in {3, 4}


def test_each_range_has_the_granularity_that_suits_it(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
    for name, granularity in (("90 days", "Week"), ("1 year", "Month"), ("30 days", "Day")):
        visit.choose(name)
        expect(visit.page.get_by_role("radio", name=granularity, exact=True)).to_be_checked()


def test_dates_of_ones_own_are_shown(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
    last = today_of(shared, 1) - timedelta(days=3)
    first = last - timedelta(days=9)
    visit.choose("Dates")
    expect(visit.page.get_by_label("From", exact=True)).to_be_focused()
    visit.show_dates(str(first), str(last))
    expect(visit.figure("calls")).to_have_text(headline(shared, 1, first, last)["calls"])
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
    visit = visits.dashboard(shared, 1)
    visit.show_dates(first, last)
    expect(visit.page.locator("#dates-fault")).to_have_text(fault)
    assert said(visit) == {}
    shows(visit, 1, 30)


@pytest.mark.parametrize(
    "query", ["range=12d", "from=2026-01-02&to=2026-01-01", "from=yesterday&to=today", "granularity=hour", "x=<b>"]
)
def test_an_address_that_says_nothing_sensible_shows_the_usual(visits: Visits, shared: System, query: str) -> None:
    visit = visits.dashboard(shared, 1, f"/?{query}")
    shows(visit, 1, 30)
    rows(visit, 30)


def test_another_users_link_shows_nothing_of_theirs(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("status of 403")
    visit.open("/?user=2&range=7d")
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
    visit = visits.dashboard(shared, 1, "/?user=2", admin=True)
    expect(visit.page.locator("#who")).to_have_text("Dashboard of user 2, times in America/New_York")
    shows(visit, 2, 30)
    expect(visit.state).to_have_text("Live")
    shared.add(2)
    shows(visit, 2, 30)


@pytest.mark.parametrize("user", ["0", "x", "999999", "2 OR 1=1", "<img src=x>"])
def test_a_user_that_there_is_not_is_said_not_to_be_there(visits: Visits, shared: System, user: str) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("status of (404|422|403)")
    visit.open(f"/?user={user}")
    visit.sign_in(1, admin=True)
    expect(visit.page.get_by_role("alert").first).to_be_visible()
    expect(visit.page.locator("[data-figure]")).to_have_count(0)
