"""The operators' page shows the state of the system and what needs attention, to operators only."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.visit import Visit, Visits
from tests.fix_app import System
from tests.waiting import until

STATISTICS = "/api/v1/admin/stats"


def operations(visits: Visits, system: System, **options: Any) -> Visit:
    """Return an operator who sees the page."""
    return visits.dashboard(system, 1, "/ops", admin=True, **options)


def held(visit: Visit) -> dict[str, Any]:
    """Pause the page and return the statistics that it shows."""
    visit.page.get_by_role("button", name="Pause").click()
    answers = [it.response() for it in visit.watch.requests if it.url.endswith(STATISTICS)]
    told = [answer for answer in answers if answer is not None and answer.ok]
    return dict(json.loads(told[-1].text()))


def rows(visit: Visit, panel: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in row]
        for row in visit.panel(panel)
        .locator("tbody tr")
        .evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")
    ]


def busy(system: System) -> None:
    """Make each worker answer a read, answer a hit, and report both."""
    with system.client(1) as client:
        for _ in range(20):
            assert client.get("/api/v1/dashboard/overview").status_code == 200

    def told() -> bool:
        with system.client(1, admin=True) as client:
            stats = client.get(STATISTICS).json()
        return len(stats["workers"]) == 2 and any(step["cache"] for step in stats["history"] if step["complete"])

    until(told, "history with hits in it", seconds=60)


def test_the_figures_are_those_of_the_statistics(visits: Visits, shared: System) -> None:
    busy(shared)
    visit = operations(visits, shared)
    stats = held(visit)
    mark = stats["watermark"]
    expect(visit.figure("freshness.watermark")).to_have_text(f"{mark['epoch']}-{mark['drain_id']}")
    expect(visit.figure("freshness.stale_keys")).to_have_text(str(stats["freshness"]["stale_keys"]))
    expect(visit.figure("freshness.trust")).to_have_text("2 of 2")
    assert {row[0].split(" · ")[1] for row in rows(visit, "workers")} == {str(it["pid"]) for it in stats["workers"]}
    assert [row[0] for row in rows(visit, "regions")] == [it["region"] for it in stats["regions"]]
    for row, region in zip(rows(visit, "regions"), stats["regions"], strict=True):
        assert row[6] == f"{region['entries']:,} of {region['max_entries']:,}"
        assert row[8] == f"{region['requests']:,}"
    complete = [step for step in stats["history"] if step["complete"]]
    behind = rows(visit, "sources")[-len(complete) :]
    sources = ("cache", "materialized_view", "database", "stale")
    assert [row[1:] for row in behind] == [[f"{step[it]:,}" for it in sources] for step in complete]


def test_the_views_are_those_of_the_database(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    stats = held(visit)
    registered = {f"{view}/{tier}" for view, tier in shared.sql.execute("SELECT view, tier FROM frontview.view_state")}
    shown = visit.panel("views").locator("tr[data-tier]")
    assert set(shown.evaluate_all("rows => rows.map((row) => row.dataset.tier)")) == registered
    for tier in stats["views"]:
        row = visit.panel("views").locator(f'tr[data-tier="{tier["view"]}/{tier["tier"]}"]')
        expect(row.locator("[data-column=Rows]")).to_have_text(f"{tier['row_count']:,}")
        expect(row.locator('[data-column="Stale keys"]')).to_have_text(str(tier["stale_keys"]))


def test_a_change_shows_by_itself(visits: Visits, shared: System) -> None:
    visit = operations(visits, shared)
    drain = shared.value("SELECT max(drain_id) FROM frontview.drain")
    shared.add(1)
    until(lambda: shared.value("SELECT max(drain_id) FROM frontview.drain") > drain, "drain of the call")
    expect(visit.figure("freshness.watermark")).not_to_have_text(f"1-{drain}")
    expect(visit.panel("invalidations").locator("tr[data-source-of-change]").first).to_be_visible()


def test_somebody_who_is_no_operator_is_told_so_and_nothing_is_asked(visits: Visits, shared: System) -> None:
    visit = visits.begin(shared)
    visit.open("/ops")
    visit.sign_in(2)
    expect(visit.page.get_by_role("heading", name="This page is for operators")).to_be_visible()
    expect(visit.page.locator("#operators")).to_be_hidden()
    assert not [it.url for it in visit.watch.requests if "/api/v1/admin" in it.url]
    visit.page.get_by_role("link", name="your dashboard").click()
    visit.shown()
    expect(visit.page.locator("#who")).to_contain_text("User 2")


def test_a_link_for_operators_leads_to_their_page(visits: Visits, shared: System) -> None:
    from tests.browser.test_signing_in import code_of  # noqa: PLC0415

    visit = visits.begin(shared)
    visit.open(f"/ops#code={code_of(shared, '--user', '3', '--admin')}")
    visit.shown()
    expect(visit.page.locator("#who")).to_contain_text("User 3, operator")
    visit.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Dashboard").click()
    visit.shown()
    expect(visit.figure("calls.today.calls")).to_be_visible()


def test_without_a_leader_it_says_what_that_means_and_what_to_do(visits: Visits, running: System) -> None:
    visit = operations(visits, running)
    expect(visit.page.locator("#verdict-words")).to_have_text("All is well", timeout=30_000)
    running.end("refresher")
    entry = visit.page.locator("[data-alarm=no_leader]")
    expect(entry).to_contain_text("No refresher leads", timeout=30_000)
    expect(entry).to_contain_text("What to do: Start frontview refresher")
    expect(visit.page.locator("#verdict-words")).to_have_text("One thing to act on")
    assert visit.page.title().startswith("(1) ")
    running.start_refresher()
    expect(visit.page.locator("#verdict-words")).to_have_text("All is well", timeout=30_000)


def test_without_a_server_it_is_marked_as_old_and_comes_back(visits: Visits, running: System) -> None:
    visit = operations(visits, running)
    visit.watch.allow("Failed to load resource: net::ERR_")
    running.end("web")
    expect(visit.state).to_have_text("Not up to date")
    expect(visit.notice("offline")).to_contain_text("What is shown is as of")
    expect(visit.page.locator(".panel.outdated")).to_have_count(12)
    running.start_web()
    expect(visit.state).to_have_text("Asking every 5 s", timeout=30_000)
    expect(visit.page.locator(".panel.outdated")).to_have_count(0)


@pytest.mark.parametrize("member", ["history", "refresh_history", "warm_plan"])
def test_an_older_server_leaves_panels_empty_and_says_why(visits: Visits, shared: System, member: str) -> None:
    """An older server's answer is made here from a real answer without one member."""
    visit = visits.begin(shared)

    def older(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        del told[member]
        route.fulfill(response=answer, json=told)

    visit.page.route(f"**{STATISTICS}", older)
    visit.open("/ops")
    visit.sign_in(1, admin=True)
    expect(visit.page.get_by_role("alert").filter(has_text="older version of Frontview")).to_have_count(1)
    expect(visit.panel("views").locator("tr[data-tier]").first).to_be_visible()
