"""Calls dashboards as the read path does, for one user, on one warm connection.

Invariant: the statement is the one of :mod:`web.reads.exact_read`: prepared, in autocommit, the whole answer fetched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.connection import Connection
from views_sql.declaration.maintained_view import Dashboard
from views_sql.operations.catalog import load_application
from web.reads.exact_read import ReadQuestion, statement_of

DASHBOARDS = ("overview", "analytics", "agents", "performance")
DAYS_OF_A_CHANGE = 3
ONE_AGENT = "agents of one agent"  # A question, not a dashboard: one with a filter.
QUESTIONS = (*DASHBOARDS[:3], ONE_AGENT, *DASHBOARDS[3:])


@dataclass(frozen=True, slots=True)
class Question:
    """One dashboard of one user.

    :param arguments: by their names; others have their defaults.
    """

    dashboard: str
    user: int
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def reader(self, connection: Connection, *, base: bool = False) -> Callable[[], tuple[Any, ...]]:
        """Return a function that reads it and returns the row: body, epoch, drain_id, source, patched_days …"""
        dashboard = load_application(connection).dashboard(self.dashboard)
        asked = ReadQuestion(dashboard, self.user, self.values(dashboard))
        statement, values = statement_of([asked], base)

        def read() -> tuple[Any, ...]:
            row = connection.execute(statement, values, prepare=True).fetchone()
            assert row is not None
            return row[1:]

        return read

    def values(self, dashboard: Dashboard) -> tuple[Any, ...]:
        """Return the arguments of the dashboard's function between user and ``p_base``."""
        given = {**dashboard.defaults, **self.arguments}
        values = (given.get(name) for name in dashboard.arguments)
        return tuple(list(it) if isinstance(it, tuple) else it for it in values)


def question_of(name: str, user: int, connection: Connection) -> Question:
    """Return a question of :data:`QUESTIONS`."""
    if name == ONE_AGENT:
        return Question("agents", user, {"agent": (an_agent_of(connection, user),)})
    return Question(name, user)


def is_today_patched(answer: tuple[Any, ...]) -> bool:
    """Return whether an answer came from views, and of its days those of a call of now were recomputed, no others.

    A change is logged under its UTC day; the days before and after it are stale too, since a user's zone may have them.
    """
    source, patched_days = answer[3:5]
    return bool(source == "materialized_view" and 1 <= patched_days <= DAYS_OF_A_CHANGE)


def an_agent_of(connection: Connection, user: int) -> int:
    """Return the first agent of a user."""
    row = connection.execute("SELECT min(id) FROM public.agents WHERE user_id = %s", (user,)).fetchone()
    assert row is not None
    return int(row[0])


def add_call(connection: Connection, user: int) -> int:
    """Insert one call that starts now, as any client would, and return its id."""
    row = connection.execute(
        "INSERT INTO public.calls (user_id, agent_id, status, duration_seconds, cost_cents) "
        "VALUES (%s, (SELECT min(id) FROM public.agents WHERE user_id = %s), 'completed', 61, 17) RETURNING id",
        (user, user),
    ).fetchone()
    assert row is not None
    return int(row[0])
