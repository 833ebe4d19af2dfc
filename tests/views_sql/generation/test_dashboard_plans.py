"""Dashboards and lists reach the indexes that they need: no read scans a large table, a list fetches what it shows."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from tests.views_sql.generation import dashboards
from tests.views_sql.generation.dashboards import DECLARED, FACTS, HOME, LATEST, PRODUCT, SUMS
from tests.views_sql.generation.shapes import SHAPES, TABLES
from tests.views_sql.generation.stage import NUMBER, maintained_views
from views_sql.declaration.proven import ProvenPanel
from views_sql.generation.dashboard import create_dashboard, create_list
from views_sql.generation.declared_view import create_declared_view, create_users
from views_sql.generation.shown_rows import Numbers, create_rows

USERS, DAYS = 100, 400
FILL = f"""
INSERT INTO "Shop"."User" SELECT g::text FROM generate_series(1, {USERS}) g;
INSERT INTO "Shop"."Order" ("customerId", "createdAt", "productId", "shipCountry", status, total, email)
SELECT u::text, now() - n * '1 day'::interval - u * '1 second'::interval, u * 100 + n % 3, 'CU', 'paid', n, n::text
FROM generate_series({DAYS}, 0, -1) n, generate_series(1, {USERS}) u;
"""
PRODUCTS = """
INSERT INTO "Shop"."Product" SELECT u * 100 + n, u::text, 'p' || n, TRUE
FROM generate_series(1, 100) u, generate_series(0, 39) n;
VACUUM ANALYZE
"""
# Only sums of all time and of these days.
SUMMED = replace(
    HOME,
    name="summed",
    panels=(
        ProvenPanel("sums", "periods", SUMS, periods=("today", "last_7_days", "all_time"), filters=("product",)),
        ProvenPanel("daily", "series", SUMS, filters=("product",)),
    ),
)
NUMBERS = Numbers({it.name: NUMBER for it in DECLARED.views}, {"product": NUMBER}, {"latest": NUMBER}, NUMBER)
READ = """
SELECT relname, COALESCE(seq_scan, 0), COALESCE(idx_tup_fetch, 0) FROM pg_stat_xact_all_tables
WHERE relname = ANY (ARRAY['Order', 'Product', 'orders_3_archive', 'orders_3_recent', 'orders_3_by_day'])
"""
CALLS = {
    "home": f"frontview.home_{NUMBER}_dashboard('7', NULL, NULL, NULL, %s::integer[], NULL, NULL, NULL, %s)",
    "summed": f"frontview.summed_{NUMBER}_dashboard('7', NULL, NULL, NULL, %s::integer[], NULL, %s)",
    "latest": f"frontview.latest_{NUMBER}_list('7', %s::integer[], NULL, NULL, %s)",
}


@pytest.fixture(scope="module")
def filled(any_server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A long history of orders in populated views, with all panels."""
    url = any_server.create(None)
    migrate(url, "core@head", user_key="text")
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(f"{TABLES}{FILL}{dashboards.TABLES}".encode())
        for statement in PRODUCTS.split(";"):
            c.execute(statement.encode())
        for name in ("orders", "visits", "events", "customers"):
            c.execute(
                b"INSERT INTO frontview.source (source, relation, user_column, events) "
                b"VALUES (%s, '\"Shop\".\"Order\"'::regclass, 'customerId', '{INSERT}')",
                (name,),
            )
        made = [
            *create_users(DECLARED, NUMBER),
            *(it for s in SHAPES for it in create_declared_view(DECLARED, s.view, NUMBER)),
        ]
        made += [it for shown in (PRODUCT, FACTS, LATEST) for it in create_rows(shown, NUMBER)]
        made += [it for board in (HOME, SUMMED) for it in create_dashboard(DECLARED, board, NUMBER, NUMBERS)]
        for statement in [*made, *create_list(DECLARED, LATEST, NUMBER, NUMBERS)]:
            c.execute(statement.encode())
        term = lead(c)
        drain_once(c, term)
        for view in (it for shape in SHAPES for it in maintained_views(shape)):
            horizon = date.today() - timedelta(40) if view.day_column else None
            assert refresh(c, view, view.tiers, term.epoch, horizon=horizon).outcome == "populated"
        yield c
    any_server.drop(url)


def read(
    c: psycopg.Connection[Any], what: str, products: list[int] | None = None, *, base: bool = False
) -> dict[str, tuple[int, int]]:
    """Return the sequential scans of and the rows fetched by index from each large table for an answer of user 7."""
    with c.transaction(force_rollback=True):
        before = {name: (scans, rows) for name, scans, rows in c.execute(READ).fetchall()}
        (body,) = c.execute(f"SELECT r.body FROM {CALLS[what]} r".encode(), (products, base)).fetchone()  # type: ignore[misc]
        assert body is not None
        after = {name: (scans, rows) for name, scans, rows in c.execute(READ).fetchall()}
    none = (0, 0)
    return {
        name: (scans - before.get(name, none)[0], rows - before.get(name, none)[1])
        for name, (scans, rows) in after.items()
    }


@pytest.mark.parametrize("what", CALLS)
@pytest.mark.parametrize("base", [False, True], ids=["tiers", "base"])
def test_no_read_scans_a_large_table(filled: psycopg.Connection[Any], what: str, base: bool) -> None:
    for products in (None, [701, 9]):
        scanned = {name for name, (scans, _) in read(filled, what, products, base=base).items() if scans}
        assert scanned == set()


def test_a_list_fetches_the_rows_that_it_shows_and_their_labels(filled: psycopg.Connection[Any]) -> None:
    fetched = read(filled, "latest")

    assert fetched["Order"] == (0, 5)
    assert fetched["Product"] == (0, 5)


def test_sums_of_all_time_fetch_no_history_and_no_base_rows(filled: psycopg.Connection[Any]) -> None:
    fetched = read(filled, "summed")

    assert fetched.get("Order", (0, 0)) == (0, 0)
    assert fetched.get("orders_3_archive", (0, 0)) == (0, 0)
    assert fetched["orders_3_by_day"][1] <= 41


def test_with_a_filter_the_users_rows_of_all_time_are_read_once(filled: psycopg.Connection[Any]) -> None:
    fetched = read(filled, "summed", [701])

    assert fetched.get("Order", (0, 0)) == (0, 0)
    assert fetched["orders_3_archive"][1] + fetched["orders_3_recent"][1] <= DAYS + 2
