"""Calls dashboards as the read path does, for one user, on one warm connection.

Invariant: the statement is the one of :mod:`web.reads.exact_read`: prepared, in autocommit, the whole answer fetched.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.connection import Connection
from views_sql.voice.catalog import CATALOG
from web.reads.exact_read import ReadQuestion, statement_of

NO_ARGUMENTS: dict[str, tuple[object, ...]] = {
    "overview": (),
    "analytics": (None, None, "day", None),
    "agents": (None, None, None),
    "agent": (None, None, None),
    "performance": (None, None),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One dashboard of one user.

    :param arguments: those of :meth:`between`; None: the default parameters.
    """

    dashboard: str
    user: int
    agent_id: int | None = None
    arguments: tuple[object, ...] | None = None

    def reader(self, connection: Connection, *, base: bool = False) -> Callable[[], tuple[Any, ...]]:
        """Return a function that reads it and returns the row: body, epoch, drain_id, source, patched_days …"""
        asked = ReadQuestion(CATALOG.dashboard(self.dashboard), self.user, self.between())
        statement, values = statement_of([asked], base)

        def read() -> tuple[Any, ...]:
            row = connection.execute(statement, values, prepare=True).fetchone()
            assert row is not None
            return row[1:]

        return read

    def between(self) -> tuple[object, ...]:
        """Return the arguments of the dashboard's function between user and ``p_base``."""
        if self.arguments is not None:
            return self.arguments
        usual = NO_ARGUMENTS[self.dashboard]
        return (self.agent_id, *usual[1:]) if self.dashboard == "agent" else usual


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
