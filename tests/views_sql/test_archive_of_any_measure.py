"""An archive whose keys had NULLs and whose measures do not subtract: extremes, numbers that are not finite."""

from datetime import timedelta
from typing import Any

import pytest

from tests.views_sql.shop_stage import TODAY, Shop, populate

OLD = TODAY - timedelta(days=100)
PLACE = "SELECT 'frontview.channels_1_archive'::regclass::oid, 'frontview.orders_1_archive'::regclass::oid"

SET_AMOUNT = "UPDATE shop.orders SET amount_cents = %s WHERE customer = %s AND order_day = %s"


def compact(shop: Shop) -> None:
    """Compact the archives of the views of orders, although they are so small that a rebuild would be cheaper."""
    before = shop.execute(PLACE).fetchone()
    shop.execute("UPDATE frontview.view_state SET rebuild_ms = NULL")
    shop.drain()
    for name in ("channels_1", "orders_1"):
        view = shop.catalog.view(name)
        assert shop.refresh(view) == "refreshed"
        shop.check_tiers(view)
    assert shop.execute(PLACE).fetchone() == before, "it was rebuilt"
    shop.check_every_read()


def archived(shop: Shop, columns: str, view: str = "channels_1") -> list[tuple[Any, ...]]:
    """Return columns of the first customer's archived rows of the old day, as text."""
    query = f"SELECT {columns} FROM frontview.{view}_archive WHERE user_key = %s AND day = %s ORDER BY {columns}"
    return shop.execute(query, shop.customers[0], OLD).fetchall()


def test_a_null_in_a_key_is_neither_empty_nor_lost(shop: Shop) -> None:
    populate(shop)
    assert archived(shop, "d_channel, n_channel") == [("", False), ("", True), ("web", False)]
    shop.execute("UPDATE shop.orders SET channel = NULL WHERE channel = '' AND order_day = %s", OLD)
    shop.execute("UPDATE shop.orders SET channel = '' WHERE channel = 'web' AND order_day = %s", OLD)

    compact(shop)

    assert archived(shop, "d_channel, n_channel, m_orders") == [("", False, 1), ("", True, 2)]


def test_an_extreme_follows_the_rows_that_come_and_go(shop: Shop) -> None:
    populate(shop)
    shop.execute("UPDATE shop.orders SET channel = 'web' WHERE order_day = %s", OLD)
    compact(shop)
    assert archived(shop, "m_least_grams, m_most_grams") == [(1, 3)]
    shop.execute("DELETE FROM shop.orders WHERE order_day = %s AND amount_cents <> 2", OLD)

    compact(shop)

    assert archived(shop, "m_least_grams, m_most_grams") == [(2, 2)]


@pytest.mark.parametrize("tier", ["total", "by_day"])
def test_sums_hold_no_extremes(shop: Shop, tier: str) -> None:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    columns = [name for (name,) in shop.execute(query, f"frontview.channels_1_{tier}").fetchall()]
    assert (
        columns
        == {
            "total": ["user_key", "m_orders", "m_amount_cents", "archive_rows"],
            "by_day": ["user_key", "day", "m_orders", "m_amount_cents", "always_null"],
        }[tier]
    )


def test_a_sum_that_was_no_finite_number_is_right_once_it_is_corrected(shop: Shop) -> None:
    for customer, amount in zip(shop.customers, ("NaN", "Infinity", "-Infinity"), strict=True):
        shop.execute(
            "UPDATE shop.orders SET amount_cents = %s WHERE customer = %s AND order_day = %s", amount, customer, OLD
        )
    populate(shop)
    shop.execute("UPDATE shop.orders SET amount_cents = 5 WHERE order_day = %s", OLD)

    compact(shop)

    sums = shop.execute("SELECT DISTINCT m_amount_cents FROM frontview.orders_1_total").fetchall()
    assert sums == [(3 * 5 + 1 + 2 + 3,)]


def test_a_sum_becomes_no_finite_number_and_stays_one_of_the_customer_alone(shop: Shop) -> None:
    populate(shop)
    shop.execute(
        "UPDATE shop.orders SET amount_cents = 'NaN' WHERE customer = %s AND order_day = %s", shop.customers[0], OLD
    )

    compact(shop)

    count = "SELECT count(*) FROM frontview.orders_1_total WHERE m_amount_cents = 'NaN'"
    assert shop.execute(count).fetchone() == (1,)


def test_a_number_that_prints_otherwise_is_written_although_it_is_equal(shop: Shop) -> None:
    populate(shop)
    assert archived(shop, "m_amount_cents::text", "orders_1") == [("6",)]
    shop.execute("UPDATE shop.orders SET amount_cents = amount_cents * 1.00 WHERE order_day = %s", OLD)

    compact(shop)

    assert archived(shop, "m_amount_cents::text", "orders_1") == [("6.00",)]
