"""The links between worker and database: statements that are sent, reach the database later, and come back later still.

Invariant: one link keeps its order and loses nothing but itself; a statement takes its snapshot at a moment of the
schedule's choice between being sent and being answered. A notification carries nothing and only wakes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from models.user_key import INTEGER
from tests.simulation.scheduler import pause
from tests.simulation.world import World
from tests.web.reads.database_fakes import GONE, Rows

_ASKED = re.compile(r"simulated\.(\w+)\(")


class FeedLink:
    """The follower's connection, as much of it as a follower uses."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._incarnation = world.incarnation
        self._rows: list[tuple[Any, ...]] = []
        self.cut = False
        self.notified = False
        self._stop("feed: connecting")

    def execute(self, statement: str, parameters: dict[str, int | None] | None = None) -> "FeedLink":
        if parameters is not None:
            self._stop("feed: sent")
            self._rows = self._world.poll(parameters["since"])
            self._arrive("feed: answered")
        return self

    def fetchone(self) -> tuple[str]:
        """Return the type of user keys, the only thing that is asked for one row of."""
        return (INTEGER.sql_type,)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def notifies(self, timeout: float, stop_after: int) -> Iterator[None]:
        assert stop_after == 1
        due = self._world.now + timeout
        self._stop("feed: listening", lambda: self.notified or self._lost() or self._world.now >= due)
        if self.notified:
            self.notified = False
            yield

    def close(self) -> None:
        self.cut = True

    def survive_restart(self) -> None:
        """Belong to the database that came back: something in between reconnected and said nothing."""
        self._incarnation = self._world.incarnation

    def _lost(self) -> bool:
        return self.cut or self._incarnation != self._world.incarnation

    def _stop(self, place: str, ready: Any = None) -> None:
        pause(place, ready)
        if self._lost():
            raise psycopg.OperationalError("the link is cut")

    def _arrive(self, place: str) -> None:
        pause(place)  # what is on its way arrives even if the database has gone since
        if self.cut:
            raise psycopg.OperationalError("the link is cut")


class ReadLinks:
    """The worker's engine: every statement is an exact read, of one question or of several."""

    def __init__(self, world: World) -> None:
        self._world = world

    def execution_options(self, **options: str) -> "ReadLinks":
        assert options == {"isolation_level": "AUTOCOMMIT"}
        return self

    @contextmanager
    def connect(self) -> Iterator["ReadLinks"]:
        yield self

    def exec_driver_sql(self, statement: str, values: tuple[Any, ...]) -> Rows:
        incarnation = self._world.incarnation
        pause("read: sent")
        if incarnation != self._world.incarnation:
            raise GONE
        dashboards = _ASKED.findall(statement)
        users = values[:: len(values) // len(dashboards)]
        rows = [self._world.answer(user, dashboard) for user, dashboard in zip(users, dashboards, strict=True)]
        pause("read: answered")
        return Rows(rows)
