"""Makes a large history of a small one: copies its rows to other days, in SQL.

A copy's days are those of the seed, some whole weeks earlier; what that takes before the first day comes back at the
end of the year. So weekdays, hours and the sizes of users stay as the seed has them, and most copied rows add a key of
their own, as further calls do. Today, which has only begun, is copied to itself.

Invariant: what depends on other rows holds: each lead has its call, on the days that it has in the seed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

from psycopg import sql

from models.connection import Connection

CAPTURE: LiteralString = r"""
SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE 'frontview\_capture\_%' AND tgenabled = 'A'
"""
SWITCH = sql.SQL("ALTER TABLE {} {} TRIGGER {}")
DAYS: LiteralString = """
CREATE TEMP TABLE copied AS
SELECT n, first + d AS day, CASE WHEN d < 364 THEN mod(d + 364 - n * (52 / %(copies)s) * 7, 364) - d ELSE 0 END AS days
FROM (
    SELECT min((started_at AT TIME ZONE timezone)::date) AS first, max((started_at AT TIME ZONE timezone)::date) AS last
    FROM public.calls JOIN public.users u ON u.id = user_id
) f,
    generate_series(1, %(copies)s - 1) n, LATERAL generate_series(0, last - first) d
"""
# By time, as calls come in.
COPIES: tuple[LiteralString, ...] = (
    """
    INSERT INTO public.calls (id, user_id, agent_id, started_at, status, duration_seconds, cost_cents)
    SELECT c.id + n * %(calls)s, c.user_id, agent_id, started_at + make_interval(days => days), status,
        duration_seconds, cost_cents
    FROM public.calls c JOIN public.users u ON u.id = c.user_id
    JOIN copied ON day = (started_at AT TIME ZONE timezone)::date ORDER BY 4
    """,
    """
    INSERT INTO public.lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage)
    SELECT l.call_id + n * %(calls)s, l.user_id, l.agent_id, l.analyzed_at + make_interval(days => days), score, stage
    FROM public.lead_analytics l JOIN public.calls c ON c.id = l.call_id JOIN public.users u ON u.id = c.user_id
    JOIN copied ON day = (c.started_at AT TIME ZONE u.timezone)::date ORDER BY 4
    """,
    """
    INSERT INTO public.agent_analytics (agent_id, user_id, day, csat_points, csat_answers, talk_seconds, transfers)
    SELECT agent_id, user_id, day + days, csat_points, csat_answers, talk_seconds, transfers
    FROM public.agent_analytics JOIN copied USING (day) ORDER BY 3
    ON CONFLICT DO NOTHING
    """,
    "SELECT setval(pg_get_serial_sequence('public.calls', 'id'), max(id)) FROM public.calls",
    "DROP TABLE copied",
)


def multiply(connection: Connection, copies: int) -> None:
    """Make ``copies`` copies of a seed's calls, leads and quality figures, the seed itself being the first.

    :param connection: without capture, in autocommit; everything there is one seed of a year.
    """
    with connection.transaction():
        connection.execute(DAYS, {"copies": copies})
        connection.execute("ANALYZE copied")
        row = connection.execute("SELECT max(id) - min(id) + 1 FROM public.calls").fetchone()
        for statement in COPIES:
            connection.execute(statement, {"calls": row[0] if row else 0})


@contextmanager
def without_capture(connection: Connection) -> Iterator[None]:
    """Let a connection write much before views have contents: without capture, and without checks of references."""
    triggers = [(sql.SQL(table), sql.Identifier(name)) for table, name in connection.execute(CAPTURE)]
    connection.execute("SET session_replication_role = replica")
    for table, name in triggers:
        connection.execute(SWITCH.format(table, sql.SQL("DISABLE"), name))
    yield
    for table, name in triggers:
        connection.execute(SWITCH.format(table, sql.SQL("ENABLE ALWAYS"), name))
    connection.execute("RESET session_replication_role")
    connection.execute("DELETE FROM frontview.capture_state")  # No view has contents that could miss what was written.
