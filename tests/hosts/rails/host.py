"""A store on Rails: uuid keys, times without a time zone, rows that are deleted by a time, zones under Rails' names."""

from uuid import UUID

from tests.exactness.description import Measure
from tests.hosts.host import Host, Rename, column, measures, value, view

ZONE = "America/New_York"
USERS = tuple(str(UUID(int=n * 2**64 + 0x4000_8000_0000_0000 + n)) for n in range(1, 36))
CHANNELS = tuple(f"c0000000-0000-4000-8000-00000000000{n}" for n in range(1, 4))
TABLES = ("sales", "users")
FILL = (
    """
    INSERT INTO users (id, email, name, time_zone, created_at, updated_at)
    SELECT key::uuid, key || '@example.org', nullif('Müller', left(key, 6)),
        (ARRAY['UTC', 'Eastern Time (US & Canada)', 'Kyiv', 'Chennai'])[1 + mod(place::integer, 4)], now(), now()
    FROM unnest(%(users)s::text[]) WITH ORDINALITY u (key, place)
    """,
    """
    INSERT INTO channels (id, name, created_at, updated_at)
    SELECT ('c0000000-0000-4000-8000-00000000000' || n)::uuid, 'Channel ' || n, now(), now()
    FROM generate_series(1, 3) n
    """,
    """
    INSERT INTO sales (user_id, channel_id, state, amount_cents, tax_rate, gift, deleted_at, created_at, updated_at)
    SELECT u.key::uuid, CASE WHEN mod(n, 4) > 0
            THEN ('c0000000-0000-4000-8000-00000000000' || mod(n, 4))::uuid END,
        (ARRAY['pending', 'paid', 'it''s "odd"', ''])[1 + mod(n * 3, 4)], mod(n * 7919, 20000) - 300,
        CASE WHEN mod(n, 6) > 0 THEN mod(n, 6) * 0.125 END, (ARRAY[TRUE, FALSE, NULL])[1 + mod(n, 3)],
        CASE WHEN mod(n, 8) = 0 THEN now() - n * '4 hours'::interval END,
        now() - n * '6 hours 1 minute'::interval, now()
    FROM unnest(%(users)s::text[]) WITH ORDINALITY u (key, place),
        generate_series(1, CASE WHEN u.place < 9 THEN 700 ELSE 25 END) n
    WHERE u.place < 35
    """,
    "INSERT INTO schema_migrations VALUES ('20260105090000')",
)
ANY_USER = "(%(users)s::text[])[1 + floor(random() * 9)::integer]::uuid"
ONE = "(SELECT id FROM sales WHERE id >= gen_random_uuid() ORDER BY id LIMIT 1)"
WRITES = (
    f"""INSERT INTO sales ({{user}}, state, {{cents}}, gift, {{time}}, updated_at)
        VALUES ({ANY_USER}, 'paid', random() * 9999, random() < 0.5, now() - random() * '100 days'::interval, now())""",
    f"UPDATE sales SET {{user}} = {ANY_USER}, updated_at = now() WHERE id = {ONE}",
    f"UPDATE sales SET {{time}} = {{time}} + (random() - 0.5) * '9 days'::interval WHERE id = {ONE}",
    f"UPDATE sales SET {{cents}} = {{cents}} + 1 WHERE id = {ONE}",
    f"UPDATE sales SET deleted_at = now() - random() * '30 days'::interval, updated_at = now() WHERE id = {ONE}",
    f"UPDATE sales SET deleted_at = NULL, channel_id = NULL, gift = NULL WHERE id = {ONE}",
    f"UPDATE sales SET properties = properties || '{{{{\"seen\": true}}}}', ip = '::1' WHERE id = {ONE}",
    f"DELETE FROM sales WHERE id = {ONE}",
    "UPDATE users SET time_zone = 'Hawaii', updated_at = now() WHERE id = (%(users)s::text[])[3]::uuid",
)


def host() -> Host:
    user, time = column("user_id", "uuid"), column("created_at", "timestamp")
    cents, deleted = column("amount_cents", "integer"), column("deleted_at", "timestamp")
    channel, gift = column("channel_id", "uuid", *CHANNELS[:2], USERS[0], None), column("gift", "boolean", "true", None)
    tax = column("tax_rate", "numeric", "0.125", "0.250", "7", None)
    return Host(
        "rails",
        "sub",
        USERS,
        {
            "sales": view(
                TABLES,
                user,
                time,
                ZONE,
                {
                    "channel": value(channel),
                    "state": value(column("state", "text", "paid", 'it\'s "odd"', "", "'; --"), "left($c, 500)"),
                    "gift": value(gift),
                    "tax": value(tax),
                },
                measures(
                    Measure("sales", "count"),
                    Measure("cents", "sum", value(cents)),
                    Measure("gifts", "count", None, value(gift, "($c IS TRUE)")),
                    Measure("mean", "avg", value(cents), decimals=0),
                    Measure("least", "min", value(tax)),
                    Measure("most", "max", value(cents)),
                    Measure("channels", "distinct", value(channel)),
                    Measure("median", "percentile", value(cents), live=True),
                ),
                value(deleted, "(NOT $c IS NOT NULL)"),
            ),
            "deleted": view(
                TABLES,
                user,
                deleted,
                ZONE,
                {},
                measures(Measure("sales", "count"), Measure("cents", "sum", value(cents))),
            ),
        },
        FILL,
        {"user": user, "time": time, "cents": cents},
        WRITES,
        (Rename("sales", cents, "total_cents"), Rename("sales", user, "seller_id"), Rename("sales", time, "sold_at")),
    )
