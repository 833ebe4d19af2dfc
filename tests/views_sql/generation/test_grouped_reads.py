"""A grouped read answers exactly, whatever is stale, and refuses what it cannot answer."""

import hashlib
from dataclasses import replace
from datetime import date

import psycopg
import pytest

from tests.views_sql.generation.oracle import Question, all_measures
from tests.views_sql.generation.shapes import CUSTOMERS, EVENTS, ORDERS, VISITS, Shape
from tests.views_sql.generation.stage import USERS, Stage, call

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


EVERYBODY = pytest.param(True, id="every user", marks=pytest.mark.proof)


def check_all(stage: Stage, everybody: bool, *, base: bool = False) -> None:
    """Check every question, of every user or of one of them in turn."""
    for number, (shape, question) in enumerate(QUESTIONS):
        for user in USERS if everybody else (USERS[number % len(USERS)],):
            stage.check(shape, user, all_measures(shape.view, question), base=base)


@pytest.mark.parametrize("everybody", [pytest.param(False, id="one user a question"), EVERYBODY])
def test_reads_are_exact_before_and_after_drains_and_refreshes(declared: Stage, everybody: bool) -> None:
    check_all(declared, everybody)
    declared.execute(CHANGES)
    check_all(declared, everybody)
    declared.drain()
    check_all(declared, everybody)
    assert set(declared.refresh()) == {"refreshed"}
    check_all(declared, everybody)


def test_merged_reads_and_tiers_are_what_is_live(declared: Stage) -> None:
    declared.check_tiers()
    declared.execute(CHANGES)
    declared.check_relations()
    declared.drain()
    declared.check_relations()
    declared.refresh()
    declared.check_tiers()


@pytest.mark.parametrize("horizon", [date(2025, 11, 2), date(2026, 1, 25)], ids=["back", "forward"])
def test_reads_are_exact_after_the_horizon_moves(declared: Stage, horizon: date) -> None:
    declared.execute(CHANGES)

    declared.refresh(horizon)

    check_all(declared, everybody=False)
    declared.refresh()
    declared.check_tiers()


def test_a_read_of_the_base_tables_says_so_and_gives_the_same(undone: Stage) -> None:
    undone.execute(CHANGES)
    check_all(undone, everybody=False, base=True)
    question = all_measures(ORDERS.view, Question())

    assert undone.read(ORDERS, "Bob", question, base=True)[1:] == ("database", 0)


def test_only_stale_days_are_read_live(undone: Stage) -> None:
    undone.execute("UPDATE \"Shop\".visit SET seconds = 1 WHERE day BETWEEN '2026-01-03' AND '2026-01-05'")

    given = undone.read(VISITS, "Bob", all_measures(VISITS.view, Question()))

    assert given[1:] == ("materialized_view", 3)


def test_an_unknown_user_has_no_answer_and_one_without_rows_has_zeros(undone: Stage) -> None:
    question = all_measures(ORDERS.view, Question(granularity="total"))
    undone.execute('INSERT INTO "Shop"."User" VALUES (\'new\')')

    assert undone.read(ORDERS, "nobody", question)[0] is None
    assert undone.check(ORDERS, "new", question)["totals"]["orders"] == 0


def test_other_peoples_rows_are_in_no_answer(undone: Stage) -> None:
    undone.execute('UPDATE "Shop"."Order" SET "customerId" = %s WHERE "customerId" = %s', "ø", "Bob")

    totals = undone.check(ORDERS, "Bob", all_measures(ORDERS.view, Question()))["totals"]

    assert totals["orders"] == totals["buyers"] == 0


def test_days_that_were_left_out_are_the_last_thirty_and_hold_until_the_day_ends(undone: Stage) -> None:
    statement, values = call(ORDERS, "Bob", all_measures(ORDERS.view, Question()), base=False)
    values[1:4] = [None, None, None]

    row = undone.connection.execute(
        b"SELECT r.last_day = t.today, r.last_day - r.first_day, "
        b"r.valid_until = (t.today + 1)::timestamp AT TIME ZONE 'America/Havana', r.body::json ->> 'granularity' "
        b"FROM (SELECT (now() AT TIME ZONE 'America/Havana')::date) t (today)," + statement.split(b"FROM", 1)[1],
        values,
    ).fetchone()

    assert row == (True, 29, True, "day")


def test_days_of_the_earlier_range_are_among_those_that_an_answer_depends_on(undone: Stage) -> None:
    statement, values = call(
        ORDERS, "Bob", all_measures(ORDERS.view, Question(compare="previous_year", last=date(2026, 1, 2))), base=False
    )

    row = undone.connection.execute(statement.replace(b"r.body, r.source", b"r.first_day, r.last_day"), values)

    assert row.fetchone()[:2] == (date(2025, 1, 1), date(2026, 1, 2))  # type: ignore[index]


REFUSED = [
    ("from", Question(first=date(2026, 2, 1))),
    ("from", Question(first=date(2024, 1, 1))),
    ("granularity", Question(granularity="hour")),
    ("compare", Question(compare="next_week")),
    ("group_by", Question(group_by=("colour",))),
    ("measures", Question(measures=("orders", "loss"))),
    ("measures", Question(measures=())),
    ("order", Question(order="-product")),
    ("order", Question(order="buyers", measures=("orders",))),
    ("order", Question(order="'; DROP TABLE", group_by=("product",))),
    ("limit", Question(limit=0)),
    ("limit", Question(limit=1001)),
]


@pytest.mark.parametrize(("parameter", "question"), REFUSED, ids=[f"{it[0]}-{n}" for n, it in enumerate(REFUSED)])
def test_what_cannot_be_answered_is_refused_by_name(undone: Stage, parameter: str, question: Question) -> None:
    if parameter != "measures" and not question.measures:
        question = all_measures(ORDERS.view, question)

    with pytest.raises(psycopg.Error) as refused:
        undone.read(ORDERS, "Bob", question)

    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("FV002", parameter)


def test_an_answer_with_too_many_rows_is_refused(undone: Stage) -> None:
    undone.execute(
        """INSERT INTO "Shop"."Order" ("customerId", "createdAt", "productId", "shipCountry", status)
        SELECT 'Bob', '2026-01-05', n, '', 'paid' FROM generate_series(1000, 1600) n"""
    )
    question = Question(group_by=("product",), measures=("orders",), limit=1000)
    undone.check(ORDERS, "Bob", replace(question, limit=300))

    with pytest.raises(psycopg.Error) as refused:
        undone.read(ORDERS, "Bob", question)

    assert (refused.value.sqlstate, refused.value.diag.column_name) == ("FV002", "group_by")


def test_null_stays_one_group_when_another_label_comes_first_and_labels_are_renamed(declared: Stage) -> None:
    declared.execute('ALTER TABLE "Shop"."Order" ALTER status DROP NOT NULL')
    declared.execute('UPDATE "Shop"."Order" SET status = NULL WHERE id % 3 = 0')
    declared.refresh()
    declared.execute("ALTER TYPE \"Shop\".\"Status\" ADD VALUE 'new' BEFORE 'paid'")
    declared.execute("ALTER TYPE \"Shop\".\"Status\" RENAME VALUE 'paid' TO 'settled'")
    declared.execute('UPDATE "Shop"."Order" SET total = total + 1 WHERE "createdAt" > \'2026-01-20\'')
    question = Question(granularity="total", group_by=("order",), measures=("orders", "buyers", "p90"))

    for _ in ("stale days are patched", "refreshed"):
        answer, _, _ = declared.read(ORDERS, "Bob", question)
        assert [row["order"] for row in answer["rows"]] == ["settled", "refunded", None]
        declared.refresh()
    declared.check_tiers()


def test_a_text_that_no_index_has_room_for_is_a_group_of_its_own_under_a_shorter_name(declared: Stage) -> None:
    long = "é" * 300 + "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(200))
    texts = (long, f"{long}b", "é" * 250)
    for text in texts:
        declared.execute(
            'INSERT INTO "Shop"."Order" ("customerId", "createdAt", "shipCountry", status, email) '
            "VALUES ('Bob', '2026-01-20', %s, 'paid', %s)", text, text,
        )  # fmt: skip
    shown = [f"{'é' * 108}...{hashlib.sha256(text.encode()).hexdigest()}" for text in texts[:2]] + ["é" * 250]
    question = Question(group_by=("country",), measures=("orders", "buyers"), granularity="total")

    for _ in ("live", "stored"):
        rows = {row["country"]: row for row in declared.read(ORDERS, "Bob", question)[0]["rows"]}
        assert [rows[text]["orders"] for text in shown] == [rows[text]["buyers"] for text in shown] == [1, 1, 1]
        for text, label in zip(texts, shown, strict=True):
            for value in (text, label):
                asked = replace(question, measures=("orders", "p90"), filters=(("country", (value, "us")),))
                answer = declared.read(ORDERS, "Bob", asked)[0]
                assert sorted(row["country"] for row in answer["rows"]) == sorted([label, "us"])
        assert set(declared.refresh()) == {"refreshed"}
    declared.check_tiers()


def test_a_number_that_is_none_in_json_is_a_string(undone: Stage) -> None:
    undone.execute('UPDATE "Shop"."Order" SET total = \'NaN\' WHERE "customerId" = \'Bob\'')

    answer, _, _ = undone.read(ORDERS, "Bob", all_measures(ORDERS.view, Question(compare="previous_period")))

    assert answer["totals"]["revenue"] == answer["totals"]["previous"]["revenue"] == "NaN"


def test_integers_stay_integers_however_large(undone: Stage) -> None:
    undone.execute('UPDATE "Shop".event SET weight = 9007199254740993 WHERE weight = 3')

    body = undone.connection.execute(*call(EVENTS, "Bob", Question(measures=("heaviest",)), base=False)).fetchone()

    assert '"heaviest":9007199254740993' in body[0]  # type: ignore[index]
