"""Dashboards, lists, labels and facts made by hand, as the proof makes them, over the views of :mod:`shapes`."""

from dataclasses import replace

from tests.views_sql.generation.shapes import APPLICATION, CUSTOMERS, EVENTS, ORDER, ORDERS, VISITS
from views_sql.declaration.proven import (
    Formula,
    MeasureOf,
    ProvenDashboard,
    ProvenFacts,
    ProvenLabel,
    ProvenList,
    ProvenOrder,
    ProvenPanel,
    ProvenSource,
    ProvenTable,
    RowColumn,
    ShownMeasure,
    Watched,
)

TABLES = """
CREATE TABLE "Shop"."Product" (id integer PRIMARY KEY, "ownerId" varchar(40), name text, active boolean);
CREATE INDEX product_owner ON "Shop"."Product" ("ownerId");
INSERT INTO "Shop"."Product" SELECT 1, "userId", 'Çay "1"', TRUE FROM "Shop"."User" WHERE "userId" = 'Bob';
INSERT INTO "Shop"."Product" SELECT n, "userId", CASE WHEN n < 9 THEN 'p' || n END, n % 2 = 0
FROM "Shop"."User", generate_series(7, 9) n WHERE "userId" = 'Bob';
INSERT INTO "Shop"."Product" SELECT 2, "userId", 'of ann', FALSE FROM "Shop"."User" WHERE "userId" LIKE 'ann%';
ALTER TABLE "Shop"."User" ADD plan text, ADD cents bigint;
UPDATE "Shop"."User" SET plan = 'free', cents = 5 WHERE "userId" = 'Bob';
CREATE INDEX order_user_newest ON "Shop"."Order" ("customerId", "createdAt", id);
"""
PRODUCT = ProvenLabel(
    "product",
    ProvenSource(
        "product", ProvenTable("Shop", "Product", "plain"), "ownerId", None, None, None, "UTC",
        (Watched("id"), Watched("name"), Watched("active")),
    ),
    'SELECT p.id AS label_key, p."ownerId" AS user_key, p.name AS l_name, p.active AS l_active FROM "Shop"."Product" p',
    (RowColumn("name", "text", nullable=True), RowColumn("active", "boolean", nullable=True)),
    "integer",
    all=True,
)  # fmt: skip
FACTS = ProvenFacts(
    ProvenSource(
        "facts", ProvenTable("Shop", "User", "plain"), "userId", None, None, None, "UTC",
        (Watched("plan"), Watched("cents")),
    ),
    'SELECT u."userId" AS user_key, u.plan AS f_plan, u.cents AS f_cents FROM "Shop"."User" u',
    (RowColumn("plan", "text", nullable=True), RowColumn("cents", "bigint", nullable=True)),
)  # fmt: skip
LATEST = ProvenList(
    "latest",
    ProvenSource("latest", ORDER, "customerId", None, None, None, "UTC", (Watched("id"), Watched("total"))),
    """SELECT o."customerId" AS user_key, o.id AS c_order_id, o.total AS c_total, o."createdAt" AS c_at,
        o."productId" AS d_product, o."createdAt" AS o_1, o.id AS o_2 FROM "Shop"."Order" o""",
    (
        RowColumn("c_order_id", "bigint", nullable=False),
        RowColumn("c_total", "numeric(12,2)", nullable=True),
        RowColumn("c_at", "timestamp with time zone", nullable=True),
    ),
    (
        ("order_id", "c_order_id"),
        ("at", "c_at"),
        ("product", "product.name"),
        ("total", "c_total"),
        ("active", "product.active"),
    ),
    {"product": RowColumn("d_product", "integer", nullable=True)},
    (ProvenOrder("o_1", descending=True), ProvenOrder("o_2", descending=True)),
    5,
    "default",
    600,
)


def of(view: str, measure: str, name: str | None = None) -> ShownMeasure:
    return ShownMeasure(name or measure, MeasureOf(view, measure))


CONVERSION = ShownMeasure(
    "conversion", Formula("/", MeasureOf("orders", "orders"), Formula("-", MeasureOf("visits", "visits"), "2")), 3
)
VALUE = ShownMeasure(
    "value", Formula("+", Formula("*", MeasureOf("orders", "revenue"), "1.5"), MeasureOf("orders", "p90")), 1
)
EVERY_ORDER = tuple(of("orders", it.name) for it in ORDERS.view.measures)
SUMS = (of("orders", "orders"), of("orders", "revenue"), of("orders", "basket"))
HOME = ProvenDashboard(
    "home",
    ("product",),
    (
        ProvenPanel("account", "facts", of="user"),
        ProvenPanel("glance", "compare", (*EVERY_ORDER, of("visits", "visits"), CONVERSION, VALUE),
                    compared_with="previous_period"),
        ProvenPanel("yearly", "compare", (*SUMS, of("orders", "buyers"), of("orders", "p90")),
                    compared_with="previous_year", filters=("product",)),
        ProvenPanel("sums", "periods", SUMS, periods=("today", "last_7_days", "this_month", "all_time"),
                    filters=("product",)),
        ProvenPanel("extremes", "periods", EVERY_ORDER, filters=("product",),
                    periods=("yesterday", "last_30_days", "this_week", "this_year", "all_time")),
        ProvenPanel("daily", "series", (*EVERY_ORDER, of("visits", "visits"), CONVERSION, of("events", "kinds")),
                    totals=True),
        ProvenPanel("plain", "series", SUMS, filters=("product",)),
        ProvenPanel("products", "groups", (*EVERY_ORDER, VALUE), by=("product",), sparkline=VALUE, order="-revenue",
                    limit=3, filters=("product",)),
        ProvenPanel("countries", "groups", SUMS, by=("country", "product"), filters=("product",)),
        ProvenPanel("latest", "list", listed="latest", filters=("product",)),
    ),
    400,
    "default",
    600,
)  # fmt: skip
DECLARED = replace(APPLICATION, labels=(PRODUCT,), facts=FACTS, lists=(LATEST,), dashboards=(HOME,))
__all__ = ["CUSTOMERS", "DECLARED", "EVENTS", "FACTS", "HOME", "LATEST", "PRODUCT", "TABLES", "VISITS"]
