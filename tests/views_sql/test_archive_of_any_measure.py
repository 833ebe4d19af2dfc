"""An archive whose keys had NULLs and whose measures do not subtract: extremes, numbers that are not finite."""

from datetime import timedelta
from typing import Any

import pytest

from tests.views_sql.shop_stage import CATALOG, TODAY, Shop, populate

CHANNELS, ORDERS = CATALOG.view("channel_daily"), CATALOG.view("order_daily")
OLD = TODAY - timedelta(days=100)
PLACE = "SELECT 'frontview.channel_daily_archive'::regclass::oid, 'frontview.order_daily_archive'::regclass::oid"

SET_AMOUNT = "UPDATE shop.orders SET amount_cents = %s WHERE customer = %s AND order_day = %s"


def compact(shop: Shop) -> None:
    """Compact the archives of the views of orders, although they are so small that a rebuild would be cheaper."""
    before = shop.execute(PLACE).fetchone()
    shop.execute("UPDATE frontview.view_state SET rebuild_ms = NULL")
    shop.drain()
    for view in (CHANNELS, ORDERS):
        assert shop.refresh(view) == "refreshed"
        shop.check_tiers(view)
    assert shop.execute(PLACE).fetchone() == before, "it was rebuilt"
    shop.check_every_read()


def archived(shop: Shop, columns: str, day_column: str = "day") -> list[tuple[Any, ...]]:
    """Return columns of the first customer's archived rows of the old day, as text."""
    relation = "channel_daily_archive" if day_column == "day" else "order_daily_archive"
    query = f"SELECT {columns} FROM frontview.{relation} WHERE customer = %s AND {day_column} = %s ORDER BY {columns}"
    return shop.execute(query, shop.customers[0], OLD).fetchall()


def test_a_null_in_a_key_is_neither_empty_nor_lost(shop: Shop) -> None:
    populate(shop)
    assert archived(shop, "channel, channel_unknown") == [("", False), ("", True), ("web", False)]
    shop.execute("UPDATE shop.orders SET channel = NULL WHERE channel = '' AND order_day = %s", OLD)
    shop.execute("UPDATE shop.orders SET channel = '' WHERE channel = 'web' AND order_day = %s", OLD)

    compact(shop)

    assert archived(shop, "channel, channel_unknown, orders") == [("", False, 1), ("", True, 2)]


def test_an_extreme_follows_the_rows_that_come_and_go(shop: Shop) -> None:
    populate(shop)
    shop.execute("UPDATE shop.orders SET channel = 'web' WHERE order_day = %s", OLD)
    compact(shop)
    assert archived(shop, "least_cents, most_cents") == [(1, 3)]
    shop.execute("DELETE FROM shop.orders WHERE order_day = %s AND amount_cents <> 2", OLD)

    compact(shop)

    assert archived(shop, "least_cents, most_cents") == [(2, 2)]


@pytest.mark.parametrize("tier", ["total", "by_day"])
def test_sums_hold_no_extremes(shop: Shop, tier: str) -> None:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    columns = [name for (name,) in shop.execute(query, f"frontview.channel_daily_{tier}").fetchall()]
    assert (
        columns
        == {
            "total": ["customer", "orders", "amount_cents", "archive_rows"],
            "by_day": ["customer", "day", "orders", "amount_cents", "always_null"],
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

    sums = shop.execute("SELECT DISTINCT amount_cents FROM frontview.order_daily_total").fetchall()
    assert sums == [(3 * 5 + 1 + 2 + 3,)]


def test_a_sum_becomes_no_finite_number_and_stays_one_of_the_customer_alone(shop: Shop) -> None:
    populate(shop)
    shop.execute(
        "UPDATE shop.orders SET amount_cents = 'NaN' WHERE customer = %s AND order_day = %s", shop.customers[0], OLD
    )

    compact(shop)

    count = "SELECT count(*) FROM frontview.order_daily_total WHERE amount_cents = 'NaN'"
    assert shop.execute(count).fetchone() == (1,)


def test_a_number_that_prints_otherwise_is_written_although_it_is_equal(shop: Shop) -> None:
    populate(shop)
    assert archived(shop, "amount_cents::text", "order_day") == [("6",)]
    shop.execute("UPDATE shop.orders SET amount_cents = amount_cents * 1.00 WHERE order_day = %s", OLD)

    compact(shop)

    assert archived(shop, "amount_cents::text", "order_day") == [("6.00",)]
    assert archived(shop, "least_cents::text") == [("1.00",), ("2.00",), ("3.00",)]
