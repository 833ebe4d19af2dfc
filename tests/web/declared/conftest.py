"""A stage for tests of what an installed declaration serves: a project, installed, drained, and a worker over it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models.settings import load_settings
from refresher.leader.drain import drain_once, wake_followers
from refresher.leader.leadership import Term
from refresher.refreshing.refresh import refresh
from tests.fix_postgres import Server
from tests.leading import lead
from tests.waiting import until
from tests.web.web_fakes import SECRET, bearer
from views_sql.declaration.maintained_view import Catalog
from views_sql.operations.catalog import load_application
from web.app import create_app
from web.cli import main
from web.process.worker import Worker

TABLES = """
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('paid', 'sent', 'lost, or "late"');
CREATE TABLE shop.customer (
    id text PRIMARY KEY, first_name text, last_name text, notes text, plan text DEFAULT 'free', seen timestamptz
);
CREATE TABLE shop.country (code text PRIMARY KEY, name text, capital text);
CREATE TABLE shop."Product" (
    id smallint PRIMARY KEY, customer text NOT NULL REFERENCES shop.customer (id), "fullName" text, active boolean,
    stock integer
);
CREATE TABLE shop.purchase (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL REFERENCES shop.customer (id),
    at timestamptz NOT NULL, country text, state shop.state NOT NULL, gift boolean NOT NULL, product smallint NOT NULL,
    basket uuid NOT NULL, due date NOT NULL, rate numeric(6, 3) NOT NULL, total numeric(12, 2), cost integer
);
CREATE INDEX ON shop.purchase (customer, at);
CREATE INDEX ON shop.purchase (customer, at DESC, id DESC);
CREATE INDEX ON shop.purchase (at);
INSERT INTO shop.customer VALUES ('ann', 'Ann', 'Ångström'), ('Bob''; --', 'Bob', NULL), ('none', NULL, NULL);
INSERT INTO shop.country VALUES ('DE', 'Germany', 'Berlin'), ('ÑU, 1', 'Ñu', NULL);
INSERT INTO shop."Product" VALUES
    (-2, 'ann', 'Pen', TRUE, 3), (-1, 'ann', 'Ink', NULL, 3), (1, 'Bob''; --', 'Cup', TRUE, 1),
    (7, 'ann', 'Quill', FALSE, 0);
INSERT INTO shop.purchase (customer, at, country, state, gift, product, basket, due, rate, total, cost)
SELECT c, now() - n * '5 hours'::interval, (ARRAY['DE', 'ÑU, 1', '', NULL])[1 + n % 4],
    (enum_range(NULL::shop.state))[1 + n % 3], n % 2 = 0, n % 5 - 2, md5((n % 3)::text)::uuid,
    '2026-01-01'::date + n % 3, (n % 4) * 0.125, n, n % 7
FROM unnest(ARRAY['ann', 'Bob''; --']) c, generate_series(0, 200) n;
"""
DECLARED = """
[user]
table = "shop.customer"
name = "first_name || ' ' || last_name"
zone = "Pacific/Auckland"
facts = { plan = "plan", letters = "length(last_name)" }

[dimension.product]
label = ["shop.Product.fullName", "shop.Product.active"]
all = true

[dimension.country]
label = ["shop.country.name"]
shared = true

[view.purchases]
table = "shop.purchase"
time = "at"
longest_days = 500
region = "shop"
[view.purchases.dimensions]
country = "country"
state = "state"
gift = "gift IS TRUE"
product = "product"
basket = "basket"
due = "due"
rate = "rate"
[view.purchases.measures]
purchases = "count"
revenue = { sum = "total", unit = "currency:EUR", label = "Revenue" }
mean = { avg = "total" }
cost = { sum = "cost", hidden = true }
middle = { percentile = "total", at = 0.5, live = true }
latest_state = { max = "state" }

[view.lifetime]
table = "shop.purchase"
measures = { purchases = "count", revenue = { sum = "total" } }
dimensions = { product = "product" }

[view.week]
table = "shop.purchase"
time = "at"
longest_days = 7
measures = { purchases = "count" }

[metric.each]
formula = "purchases.revenue / purchases.purchases"
unit = "currency:EUR"
decimals = 3

[list.latest]
table = "shop.purchase"
columns = { purchase = "id", at = "at", total = "total", state = "state", product = "product.fullName" }
dimensions = { product = "product", gift = "gift IS TRUE" }
order = "at desc"
limit = 5
region = "shop"

[dashboard.home]
region = "shop"
label = "At home"
longest_days = 500
filters = ["product"]
[dashboard.home.panels]
account = { kind = "facts", of = "user" }
glance = { kind = "compare", measures = ["purchases.purchases", "each"], with = "previous_period" }
sums = { kind = "periods", periods = ["today", "last_7_days", "all_time"], measures = ["purchases.purchases", "each"] }
daily = { kind = "series", measures = ["purchases.purchases", "purchases.revenue"], totals = true }
products = { kind = "groups", by = ["product"], measures = ["purchases.revenue"], sparkline = "purchases.purchases" }
countries = { kind = "groups", by = ["country"], measures = ["purchases.purchases", "purchases.middle"], limit = 3 }
latest = { kind = "list", list = "latest" }

[dashboard.analytics]
panels = { times = { kind = "periods", periods = ["yesterday"], measures = ["week.purchases"] } }

[region.shop]
max_entries = 50
"""


@dataclass
class Site:
    """An installed project with a worker that trusts its cache, and a client of it."""

    c: psycopg.Connection[Any]
    term: Term
    catalog: Catalog
    worker: Worker
    client: FlaskClient

    def get(self, path: str, *pairs: tuple[str, str], user: str = "ann", **headers: str) -> TestResponse:
        """Return the response to a request; a path that begins with no slash is that of a view."""
        address = path if path.startswith("/") else f"/api/v1/view/{path}"
        query = urlencode(pairs)
        return self.client.get(f"{address}?{query}" if pairs else address, headers=bearer(user) | headers)

    def drain_and_follow(self) -> None:
        drain_once(self.c, self.term)
        wake_followers(self.c)
        [(drained,)] = self.rows("SELECT max(drain_id) FROM frontview.drain")
        until(lambda: (seen := self.worker.cache.applied) is not None and seen.drain_id >= drained, "the drain")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.c.execute(query.encode(), values or None).fetchall()


@pytest.fixture(scope="package")
def site(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with installed_site(embedded_server, tmp_path_factory.mktemp("project")) as made:
        yield made


@contextmanager
def installed_site(server: Server, folder: Path) -> Iterator[Site]:
    """Yield the site on a database of its own."""
    url = server.create(None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES.encode())
    install(url, folder)
    with served_site(url) as site:
        yield site
    server.drop(url)


@contextmanager
def served_site(url: str) -> Iterator[Site]:
    """Yield a site over an installed declaration, with its views populated."""
    with psycopg.connect(url, autocommit=True) as connection:
        term = lead(connection)
        drain_once(connection, term)
        catalog = load_application(connection)
        for view in catalog.views:
            assert refresh(connection, view, view.tiers, term.epoch).outcome == "populated"
        options = {"trust_seconds": 60, "warming_enabled": False, "access_log": False}
        settings = load_settings(database_url=url, jwt_secret=SECRET, rate_limit_per_second=0, **options)
        worker = Worker(settings, catalog)
        worker.ensure_started()
        until(lambda: worker.follower.status().trusted, "trust")
        try:
            yield Site(connection, term, catalog, worker, create_app(worker, settings).test_client())
        finally:
            worker.stop()


def install(url: str, folder: Path, declared: str = DECLARED) -> None:
    """Install a declaration in a database, as its author does."""
    (folder / "frontview.toml").write_text(declared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONTVIEW_DATABASE_URL", url)
        patch.chdir(folder)
        for command in (["plan", "--write"], ["migrate"]):
            result = CliRunner().invoke(main, command, catch_exceptions=False)
            assert result.exit_code == 0, result.output
