"""A shop on Prisma: quoted names in mixed case, keys that are text, enums, times without a time zone."""

from tests.exactness.description import Measure
from tests.hosts.host import Host, Rename, column, measures, value, view

ZONE = "Europe/Paris"
USERS = (*(f"cmhx{n:021x}" for n in range(30)), "o'Brien; --", "ø %2F&=?", "Cmhx", "nobody bought")
PRODUCTS = ("cmhp1", "cmhp2", "cmhp '3'", None)
COUPON = 'it\'s "20 %"\t🎉'
NAMES = {
    "user": column("customerId", "text"),
    "time": column("createdAt", "timestamp"),
    "total": column("total", "numeric(12, 2)"),
}
FILL = (
    'INSERT INTO "Customer" (id, email, name, "updatedAt") '
    "SELECT id, id || '@example.org', nullif(left(id, 6), 'cmhx00'), now() FROM unnest(%(users)s::text[]) id",
    """INSERT INTO "Product" (id, name) VALUES ('cmhp1', 'Tea'), ('cmhp2', ''), ('cmhp ''3''', 'Ü')""",
    """
    INSERT INTO "Order" (id, "customerId", "productId", status, total, items, "shipCountry", gift, coupon, metadata,
        "createdAt", "paidAt")
    SELECT 'c' || md5(u.key || n), u.key, (ARRAY['cmhp1', 'cmhp2', 'cmhp ''3''', NULL])[1 + mod(n * 5 + 1, 4)],
        (enum_range(NULL::"OrderStatus"))[1 + mod(n * 7 + u.place::integer, 4)], mod(n * 137, 9999) / 100.0 - 5,
        mod(n, 4), (ARRAY['DE', 'de', 'ñu', '', NULL])[1 + mod(n, 5)], mod(n, 3) = 0,
        (ARRAY['WELCOME', %(coupon)s, NULL, repeat('x', 600), repeat('x', 600) || 'y', ''])[1 + mod(n, 6)],
        '{"a": 1}', now() - n * '7 hours 13 minutes'::interval, CASE WHEN mod(n, 2) = 0 THEN now() END
    FROM (SELECT * FROM unnest(%(users)s::text[]) WITH ORDINALITY u (key, place)) u,
        generate_series(1, CASE WHEN u.place < 9 THEN 700 ELSE 25 END) n
    WHERE u.key <> 'nobody bought'
    """,
    """INSERT INTO "Order" (id, "customerId", status, total, "createdAt") VALUES
        ('never', 'Cmhx', 'PAID', 1, 'infinity'), ('before', 'Cmhx', 'PAID', 2, '0044-03-15 BC'),
        ('first', 'Cmhx', 'PAID', 4, '0001-01-04')""",
)
ANY_USER = "(%(users)s::text[])[1 + floor(random() * 9)::integer]"
ONE = "(SELECT id FROM \"Order\" WHERE id >= 'c' || md5(random()::text) ORDER BY id LIMIT 1)"
WRITES = (
    f"""INSERT INTO "Order" (id, {{user}}, status, {{total}}, coupon, {{time}})
        VALUES ('c' || md5(random()::text), {ANY_USER}, 'PAID', random() * 100, 'WELCOME',
        now() - random() * '100 days'::interval)""",
    f"""INSERT INTO "Order" (id, {{user}}, {{total}}) VALUES ('c' || md5(random()::text), {ANY_USER}, 3)""",
    f'UPDATE "Order" SET {{user}} = {ANY_USER} WHERE id = {ONE}',
    f"UPDATE \"Order\" SET {{time}} = {{time}} + (random() - 0.5) * '9 days'::interval WHERE id = {ONE}",
    f'UPDATE "Order" SET {{total}} = {{total}} + 1 WHERE id = {ONE}',
    f"""UPDATE "Order" SET status = 'REFUNDED', "paidAt" = NULL WHERE id = {ONE}""",
    f"""UPDATE "Order" SET coupon = 'it''s', "productId" = NULL WHERE id = {ONE}""",
    f'DELETE FROM "Order" WHERE id = {ONE}',
    'UPDATE "Customer" SET "updatedAt" = now() WHERE id = (%(users)s::text[])[3]',
)


def host() -> Host:
    names = {name: column(it.name, it.type) for name, it in NAMES.items()}
    total = value(names["total"])
    sold = value(column("status", "text"), "($c::text IN ('PAID', 'SHIPPED', 'REFUNDED'))")
    product = value(column("productId", "text", *PRODUCTS))
    country = column("shipCountry", "text", "DE", "??", "ÑU", "", "FR")
    coupon = column("coupon", "text", "WELCOME", COUPON, "x" * 500, "", '\'; DROP TABLE "Order"; --', None)
    refunded = value(column("status", "text"), "($c::text = 'REFUNDED')")
    return Host(
        "prisma",
        "customer.id",
        USERS,
        {
            "orders": view(
                ('"Order"', '"Customer"'),
                names["user"],
                names["time"],
                ZONE,
                {
                    "product": product,
                    "country": value(country, "CASE WHEN $c IS NULL THEN '??' ELSE upper($c) END"),
                    "status": value(column("status", "text", "PAID", "DRAFT", "REFUNDED"), "$c", '"OrderStatus"'),
                    "gift": value(column("gift", "boolean", "true", "false")),
                    "coupon": value(coupon, "left($c, 500)"),
                },
                measures(
                    Measure("orders", "count"),
                    Measure("paid", "count", None, value(column("paidAt", "timestamp"), "(NOT $c IS NULL)")),
                    Measure("revenue", "sum", total),
                    Measure("refunds", "sum", total, refunded),
                    Measure("items", "sum", value(column("items", "integer"))),
                    Measure("basket", "avg", total),
                    Measure("smallest", "min", total),
                    Measure("biggest", "max", total),
                    Measure("products", "distinct", product),
                    Measure("p95", "percentile", total, at=0.95, live=True),
                ),
                sold,
            ),
            "lifetime": view(
                ('"Order"', '"Customer"'),
                names["user"],
                None,
                ZONE,
                {"status": value(column("status", "text", "PAID", "DRAFT"), "$c", '"OrderStatus"')},
                measures(
                    Measure("orders", "count"), Measure("revenue", "sum", total), Measure("biggest", "max", total)
                ),
            ),
        },
        tuple(it.replace("%(coupon)s", "'" + COUPON.replace("'", "''").replace("%", "%%") + "'") for it in FILL),
        names,
        WRITES,
        (
            Rename('"Order"', names["total"], "Total % net"),
            Rename('"Order"', names["user"], "buyerId"),
            Rename('"Order"', names["time"], "placedAt"),
        ),
    )
