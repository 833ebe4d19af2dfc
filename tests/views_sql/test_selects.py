"""A view over a SELECT that joins tables of one user: figures equal SQL after writes to each table, in every state."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.declaration.project import read_project
from views_sql.operations.catalog import catalog_of
from views_sql.operations.installed import Installed
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

CORE = "core_0003"
TODAY = date(2026, 10, 26)  # The day after Berlin put its clocks back.
TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer (id integer PRIMARY KEY, name text, paused boolean NOT NULL DEFAULT FALSE);
CREATE TABLE shop."Order" (
    id integer PRIMARY KEY, "customerId" integer REFERENCES shop.customer (id), "createdAt" timestamptz, channel text
);
CREATE TABLE shop.item (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id integer NOT NULL, buyer integer, sold timestamptz,
    quantity integer NOT NULL, note text
);
CREATE INDEX ON shop."Order" ("customerId", "createdAt");
CREATE INDEX ON shop.item (order_id);
INSERT INTO shop.customer SELECT n FROM generate_series(1, 3) n;
"""
SELECT = """
-- one row an item of an order, for customers who are not paused
SELECT o."customerId", o."createdAt", o.channel, i.quantity, i.order_id
FROM shop."Order" o
JOIN shop.item i ON i.order_id = o.id
JOIN shop.customer c ON c.id = o."customerId" AND NOT c.paused;
"""
DECLARED = """
[user]
table = "shop.customer"
zone = "Europe/Berlin"
[view.items]
table = "shop.Order"
time = "createdAt"
select = "sql/items_v01.sql"
sources = [{item}, {{ table = "shop.customer", user = "id" }}]
locality = "asserted"
dimensions = {{ channel = "channel" }}
measures = {{ items = "count", pieces = {{ sum = "quantity" }}, orders = {{ distinct = "order_id" }} }}
[view.ever]
table = "shop.Order"
select = "sql/items_v01.sql"
sources = [{{ table = "shop.item", user = "buyer" }}, {{ table = "shop.customer", user = "id" }}]
locality = "asserted"
measures = {{ pieces = {{ sum = "quantity" }} }}
"""
ITEMS = {
    "all days": '{ table = "shop.item", user = "buyer" }',
    "its day": '{ table = "shop.item", user = "buyer", time = "sold" }',
}
ASK = (
    "SELECT body, source, patched_days FROM frontview.items_1_read(%s, %s, %s, 'day', %s, NULL, NULL, NULL, NULL, 100, "
    "FALSE, NULL, %s)"
)
EVER = "SELECT (body::json #>> '{totals,pieces}')::int FROM frontview.ever_1_read(%s, NULL, NULL, NULL, 100, FALSE, %s)"
PLAIN = """
SELECT d::date::text, c, count(x), COALESCE(sum(x.quantity), 0), count(DISTINCT x.order_id)
FROM (
    SELECT i.*, o.channel AS c, (o."createdAt" AT TIME ZONE 'Europe/Berlin')::date AS d
    FROM shop.item i, shop."Order" o
    WHERE i.order_id = o.id AND o."customerId" = %s
    AND EXISTS (SELECT FROM shop.customer c WHERE c.id = o."customerId" AND c.paused IS FALSE)
) x WHERE d BETWEEN %s AND %s GROUP BY d, c
"""
PLAIN_EVER = """
SELECT COALESCE(sum(i.quantity), 0)::int FROM shop.item i JOIN shop."Order" o ON o.id = i.order_id
WHERE o."customerId" = %s AND (SELECT NOT paused FROM shop.customer WHERE id = o."customerId")
"""


@dataclass
class Shop:
    """An installed shop with random writers, each of which touches one table in a way that the SELECT shows."""

    c: psycopg.Connection[Any]
    term: Term
    installed: Installed
    views: tuple[MaintainedView, ...]
    chance: Random

    def run(self, statement: str, *values: object) -> None:
        self.c.execute(statement.encode(), values)

    def user(self) -> int:
        return self.chance.randint(1, 3)

    def order(self) -> None:
        back = timedelta(hours=self.chance.randint(0, 24 * 40), minutes=self.chance.randint(0, 59))
        self.run(
            'INSERT INTO shop."Order" SELECT COALESCE(max(id), 0) + 1, %s, %s::timestamptz - %s, %s FROM shop."Order"',
            self.user(), "2026-10-26 12:00+01", back, self.chance.choice(("web", "shop", None)),
        )  # fmt: skip

    def item(self) -> None:
        self.run(
            'INSERT INTO shop.item (order_id, buyer, sold, quantity) SELECT id, "customerId", "createdAt", %s '
            'FROM shop."Order" ORDER BY random() LIMIT 3',
            self.chance.randint(1, 9),
        )

    def one(self) -> None:
        """Write once to some table."""
        any_item = "(SELECT id FROM shop.item ORDER BY random() LIMIT 1)"
        any_order = '(SELECT id FROM shop."Order" ORDER BY random() LIMIT 1)'
        self.chance.choice(
            (
                self.order,
                self.item,
                lambda: self.run(f"UPDATE shop.item SET quantity = quantity + 1 WHERE id = {any_item}"),
                lambda: self.run(f"UPDATE shop.item SET note = 'x' WHERE id = {any_item}"),
                lambda: self.run(f"DELETE FROM shop.item WHERE id = {any_item}"),
                lambda: self.run(f"UPDATE shop.\"Order\" SET channel = 'phone' WHERE id = {any_order}"),
                lambda: self.run("UPDATE shop.customer SET paused = NOT paused WHERE id = %s", self.user()),
                self.move_an_order,
            )
        )()

    def move_an_order(self) -> None:
        """Give an order another user and another day, and its items with it, in one transaction."""
        with self.c.transaction():
            self.run(
                'UPDATE shop."Order" SET "customerId" = %s, "createdAt" = "createdAt" - %s '
                'WHERE id = (SELECT id FROM shop."Order" ORDER BY random() LIMIT 1)',
                self.user(), timedelta(hours=self.chance.randint(0, 50)),
            )  # fmt: skip
            self.run(
                'UPDATE shop.item i SET buyer = o."customerId", sold = o."createdAt" FROM shop."Order" o '
                'WHERE o.id = i.order_id AND (i.buyer, i.sold) IS DISTINCT FROM (o."customerId", o."createdAt")'
            )

    def compare(self) -> str:
        """Compare an answer with plain SQL in one snapshot; return where it came from."""
        first = TODAY - timedelta(days=self.chance.randint(0, 60))
        user, base = self.user(), self.chance.random() < 0.1
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        [answer] = self.c.execute(ASK, (user, first, TODAY, ["channel"], base)).fetchall()
        wanted = {(row[0], row[1]): row[2:] for row in self.c.execute(PLAIN, (user, first, TODAY)).fetchall()}
        ever = self.c.execute(EVER, (user, base)).fetchone(), self.c.execute(PLAIN_EVER, (user,)).fetchone()
        self.run("COMMIT")
        rows = json.loads(answer[0], parse_float=Decimal)["rows"]
        given = {(row["period"], row["channel"]): (row["items"], row["pieces"], row["orders"]) for row in rows}
        assert given == wanted
        assert ever[0] == ever[1]
        return f"{answer[1]}, patched" if answer[2] else str(answer[1])

    def refresh(self) -> None:
        for view in self.views:
            horizon = TODAY - timedelta(days=self.chance.randint(5, 35)) if view.day_column else None
            assert not refresh(self.c, view, view.tiers, self.term.epoch, horizon=horizon).outcome.startswith("failed")


@pytest.fixture(params=["all days", pytest.param("its day", marks=pytest.mark.proof)])
def shop(request: pytest.FixtureRequest, any_server: Server, tmp_path: Path) -> Iterator[Shop]:
    url = any_server.create_prepared("core for integer keys", lambda url: migrate(url, "core@head"), None)
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "items_v01.sql").write_text(SELECT)
    (tmp_path / "frontview.toml").write_text(DECLARED.format(item=ITEMS[request.param]))
    with psycopg.connect(url, autocommit=True) as c:
        c.execute(TABLES.encode())
        declared = read_project(tmp_path)
        verdict = judge(c, declared)
        assert verdict.proven is not None, verdict.faults
        planned = plan(declared, verdict.proven, None, CORE)
        for step in steps(planned):
            with c.transaction():
                for statement in step.upgrade:
                    c.execute(statement.encode())
        term = lead(c)
        yield Shop(c, term, planned.new, catalog_of(planned.new).views, Random(request.param))
        for step in reversed(steps(planned)):
            for statement in step.downgrade:
                c.execute(statement.encode())
        assert c.execute(
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgname ~ 'frontview'"
        ).fetchone() == (0,)
    any_server.drop(url)


def test_figures_equal_sql_after_writes_to_each_table(shop: Shop) -> None:
    seen = set()
    for _ in range(30):
        shop.order()
        shop.item()
    for turn in range(100):
        shop.one()
        seen.add(shop.compare())
        if turn % 3:
            drain_once(shop.c, shop.term)
            seen.add(shop.compare())
        if turn % 10 == 5:
            shop.refresh()
            seen.add(shop.compare())
    assert seen >= {"database", "materialized_view", "materialized_view, patched"}
