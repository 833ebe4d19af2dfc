"""The figures of the page are those of the base tables and of the API, and each panel says where they came from."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.figures import (
    NONE,
    agent_rows,
    calls_by_day,
    credits_of,
    headline,
    last_days,
    text_of,
    today_of,
)
from tests.browser.visit import Visit, Visits
from tests.fix_app import System
from tests.waiting import until

pytestmark = pytest.mark.every_change
WEEK = timedelta(days=7)
BEYOND = 2**53 + 1
SOURCE = re.compile(r"^(exact, from the (view|base tables), [\d.]+ m?s|cache, [\d.]+ s old)")
FIGURES = ("calls", "success_rate", "conversion_rate", "cost_per_converted_lead_cents")
PANELS = ("account", "agents", "calls", "leads", "daily", "recent_calls")
PERFORMANCE = "/?dashboard=performance"


def cells(rows: Locator) -> list[list[str]]:
    return rows.evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")


def behind(visit: Visit, panel: str) -> list[list[str]]:
    """The rows of the table behind a chart."""
    return cells(visit.panel(panel).locator("details.behind tbody tr"))


@pytest.mark.parametrize("user", [1, 2])
def test_the_headline_is_that_of_the_base_tables(visits: Visits, shared: System, user: int) -> None:
    visit = visits.dashboard(shared, user, PERFORMANCE)
    expected = headline(shared, user, *last_days(shared, user))
    assert NONE not in expected.values()
    assert {name: visit.figure(f"performance.{name}").inner_text() for name in FIGURES} == expected


def test_each_headline_figure_stands_beside_the_week_before(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, f"{PERFORMANCE}&range=7d")
    first, last = last_days(shared, 1, 7)
    now, before = headline(shared, 1, first, last), headline(shared, 1, first - WEEK, last - WEEK)
    for name in FIGURES:
        expect(visit.figure(f"performance.{name}")).to_have_text(now[name])
        expect(visit.page.locator(f'.figure:has([data-figure="performance.{name}"]) .change')).to_contain_text(
            f"Before: {before[name]}"
        )


def test_better_and_worse_are_told_by_word_sign_and_colour(visits: Visits, shared: System) -> None:
    shared.sql.execute("DELETE FROM calls WHERE user_id = 10 AND started_at > now() - interval '20 days'")
    visit = visits.dashboard(shared, 10, PERFORMANCE)
    fewer = visit.page.locator('.figure:has([data-figure="performance.calls"]) .delta')
    expect(fewer).to_have_text(re.compile(r"^▼ [\d.]+%, worse\.$"))
    shared.sql.execute("UPDATE calls SET started_at = now() - interval '1 day' WHERE user_id = 10")
    expect(fewer).to_have_text("No comparison.")
    neutral = fewer.evaluate("it => getComputedStyle(it).color")
    oldest = shared.value("SELECT min(id) FROM calls WHERE user_id = 10")
    shared.sql.execute("UPDATE calls SET started_at = now() - interval '40 days' WHERE id = %s", (oldest,))
    expect(fewer).to_have_text(re.compile(r"^▲ [\d,.]+%, better\.$"))
    better = fewer.evaluate("it => getComputedStyle(it).color")
    shared.sql.execute("UPDATE calls SET started_at = now() - interval '40 days' WHERE user_id = 10")
    expect(fewer).to_have_text("▼ 100%, worse.")
    assert len({neutral, better, fewer.evaluate("it => getComputedStyle(it).color")}) == 3


def test_account_and_today_are_those_of_the_base_tables(visits: Visits, shared: System) -> None:
    shared.add(4)
    visit = visits.dashboard(shared, 4)
    today = today_of(shared, 4)
    email, cents = shared.sql.execute("SELECT email, credits_cents FROM users WHERE id = 4").fetchone() or ("", 0)
    expect(visit.figure("account.credits_cents")).to_have_text(credits_of(cents))
    expect(visit.figure("account.email")).to_have_text(email)
    expect(visit.figure("calls.today.calls")).to_have_text(headline(shared, 4, today, today)["calls"])


def test_the_table_behind_the_calls_has_every_outcome_of_every_day(visits: Visits, shared: System) -> None:
    shared.sql.execute("UPDATE calls SET status = 'in_progress' WHERE user_id = 5 AND id % 7 = 0")
    visit = visits.dashboard(shared, 5, "/?dashboard=analytics")
    expected = calls_by_day(shared, 5, *last_days(shared, 5))
    assert len(expected) == 30
    assert [[row[0], *row[2:7]] for row in behind(visit, "series")] == expected
    expect(visit.panel("series").locator("details.behind table")).to_be_hidden()
    visit.panel("series").get_by_text("Show as a table").click()
    expect(visit.panel("series").locator("details.behind table")).to_be_visible()


def test_the_charts_table_has_the_numbers_of_the_answer(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, "/?dashboard=analytics&range=90d&granularity=week")
    first, _ = last_days(shared, 1, 90)
    with shared.client(1) as client:
        answer = client.get("/api/v1/dashboard/analytics", params={"from": str(first), "granularity": "week"}).json()
        panels = client.get("/api/v1/application").json()["dashboards"]["analytics"]["panels"]
    measures = panels["series"]["measures"]
    rows = [[text_of(measures[it], row[it]) for it in measures] for row in answer["data"]["series"]["rows"]]
    assert [row[1:] for row in behind(visit, "series")] == rows
    totals = answer["data"]["series"]["totals"]
    legend = visit.panel("series").locator(".legend li").all_inner_texts()
    counted = ("completed", "failed", "no_answer", "busy", "in_progress", "leads", "converted")
    parts = (*counted, "duration_seconds", "cost_cents")
    assert [text.replace("\n", "") for text in legend] == [
        f"{measures[it]['label']}{text_of(measures[it], totals[it])}" for it in parts
    ]


def single_figures(kind: str, data: Any) -> dict[str, Any]:
    """The measures of a panel that are single figures, by the period where there are several."""
    if kind == "periods":
        return dict(data)
    if kind == "compare":
        return {"": data["current"]}
    return {"": data} if kind == "facts" else {}


def figures_of(panels: dict[str, Any], data: dict[str, Any]) -> dict[str, str]:
    """The texts of an answer's single figures, by their names on the page."""
    return {
        ".".join(filter(None, (name, group, key))): text_of(measure, values[key])
        for name, panel in panels.items()
        for group, values in single_figures(panel["kind"], data[name]).items()
        for key, measure in panel["measures"].items()
        if not measure["type"].startswith("timestamp")  # which the page tells in the user's zone
    }


def same_as_the_api(visit: Visit, system: System, user: Any) -> int:
    """Compare every figure and every row of groups of every dashboard; return how many figures there were."""
    seen = 0
    with system.client(user) as client:
        dashboards = client.get("/api/v1/application").json()["dashboards"]
        for name, dashboard in dashboards.items():
            visit.open(f"/?dashboard={name}")
            visit.shown()
            data = client.get(dashboard["href"]).json()["data"]
            texts = figures_of(dashboard["panels"], data)
            assert {it: visit.figure(it).inner_text() for it in texts} == texts
            seen += len(texts)
            for panel, described in dashboard["panels"].items():
                if described["kind"] == "groups":
                    measures = described["measures"]
                    rows = [[text_of(measures[it], row[it]) for it in measures] for row in data[panel]["rows"]]
                    shown = cells(visit.panel(panel).locator("tbody tr"))
                    assert [row[-len(measures) :] for row in shown] == rows
    return seen


def test_every_figure_is_that_of_the_api(visits: Visits, shared: System) -> None:
    shared.add(9)
    assert same_as_the_api(visits.dashboard(shared, 9), shared, 9) >= 50


def test_agents_are_those_of_the_base_tables(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, "/?dashboard=agents")
    rows = cells(visit.panel("agents").locator("tbody tr"))
    heads = visit.panel("agents").locator("thead th").all_inner_texts()
    shown = [heads.index(it) for it in ("Calls", "Completed", "Cost", "Leads", "Converted")]
    found = {row[0]: [row[place] for place in shown] for row in rows}
    assert found == agent_rows(shared, 1, *last_days(shared, 1))


def test_recent_calls_are_the_newest_with_times_of_the_users_zone(visits: Visits, shared: System) -> None:
    shared.add(6)
    visit = visits.dashboard(shared, 6)
    rows = visit.panel("recent_calls").locator("tbody tr")
    newest = shared.sql.execute(
        "SELECT c.started_at, a.name, c.status, to_char(c.started_at AT TIME ZONE u.timezone, 'HH12:MI AM') "
        "FROM calls c JOIN users u ON u.id = c.user_id JOIN agents a ON a.id = c.agent_id WHERE c.user_id = 6 "
        "ORDER BY c.started_at DESC, c.id DESC LIMIT 10"
    ).fetchall()
    assert [[row[0], row[2]] for row in cells(rows)] == [[agent, status] for _, agent, status, _ in newest]
    instants = "rows => rows.map((row) => Date.parse(row.querySelector('time').dateTime))"
    assert rows.evaluate_all(instants) == [int(at.timestamp() * 1000) for at, *_ in newest]
    expect(rows.first.locator("time")).to_have_text(newest[0][3])


@pytest.mark.parametrize(
    ("locale", "expected"), [("de-DE", "90.071.992.547.409,93"), ("en-US", "90,071,992,547,409.93")]
)
def test_whole_numbers_beyond_2_to_the_53_keep_every_digit(
    visits: Visits, shared: System, locale: str, expected: str
) -> None:
    shared.sql.execute("UPDATE users SET credits_cents = %s WHERE id = 7", (BEYOND,))
    visit = visits.dashboard(shared, 7, locale=locale)
    expect(visit.figure("account.credits_cents")).to_have_text(expected)


def test_numbers_are_in_the_language_of_the_browser(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 1, PERFORMANCE, locale="de-DE")
    expected = headline(shared, 1, *last_days(shared, 1))["success_rate"]
    assert visit.figure("performance.success_rate").inner_text() == expected.replace(".", ",").replace("%", "\u00a0%")


def test_each_panel_says_where_its_numbers_came_from(visits: Visits, shared: System) -> None:
    visit = visits.dashboard(shared, 8)
    for panel in PANELS:
        expect(visit.panel(panel).locator("details.source summary")).to_have_text(SOURCE)
    cached = visit.page.locator("details.source[data-source=cache]")

    def some_are_from_the_cache() -> int:
        visit.page.reload()
        visit.shown()
        return cached.count()

    until(some_are_from_the_cache, "panel whose numbers the cache had")  # of two workers, who may both have to compute
    expect(cached.first.locator("summary")).to_have_text(re.compile(r"^cache, [\d.]+ (s|min) old$"))
    cached.first.locator("summary").click()
    expect(cached.first.locator("dl")).to_contain_text("the front cache")


def test_somebody_without_anything_sees_what_to_expect(visits: Visits, shared: System) -> None:
    user = shared.value(
        "INSERT INTO users (email, name, credits_cents) VALUES ('n@example.org', 'New', 0) RETURNING id"
    )
    visit = visits.dashboard(shared, user)
    expect(visit.figure("calls.all_time.calls")).to_have_text("0")
    expect(visit.figure("leads.all_time.average_score")).to_have_text(NONE)
    expect(visit.panel("recent_calls")).to_contain_text("Nothing yet.")
    visit.tab("Agents").click()
    visit.shown()
    expect(visit.panel("agents")).to_contain_text("Nothing in these days.")
