"""A stage for tests: a shop's tables, customers keyed by uuid or by text, and the views that it declares over them."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from tests.oracle.relations import merged_read, tiers
from views_sql.declaration.maintained_view import Catalog, MaintainedView
from views_sql.operations.bundled import make_declared
from views_sql.operations.catalog import load_application

TODAY = date(2026, 3, 10)
DECLARED = """
[user]
table = "shop.customer"
name = "name"

[view.orders]
table = "shop.orders"
user = "customer"
time = "order_day"
[view.orders.measures]
orders = "count"
amount_cents = { sum = "amount_cents" }

[view.visits]
table = "shop.visit"
user = "customer"
time = "day"
dimensions = { page = "page" }
measures = { visits = "count" }

[view.channels]
table = "shop.orders"
user = "customer"
time = "order_day"
dimensions = { channel = "channel" }
[view.channels.measures]
orders = "count"
amount_cents = { sum = "amount_cents" }
least_grams = { min = "grams" }
most_grams = { max = "grams" }

[view.summary]
table = "shop.customer"
user = "key"
measures = { points = { sum = "points" } }
"""
TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer (key {type} PRIMARY KEY, name text NOT NULL, points integer NOT NULL DEFAULT 0);
CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY, customer {type} NOT NULL, order_day date NOT NULL,
    amount_cents numeric NOT NULL, grams integer, channel text
);
CREATE TABLE shop.visit (customer {type} NOT NULL, day date NOT NULL, page integer NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE shop.visit_2025 PARTITION OF shop.visit FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.visit_2026 PARTITION OF shop.visit FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
    PARTITION BY LIST (page);
CREATE TABLE shop.visit_2026_other PARTITION OF shop.visit_2026 DEFAULT;
CREATE TABLE shop.visit_2026_home PARTITION OF shop.visit_2026 FOR VALUES IN (1);
"""
TOTAL_READABLE = """
SELECT (s.views[1]).total_readable
FROM frontview.begin_read(%s::text::frontview.user_key, %s, '-infinity', 'infinity', FALSE) s
"""


@dataclass
class Shop:
    """A shop's database, its catalog and its reads."""

    connection: psycopg.Connection[Any]
    type: str
    customers: list[Any]
    term: Term
    catalog: Catalog
    url: str = ""

    def execute(self, query: str, *values: object) -> psycopg.Cursor[Any]:
        return self.connection.execute(query, values)

    def drain(self) -> None:
        drain_once(self.connection, self.term)

    def refresh(self, view: MaintainedView, tiers: tuple[str, ...] = (), horizon: date | None = None) -> str:
        return refresh(self.connection, view, tiers or view.tiers, self.term.epoch, horizon=horizon).outcome

    def check_every_read(self) -> int:
        """Check every read against the live relation; return how many rows there were."""
        rows = 0
        for view in self.catalog.views:
            for customer in self.customers:
                difference = merged_read(self.connection, view, customer)
                assert not difference, (view.name, customer, str(difference))
                rows += difference.rows
        return rows

    def check_tiers(self, view: MaintainedView) -> None:
        """Check every tier of a view against the live relation, when no part of it is stale."""
        wrong = {name: str(difference) for name, difference in tiers(self.connection, view) if difference}
        assert wrong == {}

    def total_readable(self, view: str, customer: object) -> bool:
        return bool(self.execute(TOTAL_READABLE, str(customer), [view]).fetchone()[0])  # type: ignore[index]


@pytest.fixture(params=["uuid", "text"])
def shop(request: pytest.FixtureRequest, any_server: Server) -> Iterator[Shop]:
    kind = request.param
    customers: list[Any] = ["ann'; --", "Bob", "o'/ :ü*"] if kind == "text" else [uuid.UUID(int=n) for n in range(1, 4)]
    url = any_server.create_prepared(f"shop of {kind}", lambda url: _open_shop(url, kind, customers), None)
    with psycopg.connect(url, autocommit=True) as connection:
        term = lead(connection)
        yield Shop(connection, kind, customers, term, load_application(connection), url)
    any_server.drop(url)


def _open_shop(url: str, kind: str, customers: list[Any]) -> None:
    migrate(url, "core@head", user_key=kind)
    with psycopg.connect(url, autocommit=True) as connection, TemporaryDirectory() as folder:
        connection.execute(TABLES.format(type=kind))
        (Path(folder) / "frontview.toml").write_text(DECLARED)
        make_declared(connection, Path(folder))
        _fill(connection, customers)


def _fill(connection: psycopg.Connection[Any], customers: list[Any]) -> None:
    for customer in customers:
        connection.execute("INSERT INTO shop.customer (key, name) VALUES (%s, 'somebody')", (customer,))
        for days in (0, 1, 5, 40, 100):
            day = TODAY - timedelta(days=days)
            connection.execute(
                "INSERT INTO shop.orders (customer, order_day, amount_cents, grams, channel) "
                "SELECT %s, %s, g, g, ('{web,\"\"}'::text[])[g] FROM generate_series(1, 3) g",  # the third: NULL
                (customer, day),
            )
            connection.execute(
                "INSERT INTO shop.visit (customer, day, page) SELECT %s, %s, g FROM generate_series(1, 3) g",
                (customer, day),
            )


def populate(shop: Shop) -> None:
    shop.drain()
    for view in shop.catalog.views:
        horizon = TODAY - timedelta(days=30) if view.day_column else None
        assert shop.refresh(view, horizon=horizon) == "populated"
