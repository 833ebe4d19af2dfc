"""A help desk on Django: integer keys, times with a time zone, foreign keys that may be NULL, checked at commit."""

from tests.exactness.description import Expression, Measure
from tests.hosts.host import Host, Rename, column, measures, value, view

ZONE = "America/New_York"
USERS = tuple(str(n) for n in range(1, 36))
TABLES = ("tickets_ticket", "auth_user")
EXTERNAL = tuple(f"0000000{n}-0000-4000-8000-000000000000" for n in range(4))
FILL = (
    """
    INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
        date_joined)
    OVERRIDING SYSTEM VALUE
    SELECT key::integer, '!', FALSE, 'user ' || key, '', 'O''Neil', '', FALSE, TRUE, now()
    FROM unnest(%(users)s::text[]) key
    """,
    "INSERT INTO tickets_queue (id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Sales'), (2, 'Größe'), (9, '')",
    """
    INSERT INTO tickets_ticket (author_id, assignee_id, queue_id, subject, priority, is_spam, minutes, cost,
        external_id, extra, created_at, closed_on)
    SELECT nullif(mod(n, 7), 0), CASE WHEN mod(n, 9) > 0 THEN u.key::integer END, (ARRAY[1, 2, 9, NULL])[1 + mod(n, 4)],
        'Ticket ' || n, 1 + mod(n, 3), mod(n, 10) = 0, n * 1.5,
        CASE WHEN mod(n, 5) > 0 THEN mod(n * 31, 999) / 10.0 END,
        ('0000000' || mod(n, 4) || '-0000-4000-8000-000000000000')::uuid, '{}', now() - n * '5 hours'::interval,
        CASE WHEN mod(n, 3) > 0 THEN date '2026-02-27' + mod(n, 4) END
    FROM unnest(%(users)s::text[]) WITH ORDINALITY u (key, place),
        generate_series(1, CASE WHEN u.place < 9 THEN 700 ELSE 25 END) n
    WHERE u.key <> '35'
    """,
    """
    INSERT INTO tickets_reply (ticket_id, author_id, body, sent_at, is_public)
    SELECT t.id, 1 + mod(t.id, 30), repeat('ü', mod(t.id, 90)::integer), t.created_at + '3 hours',
        (ARRAY[TRUE, FALSE, NULL])[1 + mod(t.id, 3)]
    FROM tickets_ticket t WHERE mod(t.id, 3) > 0
    """,
)
ANY_USER = "(1 + floor(random() * 9))::integer"
ONE = "(SELECT id FROM tickets_ticket WHERE id >= random() * 6000 ORDER BY id LIMIT 1)"
WRITES = (
    f"""INSERT INTO tickets_ticket (author_id, {{user}}, subject, priority, is_spam, {{cost}}, extra, {{time}})
        VALUES (3, {ANY_USER}, '', 3, FALSE, random() * 50, '{{{{}}}}', now() - random() * '100 days'::interval)""",
    f"""INSERT INTO tickets_ticket (author_id, subject, priority, is_spam, extra, {{time}})
        VALUES ({ANY_USER}, 'nobody answers', 1, FALSE, '{{{{}}}}', now())""",
    f"""INSERT INTO tickets_reply (ticket_id, author_id, body, sent_at)
        VALUES ({ONE}, {ANY_USER}, 'It''s 100 %%', now() - random() * '60 days'::interval)""",
    f"UPDATE tickets_ticket SET {{user}} = {ANY_USER} WHERE id = {ONE}",
    f"UPDATE tickets_ticket SET {{user}} = NULL WHERE id = {ONE}",
    f"UPDATE tickets_ticket SET {{time}} = {{time}} - random() * '9 days'::interval WHERE id = {ONE}",
    f"UPDATE tickets_ticket SET {{cost}} = {{cost}} + 1 WHERE id = {ONE}",
    f"UPDATE tickets_ticket SET closed_on = '2026-03-01', is_spam = NOT is_spam WHERE id = {ONE}",
    f"UPDATE tickets_ticket SET author_id = NULL, queue_id = NULL WHERE id = {ONE}",
    "DELETE FROM tickets_reply WHERE id = (SELECT min(id) FROM tickets_reply WHERE id >= random() * 4000)",
    "UPDATE auth_user SET last_login = now() WHERE id = 3",
)


def host() -> Host:
    user, time = column("assignee_id", "integer"), column("created_at", "timestamptz")
    cost = column("cost", "numeric(12, 2)")
    paid, author, spam = value(cost), column("author_id", "integer"), column("is_spam", "boolean", "true", "false")
    return Host(
        "django",
        "user_id",
        USERS,
        {
            "assigned": view(
                TABLES,
                user,
                time,
                ZONE,
                {
                    "queue": value(column("queue_id", "bigint", "1", "2", "7", None)),
                    "priority": value(column("priority", "smallint", "1", "2", "3", "0")),
                    "closed": value(column("closed_on", "date", "2026-02-28", "2026-03-01", "2000-01-01", None)),
                    "billed": Expression(cost, "boolean", "", "(NOT $c IS NULL)", ("true", "false")),
                },
                measures(
                    Measure("tickets", "count"),
                    Measure("urgent", "count", None, value(column("priority", "smallint"), "($c > 2)")),
                    Measure("cost", "sum", paid),
                    Measure("mean", "avg", paid, decimals=3),
                    Measure("cheapest", "min", paid),
                    Measure("last_closed", "max", value(column("closed_on", "date"))),
                    Measure("authors", "distinct", value(author)),
                    Measure("customers", "distinct", value(column("external_id", "uuid")), live=True),
                    Measure("middle", "percentile", paid, live=True),
                ),
                value(spam, "($c IS FALSE)"),
            ),
            "written": view(
                TABLES,
                author,
                None,
                ZONE,
                {"spam": value(spam)},
                measures(Measure("tickets", "count"), Measure("cost", "sum", paid)),
            ),
            "replies": view(
                ("tickets_reply", "auth_user"),
                column("author_id", "integer"),
                column("sent_at", "timestamptz"),
                ZONE,
                {"public": value(column("is_public", "boolean", "true", "false", None))},
                measures(
                    Measure("replies", "count"),
                    Measure("length", "sum", value(column("body", "integer"), "char_length($c)")),
                    Measure("tickets", "distinct", value(column("ticket_id", "bigint"))),
                ),
            ),
        },
        FILL,
        {"user": user, "time": time, "cost": cost},
        WRITES,
        (
            Rename("tickets_ticket", cost, "price"),
            Rename("tickets_ticket", user, "owner_id"),
            Rename("tickets_ticket", time, "opened_at"),
        ),
    )
