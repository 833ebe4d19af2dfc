"""Tables as their owner made them: partitions, days in columns, and customers that are keyed by uuid or by text."""

from datetime import timedelta

import pytest

from models.errors import CatalogError
from refresher.watch.audit import Audit
from refresher.watch.coverage import check_coverage
from tests.neutral.catalog import SERVED
from tests.views_sql.shop_stage import TODAY, Shop, populate
from views_sql.declaration.maintained_view import Catalog, Dashboard, MaintainedView, Region, Source


def test_reads_are_exact_before_anything_is_populated(shop: Shop) -> None:
    assert shop.check_every_read() == 3 * (1 + 5 + 15 + 15)


def test_a_measure_that_was_no_finite_number_is_right_as_soon_as_it_is_corrected(shop: Shop) -> None:
    odd = dict(zip(shop.customers, ("NaN", "Infinity", "-Infinity"), strict=True))
    insert = "INSERT INTO shop.orders (customer, order_day, amount_cents) VALUES (%s, %s, %s)"
    for customer, amount in odd.items():
        shop.execute(insert, customer, TODAY - timedelta(days=100), amount)
    populate(shop)
    shop.check_every_read()

    shop.execute("UPDATE shop.orders SET amount_cents = 5 WHERE amount_cents = ANY (%s::numeric[])", [*odd.values()])

    assert all(shop.total_readable("orders_1", customer) for customer in odd)
    shop.check_every_read()


def test_clean_reads_come_from_the_views(shop: Shop) -> None:
    """Else all the comparisons would compare the live relation with itself."""
    populate(shop)
    customer = shop.customers[0]
    assert shop.total_readable("orders_1", customer)
    assert shop.total_readable("visits_1", customer)

    for relation in ("orders_1_recent", "orders_1_archive", "summary_1_whole"):
        count = shop.execute(f"SELECT count(*) FROM frontview.{relation} WHERE user_key = %s", customer).fetchone()
        assert count is not None
        assert count[0] > 0


def test_a_partition_made_later_is_captured_once_its_triggers_are_installed(shop: Shop) -> None:
    populate(shop)
    shop.execute(
        "CREATE TABLE shop.visit_2027 PARTITION OF shop.visit FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"
    )

    relations = shop.execute("SELECT frontview.install_triggers('visits_1')").fetchone()
    shop.execute("INSERT INTO shop.visit_2027 VALUES (%s, '2027-05-05', 1)", shop.customers[0])

    assert relations == (6,)
    shop.check_every_read()


def test_the_audit_goes_round_users_of_any_key(shop: Shop) -> None:
    populate(shop)
    view, first = shop.catalog.view("orders_1"), shop.customers[0]
    shop.execute("UPDATE shop.orders SET amount_cents = 9 WHERE customer = %s", first)
    shop.execute("DELETE FROM frontview.change_log")
    audit = Audit(shop.catalog.views)

    visits = [audit.visit_next(shop.connection) for _ in range(3 * len(shop.catalog.views))]
    audit.save(shop.connection)

    found = [(visit.view, visit.user) for visit in visits if visit and visit.compared and visit.compared.differences]
    assert sorted(found) == [("channels_1", str(first)), ("orders_1", str(first))]
    assert {visit.user for visit in visits if visit and visit.view == view.name} == {str(c) for c in shop.customers}
    shop.check_every_read()


def test_a_partition_that_nobody_captures_is_found(shop: Shop) -> None:
    check_coverage(shop.connection)
    populate(shop)
    shop.execute(
        "CREATE TABLE shop.visit_2027 PARTITION OF shop.visit FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"
    )
    shop.execute("INSERT INTO shop.visit_2027 VALUES (%s, '2027-05-05', 1)", shop.customers[0])

    check_coverage(shop.connection)

    alarms = shop.execute("SELECT kind, subject FROM frontview.alarm ORDER BY kind").fetchall()
    assert alarms == [("capture_changed", "shop.visit_2027"), ("uncaptured", "shop.visit_2027")]
    shop.check_every_read()


class TestCatalog:
    """What a declaration is made of agrees with itself, or is refused."""

    daily = Source("orders", "shop.orders", day_column="order_day")
    dayless = Source("customer", "shop.customer")
    key = ("customer", "day")

    def made(self, *views: MaintainedView, dashboards: tuple[Dashboard, ...] = ()) -> Catalog:
        return Catalog((self.daily, self.dayless), views, (Region("shop", 1, 1),), dashboards, SERVED)

    def refused(self, *views: MaintainedView, dashboards: tuple[Dashboard, ...] = ()) -> str:
        with pytest.raises(CatalogError) as caught:
            self.made(*views, dashboards=dashboards)
        return str(caught.value)

    def test_an_undeclared_source_is_refused(self) -> None:
        message = self.refused(MaintainedView("v", 1, ("nothing",), self.key, ("n",)))
        assert message == "view v: source nothing is not declared"

    def test_a_view_without_days_over_a_source_with_days_is_refused(self) -> None:
        message = self.refused(MaintainedView("v", 1, ("customer", "orders"), ("customer",), day_column=None))
        assert "its source orders changes by day" in message

    def test_a_daily_view_names_its_measures(self) -> None:
        assert "measures" in self.refused(MaintainedView("v", 1, ("orders",), self.key))

    @pytest.mark.parametrize("key", [(), ("customer",)])
    def test_the_unique_key_holds_user_and_day(self, key: tuple[str, ...]) -> None:
        assert "unique key" in self.refused(MaintainedView("v", 1, ("orders",), key, ("n",)))

    def test_a_dashboard_in_an_undeclared_region_is_refused(self) -> None:
        dashboard = Dashboard("d", "nowhere", 60, "f", (), frozenset())
        assert "region nowhere is not declared" in self.refused(dashboards=(dashboard,))

    def test_a_daily_view_may_use_a_source_without_days(self) -> None:
        view = MaintainedView("v", 1, ("orders", "customer"), self.key, ("n",))
        assert self.made(view).view("v") is view

    def test_an_unknown_view_is_named_beside_those_there_are(self) -> None:
        views = [MaintainedView(name, 1, ("orders",), self.key, ("n",)) for name in ("v", "w")]
        with pytest.raises(CatalogError, match="no view 'x'; there are v, w"):
            self.made(*views).view("x")
