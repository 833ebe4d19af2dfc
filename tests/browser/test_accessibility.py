"""Accessibility: axe-core finds nothing, in light and dark, on desktop and phone; and checks that it does not make."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.visit import DESKTOP, Visit, Visits
from tests.fix_app import System

PHONE = {"width": 390, "height": 844}
LOOKS = pytest.mark.parametrize(
    "look",
    [
        pytest.param({"color_scheme": scheme, "viewport": size}, id=f"{scheme}-{name}")
        for scheme in ("light", "dark")
        for name, size in (("desktop", DESKTOP), ("phone", PHONE))
    ],
)


def unfold(visit: Visit) -> None:
    """Open every table behind a chart, and one panel's facts of where it came from."""
    for table in visit.page.locator("details.behind summary").all():
        table.click()
    visit.page.locator("details.source summary").first.click()


@LOOKS
def test_axe_finds_nothing_on_the_dashboard(visits: Visits, shared: System, look: dict[str, object]) -> None:
    visit = visits.dashboard(shared, 1, **look)
    for name in ("Analytics", "Agents", "Performance", "Overview"):
        visit.tab(name).click()
        visit.shown()
        assert not violations(visit.page), name
    unfold(visit)
    assert not violations(visit.page)
    visit.show_dates("2026-01-02", "2026-01-01")
    expect(visit.page.locator("#dates-fault")).to_be_visible()
    assert not violations(visit.page)


@LOOKS
def test_axe_finds_nothing_while_somebody_signs_in(visits: Visits, shared: System, look: dict[str, object]) -> None:
    visit = visits.begin(shared, **look)
    visit.open()
    expect(visit.page.get_by_label("Your token")).to_be_visible()
    assert not violations(visit.page)
    visit.give("nonsense")
    expect(visit.page.locator("#token-fault")).to_be_visible()
    assert not violations(visit.page)


@LOOKS
def test_axe_finds_nothing_when_something_is_wrong(visits: Visits, shared: System, look: dict[str, object]) -> None:
    visit = visits.begin(shared, **look)
    visit.watch.allow("Failed to load resource")
    visit.open("/?user=2")
    visit.sign_in(1)
    expect(visit.notice("not-yours")).to_be_visible()
    assert not violations(visit.page)
    visit.open("/")
    visit.shown()
    visit.page.route("**/api/v1/**", lambda route: route.abort())
    visit.choose("7 days")
    expect(visit.notice("offline")).to_be_visible()
    assert not violations(visit.page)
    visit.page.get_by_role("button", name="Pause").click()
    assert not violations(visit.page)


@LOOKS
def test_axe_finds_nothing_on_the_operators_page(visits: Visits, shared: System, look: dict[str, object]) -> None:
    visit = visits.dashboard(shared, 1, "/ops", admin=True, **look)
    assert not violations(visit.page)
    for table in visit.page.locator("details.behind summary").all():
        table.click()
    assert not violations(visit.page)
    for name in ("Warm…", "Drop cached answers…", "Refresh a view…"):
        visit.page.get_by_role("button", name=name).click()
        expect(visit.page.get_by_role("dialog")).to_be_visible()
        assert not violations(visit.page)
        if name.startswith("Drop"):
            visit.page.get_by_role("dialog").get_by_role("button", name="Drop", exact=True).click()
            expect(visit.page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
            assert not violations(visit.page)
        visit.page.keyboard.press("Escape")


@LOOKS
def test_axe_finds_nothing_where_operators_must_act(visits: Visits, system: System, look: dict[str, object]) -> None:
    system.start_web(workers=1)  # and nobody leads
    visit = visits.dashboard(system, 1, "/ops", admin=True, **look)
    expect(visit.page.locator("[data-alarm=no_leader]")).to_be_visible()
    assert not violations(visit.page)
    visit.page.get_by_role("button", name="Pause").click()
    expect(visit.page.locator(".outdated").first).to_be_visible()
    assert not violations(visit.page)
    other = visits.begin(system, **look)
    other.open("/ops")
    other.sign_in(2)
    expect(other.page.locator("#operators-only")).to_be_visible()
    assert not violations(other.page)


@pytest.mark.parametrize("path", ["/", "/ops"])
@pytest.mark.parametrize("width", [320, 390, 768, 1920])
def test_a_page_needs_no_scrolling_sideways(visits: Visits, shared: System, width: int, path: str) -> None:
    visit = visits.dashboard(shared, 1, path, admin=True, viewport={"width": width, "height": 800})
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    for folded in visit.page.locator("details.behind summary").all():
        folded.click()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_key_leads_past_the_bar(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1)
    visit.page.reload()
    visit.shown()
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_text("Skip to the numbers")).to_be_focused()
    expect(visit.page.get_by_text("Skip to the numbers")).to_be_in_viewport()
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#content")).to_be_focused()


def test_agents_are_sorted_by_keyboard_and_say_so(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, "/?dashboard=agents")
    rows = visit.panel("agents").locator("tbody th")
    head = visit.panel("agents").get_by_role("columnheader", name="Agent", exact=True)
    expect(head).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button").focus()
    visit.page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert rows.all_inner_texts() == ["Agent 3", "Agent 2", "Agent 1"]
    expect(head.get_by_role("button")).to_be_focused()
    visit.page.keyboard.press("Space")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert rows.all_inner_texts() == ["Agent 1", "Agent 2", "Agent 3"]
    visit.panel("agents").get_by_role("button", name="Calls", exact=True).click()
    expect(visit.panel("agents").locator("[aria-sort=descending]")).to_have_text("Calls")
    expect(visit.page.locator("[aria-sort]")).to_have_count(1)


def test_each_chart_is_described_and_has_its_table(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, "/?dashboard=analytics")
    pictures = visit.panel("series").get_by_role("img")
    expect(pictures).to_have_count(4)
    for place, said in enumerate(
        (r"Calls [\d,]+, of which Completed [\d,]+, Failed ", r"Leads [\d,]+, Converted ", "Duration ", "Cost ")
    ):
        expect(pictures.nth(place)).to_have_attribute("aria-label", re.compile(f"^Calls and leads by day: {said}"))
    expect(visit.panel("series").locator("details.behind tbody tr")).to_have_count(30)


def test_nothing_moves_for_who_wants_no_motion(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 9, reduced_motion="reduce")
    shared.add(9)
    expect(visit.figure("calls.today.calls")).to_have_class("number changed")
    moving = "document.getAnimations().filter((it) => it.playState === 'running').length"
    assert visit.page.evaluate(moving) == 0
    with_motion = visits.dashboard(shared, 9, reduced_motion="no-preference")
    shared.add(9)
    expect(with_motion.figure("calls.today.calls")).to_have_class("number changed")
    assert with_motion.page.evaluate(moving) > 0


def test_the_charts_follow_light_and_dark(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, "/?dashboard=analytics", reduced_motion="reduce")
    canvas = visit.panel("series").locator("canvas[role=img]").first
    expect(canvas).to_be_visible()
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    visit.page.emulate_media(color_scheme="dark")
    visit.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before", arg=[canvas.element_handle(), before]
    )
