"""Late changes: they keep the archives at work during a run, beside its writers, whose rows are of old days too.

In turn, all days of the archives change for a crowd of users (more keys than one chunk of a compaction has), a horizon
goes back by some days, so that the leader moves it forward again, and an operator asks for a refresh, which rebuilds.

Invariant: a fault that holds :data:`LATE_LOCK` meets none of it, and nothing of it that is still under way.
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import cycle
from typing import Any

import psycopg

from models.connection import Connection
from refresher.refreshing.refresh import refresh
from refresher.refreshing.tier_states import read_horizons
from tests.faults.load.recording import Pace
from views_sql.declaration.maintained_view import MaintainedView
from views_sql.operations.catalog import load_application

CROWD = 120  # users, which have one call on each day of the window and are read by nobody
LATE_LOCK = 0x6C617465  # of an advisory lock
A_SECOND = 0.5
BACK_DAYS = 5
TASK_SECONDS = 10.0
# A duration changes, and never a cost: no number that carries a tag.
CHANGE = """
UPDATE public.calls SET duration_seconds = duration_seconds + 1
WHERE user_id = ANY (%s)
    AND started_at < (SELECT max(v.first_day) FROM frontview.view_state v)::timestamp AT TIME ZONE 'UTC'
"""
EPOCH = "SELECT max(epoch) FROM frontview.drain WHERE drain_id = (SELECT max(drain_id) FROM frontview.drain)"
REQUEST = "SELECT task_id FROM frontview.request_task('refresh', jsonb_build_object('view', %s::text), 'load')"
WAITING = "SELECT count(*) FROM frontview.operator_task WHERE task_id = %s AND ended_at IS NULL"


class LateChanges:
    """One connection and what is done on it.

    :param crowd: the users whose old days change.
    """

    def __init__(self, url: str, crowd: Sequence[int], seed: int) -> None:
        self._url, self._crowd, self._chance = url, list(crowd), random.Random(f"{seed} late")
        self._views: Iterator[MaintainedView] | None = None
        self._connection: Connection | None = None

    def run(self, pace: Pace) -> None:
        """Go on until told to stop, whatever becomes of single changes."""
        actions = cycle((self.change, self._move, self.change, self._rebuild))
        for _ in pace.turns(A_SECOND, self._chance):
            try:
                connection = self._connected()
                if _value(connection, "SELECT pg_try_advisory_lock(%s)", LATE_LOCK):
                    next(actions)(connection)
                    connection.execute("SELECT pg_advisory_unlock(%s)", (LATE_LOCK,))
            except psycopg.Error:  # that is what faults do
                self._hang_up()
        self._hang_up()

    def change(self, connection: Connection) -> None:
        """Change all old days of the crowd in one statement."""
        connection.execute(CHANGE, (self._crowd,))

    def _move(self, connection: Connection) -> None:
        """Move one horizon back, as another refresher's setting would; the leader moves it forward again."""
        view = self._next_view(connection)
        horizons = {horizon.view: horizon.day for horizon in read_horizons(connection)}
        if (horizon := horizons[view.name]) is not None:
            back = horizon - timedelta(days=BACK_DAYS)
            refresh(connection, view, view.tiers, _value(connection, EPOCH), horizon=back, timeout_seconds=TASK_SECONDS)

    def _rebuild(self, connection: Connection) -> None:
        task = _value(connection, REQUEST, self._next_view(connection).name)
        deadline = time.monotonic() + TASK_SECONDS
        while _value(connection, WAITING, task) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _next_view(self, connection: Connection) -> MaintainedView:
        """Return one daily view after the other, of those that the installed declaration has."""
        if self._views is None:
            self._views = cycle([view for view in load_application(connection).views if view.day_column])
        return next(self._views)

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url, autocommit=True, application_name="load-late", connect_timeout=5
            )
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _value(connection: Connection, query: str, *parameters: object) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]
