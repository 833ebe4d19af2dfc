"""The pages below a path, before which a proxy may stand that removes it or not."""

import re

from playwright.sync_api import expect

from tests.acceptance.test_sign_in import link
from tests.browser.visit import Visits
from tests.fix_app import System, start_everything

PREFIX = "/team/frontview"


def test_a_link_below_a_path_leads_to_pages_that_stay_below_it(visits: Visits, system: System) -> None:
    system.environment["FRONTVIEW_URL_PREFIX"] = f"{PREFIX}/"
    start_everything(system)
    visit = visits.begin(system)
    below = visit.address + PREFIX
    visit.page.goto(link(system, "--user", "1", "--admin", "--base-url", below).replace("/ops", "/"))
    visit.shown()
    expect(visit.state).to_have_text("Live")
    expect(visit.page.get_by_role("link", name="Dashboard")).to_have_attribute("aria-current", "page")
    visit.page.get_by_role("link", name="Operations").click()
    visit.shown()
    assert visit.page.url == f"{below}/ops"
    visit.page.get_by_role("link", name="The same as JSON").click()
    visit.page.get_by_role("link", name="openapi.json").click()
    expect(visit.page.locator("body")).to_contain_text(re.compile(f'"servers": .*"{PREFIX}"'))
    asked = {request.url for request in visit.watch.requests}
    # The description is fetched with the token, and shown from what was fetched.
    assert {url for url in asked if not url.startswith((f"{below}/", f"blob:{visit.address}/"))} == set()
