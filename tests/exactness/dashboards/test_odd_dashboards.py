"""Odd names, collations and texts in labels, groups, lists and filters: each was wrong, or an error, once."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.exactness.installation import Place, declared_in
from tests.fix_postgres import Server

LONG_NAME = "a" * 54 + "Größe %"
LONG_TEXT = "ü" * 400
TABLES = f"""
CREATE SCHEMA "Odd";
CREATE TABLE "Odd"."User" (id integer PRIMARY KEY);
CREATE TABLE "Odd"."Item" (id integer PRIMARY KEY, owner integer, "2fa" boolean, "{LONG_NAME}" text);
CREATE TABLE "Odd"."Order" (id integer PRIMARY KEY, who integer, at timestamptz, item integer, country text, note text,
    score integer);
CREATE TABLE "Odd"."Visit" (id integer PRIMARY KEY, who integer, at timestamptz, item integer,
    country text COLLATE "C", a text, b text, c text);
INSERT INTO "Odd"."User" VALUES (1), (2);
INSERT INTO "Odd"."Item" VALUES (1, 1, TRUE, 'mine'), (2, 2, FALSE, 'theirs'), (3, 1, NULL, 'unused');
INSERT INTO "Odd"."Order" VALUES (1, 1, now(), 1, 'é', NULL, NULL), (2, 1, now(), 2, '{LONG_TEXT}', 'x', 0);
INSERT INTO "Odd"."Visit" VALUES (1, 1, now(), 1, 'é'), (2, 1, now(), 2, '{LONG_TEXT}'), (3, 1, now(), 1, 'e');
"""
DECLARED = f"""
[user]
table = "Odd.User"
[dimension.item]
label = ["Odd.Item.2fa", {json.dumps("Odd.Item." + LONG_NAME)}]
user = "owner"
all = true
[view.orders]
table = "Odd.Order"
user = "who"
time = "at"
[view.orders.dimensions]
item = "item"
country = "country"
[view.orders.measures]
orders = "count"
scores = {{ distinct = "score" }}
[view.visits]
table = "Odd.Visit"
user = "who"
time = "at"
dimensions = {{ item = "item", country = "country", a = "a", b = "b", c = "c" }}
measures = {{ visits = "count" }}
[list.latest]
table = "Odd.Order"
user = "who"
columns = {{ id = "id", of = {json.dumps("item." + LONG_NAME)}, two = "item.2fa" }}
order = "id desc"
[dashboard.board]
filters = ["country"]
panels.items = {{ kind = "groups", by = ["item"], measures = ["orders.orders"] }}
panels.both = {{ kind = "groups", by = ["country"], measures = ["orders.orders", "visits.visits"], order = "country" }}
panels.scores = {{ kind = "groups", by = ["item"], measures = ["orders.scores"] }}
panels.daily = {{ kind = "series", measures = ["orders.orders", "visits.visits"] }}
panels.glance = {{ kind = "compare", measures = ["orders.orders"], with = "previous_year" }}
panels.before = {{ kind = "compare", measures = ["visits.visits"], with = "previous_period" }}
panels.latest = {{ kind = "list", list = "latest" }}
"""
LABEL = "item_" + "a" * 40


@dataclass
class Given:
    """A host and its declaration, as texts."""

    seed: int = 0
    key_type: str = "integer"
    instants: tuple[str, ...] = ()

    def tables(self) -> str:
        return TABLES

    def toml(self) -> str:
        return DECLARED


@pytest.fixture(scope="module")
def place(any_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("odd")
    with declared_in(any_server, Given(), folder, lambda text: text) as at:
        yield at


def board(
    place: Place,
    user: int,
    country: list[str] | None = None,
    order: str | None = None,
    days: tuple[str, str] | None = None,
) -> Any:
    first, last = days or (None, None)
    text = """SELECT (frontview.board_1_dashboard(p_user => %s, p_from => %s, p_to => %s, p_granularity => 'year',
        f_country => %s::text[], fn_country => FALSE, p_order => %s, p_limit => NULL, p_base => FALSE)).body::json"""
    row = place.c.execute(text.encode(), (user, first, last, country, order)).fetchone()
    assert row is not None
    return row[0]


def test_a_label_has_the_name_of_its_column_as_far_as_it_can_and_is_shown_to_its_owner_alone(place: Place) -> None:
    rows = {row["item"]: (row["item_2fa"], row[LABEL]) for row in board(place, 1)["items"]["rows"]}

    assert rows == {1: (True, "mine"), 2: (None, None), 3: (None, "unused")}
    assert board(place, 1)["latest"] == [{"id": 2, "of": None, "two": None}, {"id": 1, "of": "mine", "two": True}]


def test_views_whose_dimension_has_another_collation_meet_in_one_group(place: Place) -> None:
    rows = board(place, 1)["both"]["rows"]

    assert [(row["orders"], row["visits"]) for row in rows if row["country"] in ("e", "é")] == [(0, 1), (1, 1)]


def test_a_group_is_there_where_rows_have_nothing_to_count(place: Place) -> None:
    rows = board(place, 1)["scores"]["rows"]

    assert {row["item"]: row["scores"] for row in rows} == {1: 0, 2: 1, 3: 0}


def test_a_long_text_and_what_is_shown_of_it_filter_every_panel(place: Place) -> None:
    rows = board(place, 1)["both"]["rows"]
    shown = next(row["country"] for row in rows if row["orders"] and row["country"].startswith("üü"))

    for asked in (LONG_TEXT, shown):
        answer = board(place, 1, [asked])
        assert [row["id"] for row in answer["latest"]] == [2], asked[:100]
        assert sum(row["orders"] for row in answer["daily"]["rows"]) == 1, asked[:100]
    assert sum(row["visits"] for row in board(place, 1, [LONG_TEXT])["daily"]["rows"]) == 1


@pytest.mark.parametrize(
    "days", [("0001-01-01", "0001-01-31"), ("9999-12-01", "9999-12-31"), ("2024-02-29", "2024-02-29")]
)
def test_the_first_and_last_days_of_the_calendar_are_compared_too(place: Place, days: tuple[str, str]) -> None:
    answer = board(place, 1, days=days)

    assert answer["glance"]["current"] == {"from": days[0], "to": days[1], "orders": 0}
    assert answer["before"]["change"] == {"visits": None}
