"""The bundled voice application for the tests that are about it: a test file imports the fixture.

Invariant: a file that does not import :func:`voice_application`, or have a conftest.py that does, finds a database
without one table of the voice application.
"""

from typing import Any

import psycopg
import pytest

from tests.fix_postgres import Application, migrate


def fill(connection: psycopg.Connection[Any], users: int = 5) -> None:
    """Write some users with agents, calls, leads and agents' quality."""
    connection.execute(
        "INSERT INTO users (email, name, timezone, credits_cents) SELECT 'u' || g || '@example.org', 'User ' || g, "
        "(ARRAY['UTC', 'Europe/Berlin', 'America/New_York'])[1 + g %% 3], g * 100 FROM generate_series(1, %s) g",
        (users,),
    )
    connection.execute(
        "INSERT INTO agents (user_id, name) SELECT u.id, 'Agent ' || g FROM users u, generate_series(1, 3) g"
    )
    connection.execute(
        "INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
        "SELECT a.user_id, a.id, now() - g * interval '17 hours', "
        "(ARRAY['completed', 'failed', 'no_answer', 'busy'])[1 + (g * a.id) % 4], 30 + g, 5 + g % 7 "
        "FROM agents a, generate_series(1, 120) g"
    )
    connection.execute(
        "INSERT INTO lead_analytics (call_id, user_id, agent_id, analyzed_at, score, stage) "
        "SELECT id, user_id, agent_id, started_at, id % 101, "
        "(ARRAY['new', 'engaged', 'qualified', 'converted', 'lost'])[1 + id % 5] FROM calls WHERE id % 3 = 0"
    )
    connection.execute(
        "INSERT INTO agent_analytics (agent_id, user_id, day, csat_points, csat_answers, talk_seconds, transfers) "
        "SELECT id, user_id, CURRENT_DATE - g, 9, 2, 300, 1 FROM agents, generate_series(0, 80) g"
    )


def add_call(connection: psycopg.Connection[Any], user: int, days_ago: int = 0, cost_cents: int = 1) -> None:
    """Write one call of a user's first agent."""
    connection.execute(
        "INSERT INTO calls (user_id, agent_id, started_at, status, duration_seconds, cost_cents) "
        "SELECT user_id, min(id), now() - make_interval(days => %s), 'completed', 60, %s FROM agents "
        "WHERE user_id = %s GROUP BY user_id",
        (days_ago, cost_cents, user),
    )


VOICE = Application("voice", migrate, fill, add_call)


@pytest.fixture(scope="session", name="application")
def voice_application() -> Application:
    """The bundled application, for the tests of the file or folder that imports this."""
    return VOICE
