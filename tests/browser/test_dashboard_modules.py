"""The pure modules of the application's page: addresses, charts, widths, names and changes."""

from typing import Any

import pytest

from tests.browser.visit import Visit

ADDRESS = "dashboard/address.js"
GRANULARITIES = ["day", "week", "month", "quarter", "year"]
DASHBOARDS: dict[str, Any] = {
    "main": {
        "longest_days": 400,
        "default_days": 30,
        "granularities": GRANULARITIES,
        "filters": {"user": {}, "from": {}},
    },
    "week": {"longest_days": 7, "default_days": 7, "granularities": [], "filters": {}},
    "still": {"longest_days": None, "default_days": None, "granularities": [], "filters": {}},
}
USUAL: dict[str, Any] = {
    "name": "main",
    "user": None,
    "range": "30d",
    "days": 30,
    "from": None,
    "to": None,
    "granularity": None,
    "filters": {},
}


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("", {}),
        ("?range=7d", {"range": "7d", "days": 7}),
        ("?range=30d&granularity=week", {"granularity": "week"}),
        ("?user=7&range=365d", {"range": "365d", "days": 365, "user": "7"}),
        ("?from=2026-02-01&to=2026-02-28", {"range": "custom", "days": 28, "from": "2026-02-01", "to": "2026-02-28"}),
        ("?from=2026-02-01&to=2026-02-30", {}),
        ("?from=2026-02-02&to=2026-02-01", {}),
        ("?from=2025-01-01&to=2026-02-05", {}),
        ("?from=2026-02-01", {}),
        ("?range=toString&granularity=hour&dashboard=toString", {}),
        ("?filter.user=7&filter.from.null=true&filter.other=1", {"filters": {"user": "7", "from": None}}),
        ("?filter.user=", {"filters": {"user": ""}}),
        ("?dashboard=week", {"name": "week", "range": "7d", "days": 7}),
        ("?dashboard=week&range=30d&granularity=day", {"name": "week", "range": "7d", "days": 7}),
        ("?dashboard=still&range=7d&filter.user=7", {"name": "still", "range": None, "days": None}),
    ],
)
def test_an_address_is_a_question(page: Visit, query: str, question: dict[str, Any]) -> None:
    assert page.call(ADDRESS, "questionOf", query, DASHBOARDS) == USUAL | question


def test_a_change_of_the_address_keeps_the_rest(page: Visit) -> None:
    query = "?user=7&range=7d&x=1"
    assert (
        page.call(ADDRESS, "changed", query, {"range": None, "granularity": "week"}) == "?user=7&x=1&granularity=week"
    )
    assert page.call(ADDRESS, "changed", "?range=7d", {"range": None}) == ""
    assert page.module(ADDRESS, "return module.filterParts('a', undefined);") == {
        "filter.a": None,
        "filter.a.null": None,
    }
    assert page.call(ADDRESS, "filterParts", "a", None) == {"filter.a": None, "filter.a.null": "true"}
    assert page.call(ADDRESS, "filterParts", "a", "") == {"filter.a": "", "filter.a.null": None}


def test_a_range_ends_on_the_users_own_day(page: Visit) -> None:
    question = USUAL | {"range": "7d", "days": 7, "user": "a b&c", "filters": {"agent": "ü=1", "kind": None}}
    asked = page.call(ADDRESS, "queryOf", question, DASHBOARDS["main"], "2026-03-01")
    assert asked == "?from=2026-02-23&granularity=day&agent=%C3%BC%3D1&kind.null=true&user_id=a+b%26c"
    assert page.call(ADDRESS, "queryOf", USUAL, DASHBOARDS["main"], None) == "?granularity=day"
    assert page.call(ADDRESS, "queryOf", USUAL | {"days": 7}, DASHBOARDS["week"], None) == ""


COUNTED = [{"key": key, "kind": "count", "unit": None, "isNumber": True} for key in ("all", "one", "two", "rest")]
MONEY = {"key": "cents", "kind": "sum", "unit": "cents", "isNumber": True}
MEAN = {"key": "mean", "kind": "avg", "unit": None, "isNumber": True}
PLACE = {"key": "place", "kind": "max", "unit": None, "isNumber": False}


@pytest.mark.parametrize(
    ("items", "rows", "charts"),
    [
        (
            COUNTED,
            [{"all": 3, "one": 1, "two": 1, "rest": 1}, {"all": 0, "one": 0, "two": 0, "rest": 0}],
            ["all: one two rest"],
        ),
        (COUNTED, [{"all": 3, "one": 1, "two": 2, "rest": 2}], ["all: one two", "rest"]),
        (COUNTED, [{"all": 3, "one": 1, "two": 1, "rest": 2}], ["all one two rest"]),
        (COUNTED, [{"all": 0, "one": 0, "two": 0, "rest": 0}], ["all one two rest"]),
        ([*COUNTED[:2], MONEY, MEAN, PLACE], [], ["all one", "cents", "mean"]),
        ([PLACE], [{"place": "a"}], []),
    ],
)
def test_charts_follow_from_units_and_figures(
    page: Visit, items: list[dict[str, Any]], rows: list[dict[str, Any]], charts: list[str]
) -> None:
    found = page.call("dashboard/charts.js", "chartsOf", items, rows)
    texts = [" ".join(item["key"] for item in chart["items"]) for chart in found]
    wholes = [f"{chart['whole']['key']}: " if chart["whole"] else "" for chart in found]
    assert [whole + text for whole, text in zip(wholes, texts, strict=True)] == charts
    styles = {chart["style"] for chart in found if len(chart["items"]) == 1}
    assert styles <= {"bars"}


def test_panels_stand_side_by_side_in_rows_of_twelve(page: Visit) -> None:
    nothing = {"measures": {}, "columns": {}, "dimensions": {}, "sparkline": None}
    counts = {name: {} for name in "abcd"}
    panels = {
        "account": nothing | {"kind": "facts"},
        "glance": nothing | {"kind": "compare", "measures": counts},
        "daily": nothing | {"kind": "series"},
        "latest": nothing | {"kind": "list", "columns": {"id": {}, "at": {}, "name": {}}},
        "kinds": nothing | {"kind": "groups", "measures": {"a": {}}, "dimensions": {"kind": {}}},
    }
    widths = page.call("dashboard/layout.js", "widthsOf", panels)
    assert widths == {"account": 12, "glance": 12, "daily": 8, "latest": 4, "kinds": 12}


@pytest.mark.parametrize(
    ("column", "described", "name"),
    [
        ("cost_cents", "integer", "Cost"),
        ("cost_cents", "text", "Cost cents"),
        ("agent_name", "text", "Agent"),
        ("name", "text", "Name"),
        ("is_active", "boolean", "Active"),
        ("seconds", "integer", "Seconds"),
    ],
)
def test_a_columns_name_is_a_head_for_people(page: Visit, column: str, described: str, name: str) -> None:
    item = page.module(
        "measures.js",
        "const { write, ...rest } = module.itemOfColumn(...argument); return rest;",
        [column, {"type": described}],
    )
    assert item["name"] == name


@pytest.mark.parametrize(
    ("ratio", "better", "told"),
    [
        (0.123, "more", {"text": "▲ 12.3%, better.", "verdict": "better"}),
        (0.123, "less", {"text": "▲ 12.3%, worse.", "verdict": "worse"}),
        (-0.5, "less", {"text": "▼ 50%, better.", "verdict": "better"}),
        (0.0001, "more", {"text": "Unchanged.", "verdict": "same"}),
        (0.123, None, {"text": "▲ 12.3%.", "verdict": "none"}),
        (None, "more", {"text": "No comparison.", "verdict": "none"}),
    ],
)
def test_a_change_is_told_in_words_and_never_by_colour_alone(
    page: Visit, ratio: float | None, better: str | None, told: dict[str, str]
) -> None:
    assert page.call("dashboard/compare.js", "changeInWords", ratio, better) == told
