"""The pure modules of the pages return the right results in the browser that runs them."""

from typing import Any

import pytest

from tests.browser.visit import Visit, Visits
from tests.fix_app import System

STREAM = (
    'retry: 2000\n\nevent: state\nid: 1-7\ndata: {"cache": "trusted"}\n\n: alive\n\n'
    "event: changed\nid: 1-8\ndata: {}\n\n"
    "data: one\ndata:two\ndata\n\nevent: nothing\n\nid: 1-9\nevent: changed\ndata: {}\n\nevent: end\ndata: unfinished"
)
EVENTS = [
    {"type": "state", "id": "1-7", "data": '{"cache": "trusted"}'},
    {"type": "changed", "id": "1-8", "data": "{}"},
    {"type": "message", "id": "1-8", "data": "one\ntwo\n"},
    {"type": "changed", "id": "1-9", "data": "{}"},
]
ADDRESS = "dashboard/address.js"
GRANULARITIES = ["day", "week", "month", "quarter", "year"]
DASHBOARDS: dict[str, Any] = {
    "main": {"longest_days": 400, "default_days": 30, "granularities": GRANULARITIES, "filters": {"user": {}, "from": {}}},
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


@pytest.fixture
def page(visits: Visits, shared: System) -> Visit:
    visit = visits.begin(shared)
    visit.open()
    return visit


def called(page: Visit, module: str, function: str, *arguments: Any) -> Any:
    return page.module(module, f"return module.{function}(...argument);", list(arguments))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_events_are_the_same_in_whatever_pieces_they_come(page: Visit, end: str) -> None:
    feed = """
      const parsed = (pieces) => {
        const told = [];
        const take = module.parser((it) => told.push(it));
        pieces.forEach((piece) => take(piece));
        return told;
      };
      const text = argument;
      const found = [parsed([text]), parsed([...text])];
      for (let place = 1; place < text.length; place += 1) {
        found.push(parsed([text.slice(0, place), text.slice(place)]));
      }
      return found;
    """
    found = page.module("event_stream.js", feed, STREAM.replace("\n", end))
    assert len(found) > len(STREAM)
    assert all(events == EVENTS for events in found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("9007199254740993", "bigint 9007199254740993"),
        ("-9007199254740993", "bigint -9007199254740993"),
        ("9007199254740991", "number 9007199254740991"),
        ("0.1", "number 0.1"),
        ("1e300", "number 1e+300"),
        ('"9007199254740993"', "string 9007199254740993"),
    ],
)
def test_json_keeps_every_digit_of_whole_numbers(page: Visit, text: str, told: str) -> None:
    said = 'const value = module.parseExactly(`{"a": [${argument}]}`).a[0]; return `${typeof value} ${value}`;'
    assert page.module("exact_json.js", said, text) == told


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
    assert called(page, ADDRESS, "questionOf", query, DASHBOARDS) == USUAL | question


def test_a_change_of_the_address_keeps_the_rest(page: Visit) -> None:
    query = "?user=7&range=7d&x=1"
    assert called(page, ADDRESS, "changed", query, {"range": None, "granularity": "week"}) == "?user=7&x=1&granularity=week"
    assert called(page, ADDRESS, "changed", "?range=7d", {"range": None}) == ""
    assert page.module(ADDRESS, "return module.filterParts('a', undefined);") == {"filter.a": None, "filter.a.null": None}
    assert called(page, ADDRESS, "filterParts", "a", None) == {"filter.a": None, "filter.a.null": "true"}
    assert called(page, ADDRESS, "filterParts", "a", "") == {"filter.a": "", "filter.a.null": None}


def test_a_range_ends_on_the_users_own_day(page: Visit) -> None:
    question = USUAL | {"range": "7d", "days": 7, "user": "a b&c", "filters": {"agent": "ü=1", "kind": None}}
    asked = called(page, ADDRESS, "queryOf", question, DASHBOARDS["main"], "2026-03-01")
    assert asked == "?from=2026-02-23&granularity=day&agent=%C3%BC%3D1&kind.null=true&user_id=a+b%26c"
    assert called(page, ADDRESS, "queryOf", USUAL, DASHBOARDS["main"], None) == "?granularity=day"
    assert called(page, ADDRESS, "queryOf", USUAL | {"days": 7}, DASHBOARDS["week"], None) == ""


COUNTED = [{"key": key, "kind": "count", "unit": None, "isNumber": True} for key in ("all", "one", "two", "rest")]
MONEY = {"key": "cents", "kind": "sum", "unit": "cents", "isNumber": True}
MEAN = {"key": "mean", "kind": "avg", "unit": None, "isNumber": True}
PLACE = {"key": "place", "kind": "max", "unit": None, "isNumber": False}


@pytest.mark.parametrize(
    ("items", "rows", "charts"),
    [
        (COUNTED, [{"all": 3, "one": 1, "two": 1, "rest": 1}, {"all": 0, "one": 0, "two": 0, "rest": 0}], ["all: one two rest"]),
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
    found = called(page, "dashboard/charts.js", "chartsOf", items, rows)
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
    widths = called(page, "dashboard/layout.js", "widthsOf", panels)
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
    item = page.module("measures.js", "const { write, ...rest } = module.itemOfColumn(...argument); return rest;", [column, {"type": described}])
    assert item["name"] == name


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        ("count", 1234567, "1,234,567"),
        ("count", None, "–"),
        ("count", 0, "0"),
        ("share", 0.12345, "12.3%"),
        ("share", 0, "0%"),
        ("credits", 123456, "1,234.56"),
        ("credits", -5, "-0.05"),
        ("credits", 0, "0.00"),
        ("talkTime", 75, "1:15"),
        ("talkTime", 3600, "1:00:00"),
        ("talkTime", 59.6, "1:00"),
        ("talkTime", 0, "0:00"),
        ("age", -0.2, "0 s"),
        ("age", 0.42, "0.4 s"),
        ("age", 119, "119 s"),
        ("age", 200, "3 min"),
        ("age", 7200, "2 h"),
        ("age", 400_000, "5 days"),
        ("took", 0.31, "0.3 ms"),
        ("took", 48.17, "48 ms"),
        ("took", 1200, "1.2 s"),
        ("bytes", 51200, "51 kB"),
        ("bytes", 999, "999 B"),
        ("bytes", 1_500_000, "1.5 MB"),
        ("day", "2026-11-03", "Nov 3"),
        ("month", "2026-11-01", "Nov 2026"),
    ],
)
def test_numbers_read_as_people_write_them(page: Visit, function: str, value: Any, text: str) -> None:
    assert called(page, "figures.js", function, value) == text


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ({"kind": "count"}, 1234567, "1,234,567"),
        ({"kind": "sum", "unit": "currency:EUR"}, 1234.5, "€1,234.50"),
        ({"kind": "sum", "unit": "currency:JPY"}, 1234, "¥1,234"),
        ({"kind": "sum", "unit": "seconds"}, 75, "1:15"),
        ({"kind": "avg", "unit": "percent", "decimals": 4}, 0.1234, "12.3%"),
        ({"kind": "avg", "decimals": 2}, 3, "3.00"),
        ({"kind": "sum", "unit": "cents"}, 123456, "1,234.56"),
        ({"kind": "max", "type": "timestamp without time zone"}, "2025-01-03T10:05:00", "Jan 3, 2025, 10:05 AM"),
        ({"kind": "max", "type": "timestamp without time zone"}, "infinity", "infinity"),
        ({"kind": "max", "type": "list"}, ["a", None, True], "a, –, yes"),
        ({"kind": "max", "type": "other"}, {"a": 1}, '{"a":1}'),
        ({"kind": "sum", "unit": "kg"}, 0.125, "0.125 kg"),
        ({"kind": "sum"}, "NaN", "NaN"),
        ({"kind": "sum"}, None, "–"),
        ({"kind": "max", "type": "integer"}, 1000, "1,000"),
        ({"kind": "max", "type": "text"}, "1000", "1000"),
        ({"kind": "max", "type": "boolean"}, False, "no"),
        ({"kind": "min", "type": "date"}, "2026-11-03", "Nov 3, 2026"),
        ({"kind": "min", "type": "timestamp with time zone"}, "2025-01-03T10:05:00+00:00", "Jan 3, 2025, 05:05 AM"),
        ({"kind": "max", "type": "timestamp with time zone"}, "infinity", "infinity"),
    ],
)
def test_figures_of_a_measure_are_written_by_its_unit_and_type(
    page: Visit, measure: dict[str, Any], value: Any, text: str
) -> None:
    described = {"type": "numeric", "unit": None, "decimals": None, "label": None} | measure
    write = "return module.formatOf(argument[0], 'America/Bogota')(argument[1]);"
    assert page.module("measures.js", write, [described, value]) == text


@pytest.mark.parametrize(
    ("cents", "text"),
    [("9007199254740993", "90,071,992,547,409.93"), ("-9007199254740905", "-90,071,992,547,409.05")],
)
def test_amounts_beyond_2_to_the_53_keep_every_cent(page: Visit, cents: str, text: str) -> None:
    assert page.module("figures.js", "return module.credits(BigInt(argument));", cents) == text


def test_instants_are_told_in_the_zone_they_are_asked_in(page: Visit) -> None:
    page.page.clock.set_fixed_time("2026-03-01T11:30:00Z")
    at = "2026-03-01T10:05:06Z"
    assert called(page, "figures.js", "instant", at, "Europe/Berlin") == "11:05 AM"
    assert called(page, "figures.js", "instant", at, "America/New_York", {"seconds": True}) == "05:05:06 AM"
    yesterday = called(page, "figures.js", "instant", "2026-02-28T10:05:06Z", "UTC")
    assert yesterday == "Feb 28, 10:05 AM"
    assert called(page, "figures.js", "daysAfter", "2024-02-28", 2) == "2024-03-01"


@pytest.mark.parametrize("at", ["infinity", "20000-01-01T00:00:00+00:00", "0044-03-15T00:00:00+00:00 BC"])
def test_an_instant_that_no_browser_holds_is_told_as_it_is(page: Visit, at: str) -> None:
    assert called(page, "figures.js", "instant", at, "Europe/Berlin") == at


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        ({"source": "materialized_view", "milliseconds": 2.04}, "exact, from the view, 2 ms"),
        ({"source": "database", "milliseconds": 48}, "exact, from the base tables, 48 ms"),
        ({"source": "database", "milliseconds": 48, "age": 3}, "exact, from the base tables, 48 ms, 3 s ago"),
        ({"source": "cache", "age": 0.42}, "cache, 0.4 s old"),
        ({"source": "cache", "age": 90, "stale": True}, "out of date, 90 s old"),
    ],
)
def test_where_numbers_came_from_is_said_in_words(page: Visit, provenance: dict[str, Any], said: str) -> None:
    now = 1_000_000_000_000
    told = {"stale": False, **provenance, "calculatedAt": now - 1000 * provenance.get("age", 0)}
    assert called(page, "provenance.js", "words", told, now) == said


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
    assert called(page, "dashboard/compare.js", "changeInWords", ratio, better) == told
