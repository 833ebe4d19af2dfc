"""Signing in and out with a token or a link, and the messages when neither is valid."""

import re

import pytest
from playwright.sync_api import expect

from tests.acceptance.test_sign_in import link
from tests.browser.visit import Visit, Visits
from tests.fix_app import SECRET, System
from web.auth.tokens import issue_token

REFUSED = "status of 401"
STORED = "sessionStorage.getItem('frontview.token')"


def code_of(system: System, *options: str) -> str:
    return link(system, *options).partition("#code=")[2]


def is_at_the_form(visit: Visit) -> None:
    expect(visit.page.get_by_label("Your token")).to_be_focused()
    expect(visit.page.locator("#page")).to_be_hidden()
    expect(visit.page.locator("[data-figure]")).to_have_count(0)


def test_a_token_signs_in_and_stays_in_the_tab_alone(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 2)
    expect(visit.page.locator("#who")).to_have_text("User 2, times in America/New_York")
    visit.page.reload()
    visit.shown()
    token = visit.page.evaluate(STORED)
    assert not visit.page.evaluate("localStorage.length")
    assert not visit.page.context.cookies()
    addresses = [visit.page.url, *(it.url for it in visit.watch.requests)]
    assert not [address for address in addresses if any(part in address for part in token.split("."))]
    other_tab = visit.page.context.new_page()
    other_tab.goto(visit.address)
    expect(other_tab.get_by_label("Your token")).to_be_visible()


def test_a_link_signs_in_and_its_code_leaves_the_address(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    code = code_of(shared, "--user", "3")
    visit.open(f"/?range=7d#code={code}")
    visit.shown()
    expect(visit.page.locator("#who")).to_have_text("User 3, times in UTC")
    assert visit.page.url == f"{visit.address}/?range=7d"
    assert visit.page.evaluate("history.length") <= 2, "the address with the code is not in the history"
    assert not [it.url for it in visit.watch.requests if code in it.url]
    visit.page.go_back()
    assert code not in visit.page.url


def test_a_link_that_was_used_says_so_and_offers_the_form(visits: Visits, shared: System) -> None:
    code = code_of(shared, "--user", "3")
    first, second = visits.begin(shared), visits.begin(shared)
    second.watch.allow("status of 404.*/api/v1/sign-in")
    first.open(f"/#code={code}")
    first.shown()
    second.open(f"/#code={code}")
    is_at_the_form(second)
    expect(second.page.get_by_role("alert").filter(has_text="used already")).to_contain_text("ask for a new one")
    assert second.page.url == f"{second.address}/"
    second.sign_in(3)
    second.shown()


def test_a_link_that_is_put_into_a_tab_with_the_page_signs_in(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.open()
    is_at_the_form(visit)
    code = code_of(shared, "--user", "3")
    visit.page.evaluate("code => { location.hash = `code=${code}` }", code)
    visit.shown()
    expect(visit.page.locator("#who")).to_have_text("User 3, times in UTC")
    assert code not in visit.page.url


def test_a_link_that_is_no_good_changes_nothing_for_who_is_signed_in_and_says_so(
    visits: Visits, shared: System
) -> None:
    visit = visits.dashboard(shared, 1)
    visit.watch.allow("status of 404.*/api/v1/sign-in")
    visit.open(f"/?range=7d#code={'x' * 43}")
    visit.shown()
    expect(visit.notice("link")).to_contain_text("You are still signed in as before.")
    expect(visit.page.locator("#who")).to_contain_text("User 1,")


def test_a_link_that_the_server_has_no_time_for_can_be_tried_again(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow("status of 429")
    visit.page.route(
        "**/api/v1/sign-in",
        lambda route: route.fulfill(
            status=429, content_type="application/problem+json", body='{"detail": "Too many; the link is still good."}'
        ),
    )
    visit.open(f"/#code={code_of(shared, '--user', '3')}")
    is_at_the_form(visit)
    expect(visit.page.locator("#token-fault")).to_have_text("Too many; the link is still good.")
    visit.page.unroute("**/api/v1/sign-in")
    visit.page.get_by_role("button", name="Try the link again").click()
    visit.shown()
    expect(visit.page.locator("#who")).to_have_text("User 3, times in UTC")


def test_a_link_to_somebody_else_does_not_leave_the_one_before_signed_in_unseen(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
    visit.open(f"/?range=7d#code={code_of(shared, '--user', '2')}")
    visit.shown()
    expect(visit.page.locator("#who")).to_have_text("User 2, times in America/New_York")


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("nonsense", "three parts with dots"),
        (issue_token("a secret of somebody else, as long as ours", 1, False, 600), "token"),
        (issue_token(SECRET, 1, False, -600), "expired"),
    ],
    ids=["no token", "forged", "expired"],
)
def test_a_token_that_is_no_good_is_refused_with_a_reason(
    visits: Visits, shared: System, token: str, said: str
) -> None:
    visit = visits.begin(shared)
    visit.watch.allow(REFUSED)
    visit.open()
    visit.give(token)
    expect(visit.page.locator("#token-fault")).to_contain_text(said)
    is_at_the_form(visit)
    assert visit.page.evaluate(STORED) is None
    visit.sign_in(1)
    visit.shown()


def test_what_is_pasted_may_be_the_whole_header(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.open()
    visit.give(f"Bearer {issue_token(SECRET, 1, False, 600)}\n")
    visit.shown()


def test_a_token_that_runs_out_leads_back_to_the_form_with_the_reason(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.watch.allow(REFUSED)
    visit.open()
    visit.sign_in(1, seconds=3)  # and five more, by which clocks may differ
    visit.shown()
    expect(visit.page.locator("#token-fault")).to_contain_text("expired")
    is_at_the_form(visit)


def test_signing_out_forgets_token_and_numbers(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
    visit.page.get_by_role("button", name="Sign out").click()
    is_at_the_form(visit)
    assert visit.page.evaluate(STORED) is None
    visit.page.reload()
    is_at_the_form(visit)
    visit.sign_in(2)
    visit.shown()
    expect(visit.page.locator("#who")).to_have_text(re.compile("User 2,"))
