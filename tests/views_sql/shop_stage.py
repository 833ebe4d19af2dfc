"""A stage for tests: a shop's tables, customers keyed by uuid or by text, and the views that it declares over them."""

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from refresher.leader.drain import drain_once
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server, migrate
from tests.leading import lead
from tests.oracle.relations import merged_read, tiers
from views_sql import loader
from views_sql.declaration.maintained_view import Catalog, MaintainedView, Region, Source

TODAY = date(2026, 3, 10)
SELECTS = {
    "order_daily": """-- order_daily, version 1
        SELECT o.customer AS customer, o.order_day AS order_day, count(*) AS orders, sum(o.amount_cents) AS amount_cents
        FROM shop.orders o GROUP BY o.customer, o.order_day""",
    "visit_daily": """-- visit_daily, version 1
        SELECT v.customer, v.day, v.page, count(*) AS visits FROM shop.visit v GROUP BY v.customer, v.day, v.page""",
    # A channel may be NULL, which no key may hold: the channel or a zero of its type, and whether it was NULL.
    "channel_daily": """-- channel_daily, version 1
        SELECT
            o.customer, o.order_day AS day, COALESCE(o.channel, '') AS channel, o.channel IS NULL AS channel_unknown,
            count(*) AS orders, sum(o.amount_cents) AS amount_cents, min(o.amount_cents) AS least_cents,
            max(o.amount_cents) AS most_cents
        FROM shop.orders o
        GROUP BY o.customer, o.order_day, COALESCE(o.channel, ''), o.channel IS NULL""",
    "customer_summary": """-- customer_summary, version 1
        SELECT c.key AS customer, c.name, c.points FROM shop.customer c""",
}
CATALOG = Catalog(
    sources=(
        Source("customer", "shop.customer", user_column="key"),
        Source("orders", "shop.orders", user_column="customer", day_column="order_day"),
        Source("visit", "shop.visit", user_column="customer", day_column="day"),
    ),
    views=(
        MaintainedView(
            "order_daily",
            1,
            ("orders",),
            ("customer", "order_day"),
            ("orders", "amount_cents"),
            day_column="order_day",
        ),
        MaintainedView("visit_daily", 1, ("visit",), ("customer", "day", "page"), ("visits",)),
        MaintainedView(
            "channel_daily",
            1,
            ("orders",),
            ("customer", "day", "channel", "channel_unknown"),
            ("orders", "amount_cents"),
            extremes=("least_cents", "most_cents"),
        ),
        MaintainedView("customer_summary", 1, ("customer",), ("customer",), day_column=None),
    ),
    regions=(Region("shop", 100, 1_000_000),),
)
TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.customer (key {type} PRIMARY KEY, name text NOT NULL, points integer NOT NULL DEFAULT 0);
CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY, customer {type} NOT NULL, order_day date NOT NULL,
    amount_cents numeric NOT NULL, channel text
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
    """A shop's database and its reads."""

    connection: psycopg.Connection[Any]
    type: str
    customers: list[Any]
    term: Term
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
        for view in CATALOG.views:
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
def shop(
    request: pytest.FixtureRequest, any_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Shop]:
    _lay_selects(monkeypatch, tmp_path)
    kind = request.param
    customers: list[Any] = ["ann'; --", "Bob", "o'/ :ü*"] if kind == "text" else [uuid.UUID(int=n) for n in range(1, 4)]
    url = any_server.create_prepared(f"shop of {kind}", lambda url: _open_shop(url, kind, customers), None)
    with psycopg.connect(url, autocommit=True) as connection:
        term = lead(connection)
        yield Shop(connection, kind, customers, term, url)
    any_server.drop(url)


def _open_shop(url: str, kind: str, customers: list[Any]) -> None:
    migrate(url, "core@head", user_key=kind)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES.format(type=kind))
        _invoke_every_operation(url)
        _fill(connection, customers)


def _lay_selects(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name, select in SELECTS.items():
        (folder / f"{name}_v01.sql").write_text(select)
        monkeypatch.setitem(loader.sql_files(), f"{name}_v01", folder / f"{name}_v01.sql")


def _invoke_every_operation(url: str) -> None:
    """Do what the shop's own first revision would do."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        for source in CATALOG.sources:
            op.capture_changes(**asdict(source), template_version=1)  # type: ignore[attr-defined]
        for view in CATALOG.views:
            op.create_maintained_view(**asdict(view), template_version=1)  # type: ignore[attr-defined]
    engine.dispose()


def _fill(connection: psycopg.Connection[Any], customers: list[Any]) -> None:
    for customer in customers:
        connection.execute("INSERT INTO shop.customer (key, name) VALUES (%s, 'somebody')", (customer,))
        for days in (0, 1, 5, 40, 100):
            day = TODAY - timedelta(days=days)
            connection.execute(
                "INSERT INTO shop.orders (customer, order_day, amount_cents, channel) "
                "SELECT %s, %s, g, ('{web,\"\"}'::text[])[g] FROM generate_series(1, 3) g",  # the third: NULL
                (customer, day),
            )
            connection.execute(
                "INSERT INTO shop.visit (customer, day, page) SELECT %s, %s, g FROM generate_series(1, 3) g",
                (customer, day),
            )


def populate(shop: Shop) -> None:
    shop.drain()
    for view in CATALOG.views:
        horizon = TODAY - timedelta(days=30) if view.day_column else None
        assert shop.refresh(view, horizon=horizon) == "populated"
