"""Events of accounts in partitions by month, which a nightly job makes; keys that are text."""

from datetime import date

from tests.exactness.description import Expression, Measure
from tests.hosts.host import Host, Rename, column, measures, value, view

ZONE = "Asia/Kolkata"
USERS = (*(f"acct_{n:04x}" for n in range(30)), "Ünïque GmbH & Co.", "a'b", "100%", "no events")
TABLES = ("app.event", "app.account")
# Calendar months before this one, and after it, for which the job has made partitions when the test begins.
MONTHS = (-8, 0)
KINDS = ("sale", "visit", "it's", "")


def month(distance: int) -> str:
    """Return the first day of the month that lies ``distance`` months from this one."""
    number = date.today().year * 12 + date.today().month - 1 + distance
    return f"{number // 12}-{number % 12 + 1:02}-01"


def bounds(distance: int) -> str:
    return f"FROM ('{month(distance)} 00:00+00') TO ('{month(distance + 1)} 00:00+00')"


FILL = (
    f"CALL app.make_partitions('{month(MONTHS[0])}', '{month(MONTHS[1])}')",
    "INSERT INTO app.account (id, title) SELECT id, nullif(id, 'a''b') FROM unnest(%(users)s::text[]) id",
    """
    INSERT INTO app.event (id, account_id, occurred_at, kind, source, amount_cents, weight)
    SELECT 'ev_' || md5(u.key || n), u.key, now() - n * '7 hours 50 minutes'::interval,
        (ARRAY['sale', 'visit', 'it''s', ''])[1 + mod(n, 4)], (ARRAY['web', NULL, repeat('ü', 700)])[1 + mod(n, 3)],
        CASE WHEN mod(n, 5) > 0 THEN mod(n * 7919, 20000) - 300 END,
        CASE WHEN mod(n, 7) > 0 THEN mod(n, 200) * 1.125 END
    FROM unnest(%(users)s::text[]) WITH ORDINALITY u (key, place),
        generate_series(1, CASE WHEN u.place < 9 THEN 600 ELSE 25 END) n
    WHERE u.key <> 'no events'
    """,
)
ANY_USER = "(%(users)s::text[])[1 + floor(random() * 9)::integer]"
ONE = "(SELECT id FROM app.event WHERE id >= 'ev_' || md5(random()::text) ORDER BY id LIMIT 1)"
WRITES = (
    f"""INSERT INTO app.event (id, {{user}}, {{time}}, kind, source, {{amount}}, weight)
        VALUES ('ev_' || md5(random()::text), {ANY_USER}, now() - random() * '100 days'::interval, 'sale', 'web',
        random() * 900, 150)""",
    f"UPDATE app.event SET {{user}} = {ANY_USER} WHERE id = {ONE}",
    f"UPDATE app.event SET {{time}} = now() - random() * '100 days'::interval WHERE id = {ONE}",
    f"UPDATE app.event SET {{amount}} = {{amount}} + 1 WHERE id = {ONE}",
    f"UPDATE app.event SET kind = 'it''s', source = NULL, weight = NULL WHERE id = {ONE}",
    f"UPDATE app.event SET tags = ARRAY['seen'] WHERE id = {ONE}",
    f"DELETE FROM app.event WHERE id = {ONE}",
    "UPDATE app.account SET title = title || '.' WHERE id = (%(users)s::text[])[3]",
)
# A month of the job's, one that is made in place, one that comes with rows, and two that leave with theirs.
CHANGES = (
    f"CALL app.make_partitions('{month(1)}', '{month(1)}')",
    f"CREATE TABLE app.event_next PARTITION OF app.event FOR VALUES {bounds(2)}",
    "CREATE TABLE app.event_old (LIKE app.event INCLUDING ALL)",
    f"""INSERT INTO app.event_old SELECT 'old' || n, (%(users)s::text[])[1 + mod(n, 9)], '{month(-9)} 12:00+00', 'sale',
        NULL, n, NULL FROM generate_series(1, 50) n""",
    f"ALTER TABLE app.event ATTACH PARTITION app.event_old FOR VALUES {bounds(-9)}",
    f"ALTER TABLE app.event DETACH PARTITION app.event_p{month(-6)[:7].replace('-', '_')}",
    f"ALTER TABLE app.event DETACH PARTITION app.event_p{month(-5)[:7].replace('-', '_')} CONCURRENTLY",
)


def host() -> Host:
    user, time = column("account_id", "text"), column("occurred_at", "timestamptz")
    amount, weight = column("amount_cents", "bigint"), column("weight", "numeric")
    kind, source = column("kind", "text", *KINDS, "none"), column("source", "text", "web", "ü" * 500, None)
    return Host(
        "partitions",
        "sub",
        USERS,
        {
            "usage": view(
                TABLES,
                user,
                time,
                ZONE,
                {
                    "kind": value(kind, "left($c, 500)"),
                    "source": value(source, "left($c, 500)"),
                    "heavy": Expression(weight, "boolean", "", "(NOT $c <= 100)", ("true", "false", None)),
                },
                measures(
                    Measure("entries", "count"),
                    Measure("amount", "sum", value(amount)),
                    Measure("sold", "sum", value(amount), value(kind, "($c LIKE 'sale')")),
                    Measure("mean", "avg", value(amount), decimals=1),
                    Measure("least", "min", value(weight)),
                    Measure("most", "max", value(amount)),
                    Measure("sources", "distinct", value(source)),
                    Measure("p90", "percentile", value(amount), at=0.9, live=True),
                ),
            ),
            "lifetime": view(
                TABLES,
                user,
                None,
                ZONE,
                {"kind": value(kind, "left($c, 500)")},
                measures(
                    Measure("entries", "count"),
                    Measure("amount", "sum", value(amount)),
                    Measure("weight", "sum", value(weight)),
                ),
            ),
        },
        FILL,
        {"user": user, "time": time, "amount": amount},
        WRITES,
        (
            Rename("app.event", amount, "amount_minor"),
            Rename("app.event", user, "tenant"),
            Rename("app.event", time, "Occurred At"),
        ),
        CHANGES,
    )
