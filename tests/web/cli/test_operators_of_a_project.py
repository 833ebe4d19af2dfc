"""What operators and the audit do with a declared view: by the name that the project declares, whatever is renamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from refresher.watch.audit import Audit
from refresher.watch.audit_sample import count_users, next_user
from tests.fix_postgres import Server
from tests.leading import lead
from tests.migrations.project_stage import DECLARED, Project, project
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import load_application
from web.operators.seals import tables_with_rows_of

ORDERS = ("orders_1", "orders_1_buyers_values")
FILL = """
INSERT INTO "Shop"."User" (id) VALUES (1), (2);
INSERT INTO "Shop"."Order" ("customerId", "createdAt", country, total, email)
SELECT 1 + n % 2, now() - n * interval '1 day', 'DE', n, n || '@example.org' FROM generate_series(0, 299) n;
"""
RENAME = """
ALTER TABLE "Shop"."Order" RENAME COLUMN "customerId" TO "buyerId";
ALTER TABLE "Shop"."Order" RENAME COLUMN "createdAt" TO "orderedAt";
"""


@dataclass
class Shop:
    """A project with populated views, whose leader acts when the test says so."""

    project: Project
    term: Term
    catalog: Catalog

    def refresh(self, name: str) -> str:
        drain_once(self.project.c, self.term)
        view = self.catalog.view(name)
        [(horizon,)] = self.project.rows("SELECT current_date - 45")
        return refresh(self.project.c, view, view.tiers, self.term.epoch, horizon=horizon).outcome

    def seal(self, *names: str) -> list[str]:
        """Do what the leader does once it is asked to seal."""
        drain_once(self.project.c, self.term)
        views = [self.catalog.view(name) for name in names or ORDERS]
        return [refresh(self.project.c, view, ("archive",), self.term.epoch).outcome for view in views]

    def sealed_before(self) -> set[str]:
        """Return the first unsealed day of each view of the orders."""
        rows = "SELECT first_day::text FROM frontview.view_state WHERE tier = 'archive' AND view = ANY (%s)"
        return {day for (day,) in self.project.rows(rows, list(ORDERS))}

    def totals(self, first: object, before: object) -> list[object]:
        """Return the figures of user 1 from ``first`` up to ``before``, as tiers and as base rows have them."""
        drain_once(self.project.c, self.term)
        call = "SELECT body::jsonb -> 'totals' FROM frontview.orders_1_read('1', %s, %s, 'day'{}, %s)"
        query = call.format(", NULL" * 8)
        return [self.project.rows(query, first, before, base)[0][0] for base in (False, True)]


@pytest.fixture
def shop(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with project(embedded_server, tmp_path_factory.mktemp("shop")) as made:
        made.run("plan", "--write")
        made.run("migrate")
        made.c.execute(FILL.encode())
        term = lead(made.c)
        stage = Shop(made, term, load_application(made.c))
        for view in stage.catalog.views:
            assert stage.refresh(view.name) == "populated"
        yield stage


def test_the_audit_goes_on_after_the_user_column_was_renamed(shop: Shop) -> None:
    c, view = shop.project.c, shop.catalog.view("orders_1")
    c.execute(RENAME.encode())
    drain_once(c, shop.term)
    assert count_users(c, view) == 2
    assert [next_user(c, view, after) for after in (None, "1", "2")] == ["1", "2", None]
    audit = Audit((view,))
    visits = [audit.visit_next(c) for _ in range(6)]
    assert all(visit is not None and visit.compared is not None for visit in visits)
    assert sum(visit.compared.differences for visit in visits if visit and visit.compared) == 0
    assert shop.project.rows("SELECT count(*) FROM frontview.alarm WHERE kind = 'audit_failing'") == [(0,)]
    assert "Shop.Order" in tables_with_rows_of(c, "1")


def test_days_are_sealed_compared_and_unsealed_by_the_declared_name_after_renames(shop: Shop) -> None:
    c = shop.project.c
    c.execute(RENAME.encode())
    [(before,)] = shop.project.rows("SELECT current_date - 90")
    asked = json.loads(shop.project.run("seal", "orders", "--before", str(before), "--no-wait", "--json"))
    assert (asked["view"], asked["sealing_before"]) == ("orders_1", str(before))
    c.execute('UPDATE "Shop"."Order" SET total = total + 1 WHERE id = 299')
    assert shop.seal() == ["refreshed", "refreshed"]
    done = json.loads(shop.project.run("seal", "orders", "--before", str(before), "--no-wait", "--json"))
    assert done["sealed"]
    assert "are no longer sealed" in shop.project.run("unseal", "orders")


def test_a_sealed_day_that_differs_from_its_rows_stays_sealed(shop: Shop) -> None:
    c = shop.project.c
    [(before,)] = shop.project.rows("SELECT current_date - 90")
    shop.project.run("seal", "orders", "--before", str(before), "--no-wait")
    shop.seal()
    c.execute('DELETE FROM "Shop"."Order" WHERE "createdAt" < %s - interval \'10 days\'', (before,))
    drain_once(c, shop.term)
    assert "differ from their rows" in shop.project.run("unseal", "orders", ends=1)


@pytest.mark.parametrize("name", ["orders", *ORDERS])
def test_a_view_and_the_hidden_one_of_its_distinct_measure_are_sealed_unsealed_and_erased_together(
    shop: Shop, name: str
) -> None:
    c = shop.project.c
    [(before, first)] = shop.project.rows("SELECT current_date - 90, current_date - 310")
    counted = shop.totals(first, before)
    assert counted[0] == counted[1]
    assert counted[0]["buyers"] > 100  # type: ignore[index]
    shop.project.run("seal", name, "--before", str(before), "--no-wait")
    shop.seal("orders_1")
    half = json.loads(shop.project.run("seal", name, "--before", str(before), "--no-wait", "--json"))
    assert (half["view"], half["sealed"], half["sealing_before"]) == ("orders_1", False, str(before))
    assert half["tables"][0]["unsealed_views"] == ["orders_1_buyers_values"]
    shop.seal("orders_1_buyers_values")
    done = shop.project.run("seal", name, "--before", str(before))
    assert f'orders_1: the days before {before} are sealed.\nThe rows of "Shop"."Order"' in done

    c.execute('DELETE FROM "Shop"."Order" WHERE "createdAt" < %s - interval \'2 days\'', (before,))

    assert shop.totals(first, before) == counted
    assert "differ from their rows" in shop.project.run("unseal", name, ends=1)
    erased = json.loads(shop.project.run("erase", "1", "--yes", "--json"))
    assert all(erased["erased"][view] > 100 for view in ORDERS)
    assert shop.totals(first, before)[0]["buyers"] < 10  # type: ignore[index]


def test_days_stay_sealed_in_both_views_where_they_differ_in_one(shop: Shop) -> None:
    """An address is counted by the hidden view alone."""
    [(middle, before, later)] = shop.project.rows("SELECT current_date - 95, current_date - 90, current_date - 60")
    shop.project.run("seal", "orders", "--before", str(before), "--no-wait")
    shop.seal()
    shop.project.c.execute('UPDATE "Shop"."Order" SET email = \'other\' WHERE id = 200')
    drain_once(shop.project.c, shop.term)

    assert "1 keys (a user and a day) differ" in shop.project.run("unseal", "orders", ends=1)
    assert shop.sealed_before() == {str(before)}

    shop.project.c.execute('UPDATE "Shop"."Order" SET email = \'199@example.org\' WHERE id = 200')
    drain_once(shop.project.c, shop.term)
    shop.project.run("seal", "orders", "--before", str(later), "--no-wait")
    shop.seal("orders_1")
    assert "are no longer sealed" in shop.project.run("unseal", "orders", "--before", str(middle))
    assert shop.sealed_before() == {str(middle)}
    assert shop.seal() == ["refreshed", "refreshed"]  # And the request that only one had followed is withdrawn.
    assert shop.sealed_before() == {str(middle)}


def test_nothing_is_requested_where_one_of_both_views_cannot_be_sealed(shop: Shop) -> None:
    [(before,)] = shop.project.rows("SELECT current_date - 60")
    shop.project.c.execute(
        "UPDATE frontview.view_state SET before_day = current_date - 80 "
        "WHERE view = 'orders_1_buyers_values' AND tier IN ('archive', 'total')"
    )
    said = shop.project.run("seal", "orders", "--before", str(before), "--no-wait", ends=1)
    assert "orders_1_buyers_values keeps the days from" in said
    assert shop.project.rows("SELECT view FROM frontview.seal") == []


def test_a_refresh_is_asked_for_by_the_declared_name(shop: Shop) -> None:
    task = json.loads(shop.project.run("refresh", "orders", "--json"))
    assert task["argument"] == {"view": "orders_1"}
    assert "no view 'nothing'" in shop.project.run("refresh", "nothing", ends=2)


def test_a_declaration_that_would_lose_sealed_days_never_answers(shop: Shop) -> None:
    """Whether it was written before the days were sealed, or would be after."""
    project, c = shop.project, shop.project.c
    [(before, first)] = project.rows("SELECT current_date - 90, current_date - 310")
    call = f"frontview.orders_1_read(1, '{first}', '{before}', 'day'{', NULL' * 8}, FALSE)"
    totals = f"SELECT body::json ->> 'totals' FROM {call}"
    counted = project.rows(totals)
    project.declare(DECLARED.replace('orders = "count"', 'orders = "count"\nlargest = { max = "total" }'))
    project.run("plan", "--write")
    project.run("seal", "orders", "--before", str(before), "--no-wait")
    shop.seal()
    c.execute('DELETE FROM "Shop"."Order" WHERE "createdAt" < %s - interval \'2 days\'', (before,))
    drain_once(c, shop.term)

    assert "run frontview unseal first" in project.run("migrate", ends=1)

    assert project.rows("SELECT number FROM frontview.declaration WHERE active") == [(1,)]
    assert project.rows(totals) == counted
    for path in sorted((project.folder / "revisions").glob("*.py"))[5:]:
        path.unlink()
    assert "Days of orders_1 are sealed" in project.run("plan", "--write", ends=1)
