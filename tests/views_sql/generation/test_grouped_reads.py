"""A grouped read answers exactly, whatever is stale, and refuses what it cannot answer."""

from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest

from tests.views_sql.generation.oracle import Question, all_measures
from tests.views_sql.generation.shapes import CUSTOMERS, EVENTS, ORDERS, SHAPES, VISITS, Shape
from tests.views_sql.generation.stage import USERS, Stage

OVER_THE_NIGHT = Question(first=date(2025, 10, 30), last=date(2025, 11, 4))
PAGE = "cfcd2084-95d4-65ef-66e7-dff9f98764da"
QUESTIONS: list[tuple[Shape, Question]] = [
    (ORDERS, OVER_THE_NIGHT),
    (ORDERS, Question(granularity="week")),
    (ORDERS, Question(granularity="total", first=date(2025, 11, 2), last=date(2025, 11, 2))),
    (ORDERS, Question(granularity="month", first=date(2025, 10, 20), group_by=("order", "product"))),
    (ORDERS, Question(granularity="quarter", first=date(2025, 10, 20), compare="previous_period")),
    (ORDERS, Question(granularity="month", group_by=("country",), compare="previous_year", last=date(2026, 11, 5))),
    (ORDERS, Question(granularity="total", group_by=("product",), order="-revenue", limit=2)),
    (ORDERS, Question(granularity="week", group_by=("product",), order="basket", limit=2, other=True)),
    (ORDERS, Question(granularity="week", group_by=("product", "country"), order="-buyers", limit=5, other=True)),
    (ORDERS, Question(granularity="total", group_by=("product", "country"), order="-p90", limit=4, other=True)),
    (ORDERS, Question(granularity="week", group_by=("product",), order="-product", compare="previous_period")),
    (ORDERS, Question(order="-biggest")),
    (ORDERS, Question(order="-period", filters=(("product", (2, None)), ("country", ("us", "CU"))))),
    (ORDERS, Question(granularity="total", group_by=("order",), filters=(("order", ("refunded",)),), order="-order")),
    (ORDERS, Question(first=date(2031, 1, 1), last=date(2031, 1, 3))),
    (ORDERS, Question(first=date(2031, 1, 1), last=date(2031, 1, 3), group_by=("product",))),
    (VISITS, Question()),
    (VISITS, Question(granularity="month", first=date(2025, 11, 2), group_by=("bot", "page"), order="-mean")),
    (VISITS, Question(granularity="year", first=date(2025, 11, 2), compare="previous_period")),
    (VISITS, Question(group_by=("bot",), order="bot", limit=2, filters=(("page", (PAGE,)),))),
    (VISITS, Question(granularity="week", filters=(("bot", (None,)),))),
    (EVENTS, Question(granularity="week", first=date(2025, 12, 3))),
    (EVENTS, Question(granularity="total", compare="previous_year", order="-kinds")),
    (CUSTOMERS, Question()),
    (CUSTOMERS, Question(group_by=("product",), order="-buyers", limit=2, other=True)),
    (CUSTOMERS, Question(group_by=("product",), order="median", filters=(("product", (1, 2, None)),))),
]
CHANGES = """
UPDATE "Shop"."Order" SET "createdAt" = "createdAt" - '3 days'::interval, "customerId" = 'Bob' WHERE id % 11 = 0;
DELETE FROM "Shop"."Order" WHERE id % 13 = 0;
UPDATE "Shop"."Order" SET total = total + 1, "productId" = NULL WHERE id % 5 = 0 AND "createdAt" > '2025-11-01';
UPDATE "Shop".visit SET day = day - 20 WHERE seconds = 7;
DELETE FROM "Shop".visit WHERE seconds = 5;
INSERT INTO "Shop".event SELECT 'Bob', '2026-01-02 04:59:59.999'::timestamp + n * '1 ms'::interval, 'new', 99
FROM generate_series(0, 1) n;
"""


def check_all(stage: Stage, *, base: bool = False) -> int:
    """Check every question of every user; return how many rows the answers had."""
    return sum(
        len(stage.check(shape, user, all_measures(shape.view, question), base=base)["rows"])
        for shape, question in QUESTIONS
        for user in USERS
    )


def test_reads_are_exact_clean_stale_undrained_and_refreshed(declared: Stage) -> None:
    assert check_all(declared) > 500
    declared.check_tiers()
    declared.execute(CHANGES)
    check_all(declared)
    declared.check_relations()
    declared.drain()
    check_all(declared)
    declared.check_relations()
    assert set(declared.refresh()) == {"refreshed"}
    check_all(declared)
    declared.check_tiers()
