"""The users of a run, with the calls that carry their tags.

Invariant: every user has one call on each day of the window that costs the user's tag, from the first moment on.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import psycopg

from tests.faults.record import encoding

AGENTS_EACH = 2
UTC_DAY = "(started_at AT TIME ZONE 'UTC')::date"  # The day of a call of these users, whatever the product makes of it.
_ADD_USERS = """
INSERT INTO users (email, name, timezone)
SELECT 'user-' || gen_random_uuid() || '@example.org', 'User ' || g, 'UTC' FROM generate_series(1, %s) AS g
RETURNING id
"""
_ADD_AGENTS = """
INSERT INTO agents (user_id, name)
SELECT u, 'Agent ' || g FROM unnest(%s::bigint[]) AS u, generate_series(1, %s) AS g
"""
_ADD_CALLS = """
INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents)
SELECT b.user_id, (SELECT min(a.id) FROM agents a WHERE a.user_id = b.user_id),
    (d.day + time '12:00') AT TIME ZONE 'UTC', 'completed', 60, b.cost_cents
FROM unnest(%s::bigint[], %s::bigint[]) AS b (user_id, cost_cents), unnest(%s::date[]) AS d (day)
"""


def add_users(connection: psycopg.Connection[Any], count: int, window: Sequence[date]) -> list[int]:
    """Add users in one transaction and return their ids, lowest first.

    Each has two agents, and on each day of the window one call, at noon UTC, which is the user's zone.
    """
    with connection.transaction():
        users = sorted(row[0] for row in connection.execute(_ADD_USERS, (count,)))
        connection.execute(_ADD_AGENTS, (users, AGENTS_EACH))
        connection.execute(_ADD_CALLS, (users, [encoding.tag(user) for user in users], list(window)))
    return users
