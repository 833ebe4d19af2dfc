"""Declared views made by hand, as the proof makes them: tables, their proven views, and rows around odd days."""

from dataclasses import dataclass

from views_sql.declaration.proven import (
    ProvenApplication,
    ProvenMeasure,
    ProvenSource,
    ProvenTable,
    ProvenView,
    RowColumn,
)

HAVANA, NEW_YORK = "America/Havana", "America/New_York"
ORDER = ProvenTable("Shop", "Order", "plain")
LOCAL_DAY = """CASE
    WHEN o."createdAt" >= '0001-01-04 00:00:00+00' AND o."createdAt" <= '9999-12-29 00:00:00+00'
    THEN ((o."createdAt" AT TIME ZONE 'America/Havana'::text))::date END"""
VISIT_DAY = "CASE WHEN v.day >= '0001-01-02' AND v.day <= '9999-12-30' THEN v.day END"
EVENT_DAY = """CASE WHEN e."at" >= '0001-01-04 00:00:00' AND e."at" <= '9999-12-29 00:00:00'
    THEN (((e."at" AT TIME ZONE 'UTC'::text) AT TIME ZONE 'America/New_York'::text))::date END"""

TABLES = """
CREATE SCHEMA "Shop";
CREATE TYPE "Shop"."Status" AS ENUM ('paid', 'refunded', 'draft');
CREATE TABLE "Shop"."User" ("userId" varchar(40) PRIMARY KEY);
CREATE TABLE "Shop"."Order" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "customerId" varchar(40), "createdAt" timestamptz,
    "productId" integer, "shipCountry" text COLLATE "C" NOT NULL, status "Shop"."Status" NOT NULL,
    total numeric(12, 2), email text
);
CREATE INDEX order_user_time ON "Shop"."Order" ("customerId", "createdAt");
CREATE INDEX order_time ON "Shop"."Order" ("createdAt");
CREATE TABLE "Shop".visit (person text, day date, page uuid NOT NULL, seconds integer, bot boolean);
CREATE INDEX visit_user_day ON "Shop".visit (person, day);
CREATE TABLE "Shop".event (person text, "at" timestamp(3), kind text, weight bigint NOT NULL);
CREATE INDEX event_user_at ON "Shop".event (person, "at");
"""


@dataclass(frozen=True)
class Shape:
    """A declared view, and how a row of its table is logged and read without it.

    :param key: the row's user and day, of a record ``r``: what capture logs.
    :param facts: a query of one user's rows, %s, as the oracle sees them: ``day`` and what dimensions and measures are
        computed from, by column names of the row view.
    """

    view: ProvenView
    key: str
    facts: str


ORDERS = Shape(
    ProvenView(
        "orders",
        ProvenSource("orders", ORDER, "customerId", "createdAt", "timestamptz", HAVANA, "UTC", ()),
        f"""SELECT o."customerId" AS user_key, o."createdAt" AS at, {LOCAL_DAY} AS day, o."productId" AS d_product,
            o."shipCountry" AS d_country, o.status AS "d_order", o.total AS m_revenue, o.total AS m_refunds,
            (o.status = 'refunded'::"Shop"."Status") AS w_refunds, o.total AS m_basket, o.total AS m_biggest,
            o."createdAt" AS m_newest,
            o.email AS m_buyers, o.total AS m_p90
            FROM "Shop"."Order" o WHERE (o.status IS DISTINCT FROM 'draft'::"Shop"."Status");""",
        {
            "product": RowColumn("d_product", "integer", nullable=True),
            "country": RowColumn("d_country", "text", nullable=False),
            "order": RowColumn("d_order", '"Shop"."Status"', nullable=True),
        },
        (
            RowColumn("d_product", "integer", nullable=True),
            RowColumn("d_country", "text", nullable=False),
            RowColumn("d_order", '"Shop"."Status"', nullable=True),
            RowColumn("m_revenue", "numeric(12,2)", nullable=True),
            RowColumn("m_refunds", "numeric(12,2)", nullable=True),
            RowColumn("w_refunds", "boolean", nullable=False),
            RowColumn("m_basket", "numeric(12,2)", nullable=True),
            RowColumn("m_biggest", "numeric(12,2)", nullable=True),
            RowColumn("m_newest", "timestamp with time zone", nullable=True),
            RowColumn("m_buyers", "text", nullable=True),
            RowColumn("m_p90", "numeric(12,2)", nullable=True),
        ),
        (
            ProvenMeasure("orders", "count", None, None, "bigint"),
            ProvenMeasure("revenue", "sum", "m_revenue", None, "numeric"),
            ProvenMeasure("refunds", "sum", "m_refunds", "w_refunds", "numeric"),
            ProvenMeasure("basket", "avg", "m_basket", None, "numeric", decimals=3),
            ProvenMeasure("biggest", "max", "m_biggest", None, "numeric(12,2)"),
            ProvenMeasure("newest", "max", "m_newest", None, "timestamp with time zone"),
            ProvenMeasure("buyers", "distinct", "m_buyers", None, "text"),
            ProvenMeasure("p90", "percentile", "m_p90", None, "numeric(12,2)", at=0.9, live=True),
            ProvenMeasure("live_refunds", "sum", "m_refunds", "w_refunds", "numeric", live=True),
        ),
        400,
        "default",
        600,
    ),
    f"""r."customerId", ({LOCAL_DAY.replace("o.", "r.")})""",
    """SELECT ("createdAt" AT TIME ZONE 'America/Havana')::date AS day, "productId" AS d_product,
    "shipCountry" AS d_country, status::text AS d_order, total AS m_revenue, total AS m_refunds,
    status = 'refunded' AS w_refunds, total AS m_basket, total AS m_biggest, email AS m_buyers, total AS m_p90,
    to_json("createdAt" AT TIME ZONE 'UTC') #>> '{}' || '+00:00' AS m_newest
    FROM "Shop"."Order" WHERE "customerId" = %s AND status IS DISTINCT FROM 'draft'
    AND "createdAt" BETWEEN '0002-01-01' AND '9999-01-01' """,
)
VISITS = Shape(
    ProvenView(
        "visits",
        ProvenSource("visits", ProvenTable("Shop", "visit", "plain"), "person", "day", "date", None, "UTC", ()),
        f"""SELECT v.person AS user_key, v.day AS at, {VISIT_DAY} AS day, v.page AS d_page, v.bot AS d_bot,
            v.seconds AS m_seconds, v.seconds AS m_mean, (v.seconds > 5) AS w_mean, v.seconds AS m_least
            FROM "Shop".visit v""",
        {
            "page": RowColumn("d_page", "uuid", nullable=False),
            "bot": RowColumn("d_bot", "boolean", nullable=True),
        },
        (
            RowColumn("d_page", "uuid", nullable=False),
            RowColumn("d_bot", "boolean", nullable=True),
            RowColumn("m_seconds", "integer", nullable=True),
            RowColumn("m_mean", "integer", nullable=True),
            RowColumn("w_mean", "boolean", nullable=True),
            RowColumn("m_least", "integer", nullable=True),
        ),
        (
            # An extreme that is declared before sums; tiers have their columns in another order.
            ProvenMeasure("least", "min", "m_least", None, "integer"),
            ProvenMeasure("visits", "count", None, None, "bigint"),
            ProvenMeasure("seconds", "sum", "m_seconds", None, "bigint"),
            ProvenMeasure("mean", "avg", "m_mean", "w_mean", "numeric"),
        ),
        400,
        "default",
        600,
    ),
    f"r.person, ({VISIT_DAY.replace('v.', 'r.')})",
    """SELECT day, page::text AS d_page, bot AS d_bot, seconds AS m_seconds, seconds AS m_mean,
    seconds > 5 AS w_mean, seconds AS m_least FROM "Shop".visit WHERE person = %s
    AND day BETWEEN '0002-01-01' AND '9999-01-01' """,
)
EVENTS = Shape(
    ProvenView(
        "events",
        ProvenSource("events", ProvenTable("Shop", "event", "plain"), "person", "at", "timestamp", NEW_YORK, "UTC", ()),
        f"""SELECT e.person AS user_key, e."at" AS at, {EVENT_DAY} AS day, e.weight AS m_heaviest, e.kind AS m_kinds,
            (e.weight > 3) AS w_kinds FROM "Shop".event e""",
        {},
        (
            RowColumn("m_heaviest", "bigint", nullable=False),
            RowColumn("m_kinds", "text", nullable=True),
            RowColumn("w_kinds", "boolean", nullable=True),
        ),
        (
            ProvenMeasure("heaviest", "max", "m_heaviest", None, "bigint"),
            ProvenMeasure("kinds", "distinct", "m_kinds", "w_kinds", "text"),
        ),
        400,
        "default",
        600,
    ),
    f"r.person, ({EVENT_DAY.replace('e.', 'r.')})",
    """SELECT ("at" AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')::date AS day, weight AS m_heaviest,
    kind AS m_kinds, weight > 3 AS w_kinds FROM "Shop".event WHERE person = %s """,
)
CUSTOMERS = Shape(
    ProvenView(
        "customers",
        ProvenSource("customers", ORDER, "customerId", None, None, None, "UTC", ()),
        """SELECT o."customerId" AS user_key, o."productId" AS d_product, o.total AS m_revenue, o.email AS m_buyers,
            o.total AS m_median FROM "Shop"."Order" o""",
        {"product": RowColumn("d_product", "integer", nullable=True)},
        (
            RowColumn("d_product", "integer", nullable=True),
            RowColumn("m_revenue", "numeric(12,2)", nullable=True),
            RowColumn("m_buyers", "text", nullable=True),
            RowColumn("m_median", "numeric(12,2)", nullable=True),
        ),
        (
            ProvenMeasure("revenue", "sum", "m_revenue", None, "numeric"),
            ProvenMeasure("buyers", "distinct", "m_buyers", None, "text"),
            ProvenMeasure("median", "percentile", "m_median", None, "numeric(12,2)", at=0.5, live=True),
        ),
        400,
        "default",
        600,
    ),
    """r."customerId", '-infinity'::date""",
    """SELECT NULL::date AS day, "productId" AS d_product, total AS m_revenue, email AS m_buyers, total AS m_median
    FROM "Shop"."Order" WHERE "customerId" = %s""",
)
SHAPES = (ORDERS, VISITS, EVENTS, CUSTOMERS)
APPLICATION = ProvenApplication(
    "text",
    "sub",
    ProvenTable("Shop", "User", "plain"),
    "userId",
    HAVANA,
    tuple(shape.view for shape in SHAPES),
)
