"""The pure modules of the pages return the right results in the browser that runs them."""

from typing import Any

import pytest

from tests.browser.visit import Visit

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
    assert page.call("figures.js", function, value) == text


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
    write = "return module.itemsOfMeasures({x: argument[0]})[0].write(argument[1], 'America/Bogota');"
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
    assert page.call("figures.js", "instant", at, "Europe/Berlin") == "11:05 AM"
    assert page.call("figures.js", "instant", at, "America/New_York", {"seconds": True}) == "05:05:06 AM"
    yesterday = page.call("figures.js", "instant", "2026-02-28T10:05:06Z", "UTC")
    assert yesterday == "Feb 28, 10:05 AM"
    assert page.call("figures.js", "daysAfter", "2024-02-28", 2) == "2024-03-01"


@pytest.mark.parametrize("at", ["infinity", "20000-01-01T00:00:00+00:00", "0044-03-15T00:00:00+00:00 BC"])
def test_an_instant_that_no_browser_holds_is_told_as_it_is(page: Visit, at: str) -> None:
    assert page.call("figures.js", "instant", at, "Europe/Berlin") == at


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
    assert page.call("provenance.js", "words", told, now) == said
