"""A generated dashboard answers every panel exactly, whatever is stale, filtered, missing or without rows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.fix_postgres import Server
from tests.leading import lead
from tests.views_sql.generation.dashboard_oracle import Asked, DashboardOracle
from tests.views_sql.generation.dashboards import DECLARED, HOME, LATEST, TABLES
from tests.views_sql.generation.shapes import SHAPES
from tests.views_sql.generation.stage import NUMBER, USERS, Stage, declared_template
from views_sql.generation.dashboard import create_dashboard, create_list
from views_sql.generation.shown_rows import Numbers, create_rows

__all__ = ["declared_template"]

NUMBERS = Numbers({it.name: NUMBER for it in DECLARED.views}, {"product": NUMBER}, {"latest": NUMBER}, NUMBER)
RECENT = """
INSERT INTO "Shop"."Order" ("customerId", "createdAt", "productId", "shipCountry", status, total, email)
SELECT u, now() - (n - 6) * '7 hours'::interval, (ARRAY[1, 2, NULL, 8])[1 + n % 4], (ARRAY['CU', 'us', ''])[1 + n % 3],
    (ARRAY['paid', 'refunded'])[1 + n % 2]::"Shop"."Status", n % 23, (ARRAY['a@x', NULL, 'c@x'])[1 + n % 3]
FROM unnest(ARRAY['Bob', 'ø']) u, generate_series(0, 406) n;
INSERT INTO "Shop".visit SELECT 'Bob', current_date - n, md5((n % 3)::text)::uuid, n % 17, n % 2 = 0
FROM generate_series(-2, 60, 3) n, generate_series(1, 2);
"""
CHANGES = """
UPDATE "Shop"."Order" SET "productId" = NULL, total = total + 1 WHERE id % 7 = 0;
DELETE FROM "Shop"."Order" WHERE id % 13 = 0;
UPDATE "Shop"."Order" SET "createdAt" = "createdAt" - '2 days'::interval WHERE id % 11 = 0;
DELETE FROM "Shop".visit WHERE seconds = 5;
UPDATE "Shop"."Product" SET name = 'renamed' WHERE id = 8;
"""
LISTED = """
SELECT o.id AS order_id, to_json(o."createdAt") #>> '{}' AS at, p.name AS product, o.total, p.active
FROM "Shop"."Order" o LEFT JOIN "Shop"."Product" p ON p.id = o."productId" AND p."ownerId" = o."customerId"
WHERE o."customerId" = %(user)s AND (%(all)s OR o."productId" = ANY (%(products)s)
    OR (%(unknown)s AND o."productId" IS NULL))
ORDER BY o."createdAt" DESC, o.id DESC LIMIT %(limit)s
"""


@pytest.fixture(scope="module")
def shared(any_server: Server, declared_template: str) -> Iterator[Stage]:
    """The declared views, with rows of these days, and the dashboard; shared by tests that commit nothing."""
    url = any_server.create(declared_template.rsplit("/", 1)[1].partition("?")[0])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET timezone = 'UTC'; {TABLES}{RECENT}".encode())
        term = lead(connection)
        stage = Stage(connection, term)
        assert DECLARED.facts is not None
        for shown in (*DECLARED.labels, *DECLARED.lists, DECLARED.facts):
            make(stage, create_rows(shown, NUMBER))
        make(stage, create_dashboard(DECLARED, HOME, NUMBER, NUMBERS))
        make(stage, create_list(DECLARED, LATEST, NUMBER, NUMBERS))
        assert set(stage.refresh(horizon=date.today() - timedelta(35))) == {"populated"}
        connection.execute("ANALYZE")
        yield stage
    any_server.drop(url)


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    with shared.connection.transaction(force_rollback=True):
        yield shared


def make(stage: Stage, statements: list[str]) -> None:
    for statement in statements:
        stage.connection.execute(statement.encode())


@contextmanager
def refused(parameter: str, words: str) -> Iterator[None]:
    with pytest.raises(psycopg.Error, match=words) as raised:
        yield
    assert (raised.value.diag.sqlstate, raised.value.diag.column_name) == ("FV002", parameter)


def ask(stage: Stage, user: str, asked: Asked, *, base: bool = False) -> tuple[Any, str, int]:
    chosen = asked.products
    values = [
        user, asked.first, asked.last, asked.granularity, chosen and [it for it in chosen if it is not None],
        bool(chosen) and None in (chosen or ()), asked.order, asked.limit, base,
    ]  # fmt: skip
    body, source, patched = stage.execute(
        f"SELECT r.body, r.source, r.patched_days FROM frontview.home_{NUMBER}_dashboard("
        "%s::text::frontview.user_key, %s, %s, %s, %s::integer[], %s, %s, %s, %s) r",
        *values,
    ).fetchone()  # type: ignore[misc]
    return body and json.loads(body, parse_float=Decimal), source, patched


def oracle(stage: Stage, user: str) -> DashboardOracle:
    cursor = stage.connection.cursor(row_factory=dict_row)
    rows = {it.view.name: cursor.execute(it.facts, (user,)).fetchall() for it in SHAPES}
    labels = stage.execute('SELECT id, name, active FROM "Shop"."Product" WHERE "ownerId" = %s', user).fetchall()
    (today,) = stage.execute("SELECT (now() AT TIME ZONE 'America/Havana')::date").fetchone()  # type: ignore[misc]
    return DashboardOracle(
        {it.view.name: it.view for it in SHAPES}, rows, {key: (name, active) for key, name, active in labels}, today
    )


def listed(stage: Stage, user: str, asked: Asked) -> list[Any]:
    products = asked.products or ()
    values = {"user": user, "all": asked.products is None, "products": [it for it in products if it is not None],
              "unknown": None in products, "limit": 5}  # fmt: skip
    cursor = stage.connection.cursor(row_factory=dict_row)
    return cursor.execute(LISTED, values).fetchall()


def check(stage: Stage, user: str, asked: Asked, *, base: bool = False) -> Any:
    """Check every panel against the oracle, and return the answer."""
    given, _, _ = ask(stage, user, asked, base=base)
    knows = oracle(stage, user)
    assert [*given] == [panel.name for panel in HOME.panels]
    for panel in HOME.panels:
        if panel.of == "user":
            wanted: Any = {"plan": "free", "cents": 5} if user == "Bob" else {"plan": None, "cents": None}
        elif panel.kind == "list":
            wanted = listed(stage, user, asked)
        else:
            wanted = knows.panel(panel, asked)
        assert given[panel.name] == wanted, (panel.name, asked)
    return given


def questions(today: date) -> list[Asked]:
    month = today - timedelta(29)
    return [
        Asked(month, today),
        Asked(month, today, "week", products=(1, 8)),
        Asked(today - timedelta(90), today - timedelta(3), "month", products=(None,), order="-buyers", limit=2),
        Asked(date(2025, 10, 28), date(2026, 1, 31), "quarter", order="product"),
        Asked(date(2025, 10, 28), date(2026, 1, 31), "year", products=(2, None, 77), order="-product", limit=100),
        Asked(today + timedelta(400), today + timedelta(402), order="country"),
        Asked(today, today, products=(77,), order="value"),
    ]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("base", [False, True], ids=["tiers", "base"])
def test_every_panel_is_exact_also_with_stale_days(stage: Stage, number: int, base: bool) -> None:
    asked = questions(date.today())[number]
    for user in USERS:
        check(stage, user, asked, base=base)
    stage.execute(CHANGES)
    for user in USERS:
        check(stage, user, asked, base=base)


def test_an_unknown_user_has_no_answer(stage: Stage) -> None:
    assert ask(stage, "nobody", questions(date.today())[0])[0] is None


def test_what_cannot_be_answered_is_refused(stage: Stage) -> None:
    asked = questions(date.today())[0]
    bad = {
        "from": (replace(asked, first=asked.last + timedelta(1)), "is after"),
        "granularity": (replace(asked, granularity="total"), "no granularity"),
        "order": (replace(asked, order="-nothing"), "ordered by"),
        "limit": (replace(asked, limit=1001), "between 1 and 1000"),
    }
    for parameter, (question, words) in bad.items():
        with refused(parameter, words), stage.connection.transaction():
            ask(stage, "Bob", question)
