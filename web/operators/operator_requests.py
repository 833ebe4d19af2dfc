"""What operators ask of the running system, over HTTP or on the command line: one row each, taken up by the leader.

Invariant: asking twice is harmless: an invalidation drops what is there, and a task that waits is the same task.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from models.connection import Connection
from models.user_key import UserKey

# Waiting tasks are unique by their argument, and a row of that index holds 2,700 bytes.
USERS_A_TASK = 50
LOOK_SECONDS = 0.03

TASK = """
SELECT task_id, kind, argument, asked_by,
    CASE WHEN ended_at IS NOT NULL THEN 'ended' WHEN started_at IS NOT NULL THEN 'running' ELSE 'waiting' END AS state,
    to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS asked_at,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
    to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ended_at,
    outcome
FROM frontview.operator_task WHERE task_id = %s
"""
HOLDS_FROM = """
SELECT d.epoch || '-' || d.drain_id
FROM frontview.invalidation i JOIN frontview.drain d ON d.drain_id = i.drain_id WHERE i.invalidation_id = %s
"""

Connecting = Callable[[], AbstractContextManager[Connection]]


class AskedTask(NamedTuple):
    """A task that was asked for; ``is_new``: it was not waiting already."""

    task_id: int
    is_new: bool


def ask_invalidation(connection: Connection, pattern: str, asked_by: str) -> int:
    """Ask every cache to drop what ``pattern`` matches; return the invalidation's id."""
    row = connection.execute("SELECT frontview.request_invalidation(%s, %s)", (pattern, asked_by)).fetchone()
    return int(row[0]) if row else 0


def await_watermark(connecting: Connecting, invalidation_id: int, seconds: float) -> str | None:
    """Return the watermark from which the invalidation holds, None if no drain takes it up in that time.

    :param connecting: gives a connection for one look, so that none is kept while waiting.
    """
    until = time.monotonic() + seconds
    while True:
        with connecting() as connection:
            row = connection.execute(HOLDS_FROM, (invalidation_id,)).fetchone()
        if row is not None:
            return str(row[0])
        if time.monotonic() >= until:
            return None
        time.sleep(LOOK_SECONDS)


def ask_refresh(connection: Connection, view: str, asked_by: str) -> AskedTask:
    """Ask the leader to refresh all tiers of a view."""
    return _ask_task(connection, "refresh", {"view": view}, asked_by)


def ask_warming(
    connection: Connection, asked_by: str, *, user_ids: Sequence[UserKey] = (), most_active: int | None = None
) -> list[AskedTask]:
    """Ask the leader to have the answers of these users, or of the most active ones, in the caches."""
    if most_active is not None:
        return [_ask_task(connection, "warm", {"most_active": most_active}, asked_by)]
    users = as_json(user_ids)
    parts = [users[at : at + USERS_A_TASK] for at in range(0, len(users), USERS_A_TASK)]
    return [_ask_task(connection, "warm", {"user_ids": part}, asked_by) for part in parts]


def as_json(user_ids: Sequence[UserKey]) -> list[int | str]:
    """Return users as JSON can hold them, each once and in order, so that the same users make the same task."""
    return [user if isinstance(user, int) else str(user) for user in sorted(set(user_ids))]


def _ask_task(connection: Connection, kind: str, argument: Mapping[str, Any], asked_by: str) -> AskedTask:
    values = (kind, Jsonb(argument), asked_by)
    row = connection.execute("SELECT task_id, is_new FROM frontview.request_task(%s, %s, %s)", values).fetchone()
    return AskedTask(*row) if row else AskedTask(0, False)


def read_task(connection: Connection, task_id: int) -> dict[str, Any] | None:
    """Return a task and how it ended, None if there is none of that id (any more)."""
    cursor = connection.execute(TASK, (task_id,))
    row = cursor.fetchone()
    return None if row is None else dict(zip([it.name for it in cursor.description or ()], row, strict=True))


def known_views(connection: Connection) -> list[str]:
    """Return the names of all maintained views of the database."""
    return [row[0] for row in connection.execute("SELECT DISTINCT view FROM frontview.view_state ORDER BY view")]
