"""What operators and the audit do with a declared view: by the name that the project declares, whatever is renamed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term, try_to_lead
from refresher.refreshing.refresh import refresh
from refresher.watch.audit import Audit
from refresher.watch.audit_sample import count_users, next_user
from tests.fix_postgres import Server
from tests.migrations.project_stage import DECLARED, Project, project
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import load_application
from views_sql.voice.catalog import CATALOG
from web.operators.seals import tables_with_rows_of

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

    def seal(self, name: str) -> str:
        """Do what the leader does once it is asked to seal."""
        drain_once(self.project.c, self.term)
        return refresh(self.project.c, self.catalog.view(name), ("archive",), self.term.epoch).outcome


@pytest.fixture
def shop(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with project(embedded_server, tmp_path_factory.mktemp("shop")) as made:
        made.run("plan", "--write")
        made.run("migrate")
        made.c.execute(FILL.encode())
        term = try_to_lead(made.c)
        assert term is not None
        stage = Shop(made, term, load_application(made.c, CATALOG))
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
    assert shop.seal("orders_1") == "refreshed"
    done = json.loads(shop.project.run("seal", "orders", "--before", str(before), "--no-wait", "--json"))
    assert done["sealed"]
    assert "are no longer sealed" in shop.project.run("unseal", "orders")


def test_a_sealed_day_that_differs_from_its_rows_stays_sealed(shop: Shop) -> None:
    c = shop.project.c
    [(before,)] = shop.project.rows("SELECT current_date - 90")
    shop.project.run("seal", "orders", "--before", str(before), "--no-wait")
    shop.seal("orders_1")
    c.execute('DELETE FROM "Shop"."Order" WHERE "createdAt" < %s - interval \'10 days\'', (before,))
    drain_once(c, shop.term)
    assert "differ from their rows" in shop.project.run("unseal", "orders", ends=1)


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
    for view in ("orders_1", "orders_1_buyers_values"):
        project.run("seal", view, "--before", str(before), "--no-wait")
        shop.seal(view)
    c.execute('DELETE FROM "Shop"."Order" WHERE "createdAt" < %s - interval \'2 days\'', (before,))
    drain_once(c, shop.term)

    assert "run frontview unseal first" in project.run("migrate", ends=1)

    assert project.rows("SELECT number FROM frontview.declaration WHERE active") == [(1,)]
    assert project.rows(totals) == counted
    for path in sorted((project.folder / "revisions").glob("*.py"))[5:]:
        path.unlink()
    assert "Days of orders_1_buyers_values, orders_1 are sealed" in project.run("plan", "--write", ends=1)
