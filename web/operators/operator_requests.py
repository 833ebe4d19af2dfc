"""What operators ask of the running system, over HTTP or on the command line, each as one row for the leader.

Invariant: to ask twice does no harm. A second invalidation drops what is cached then, and a task that already waits is
not queued again.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any, Literal, LiteralString, NamedTuple

from psycopg.types.json import Jsonb
from pydantic import Field

from models.connection import Connection
from models.user_key import UserKey, in_order
from views_sql.generation.stored_columns import view_name
from views_sql.operations.database import active_declaration
from web.operators.system_state import read_rows

# A unique index over the argument finds tasks that already wait, and a row of an index holds at most 2,700 bytes.
USERS_A_TASK = 50
MOST_BYTES_A_TASK = 2_000  # The argument as JSON in UTF-8.
POLL_SECONDS = 0.03  # How often await_watermark looks for the drain.

TASK: LiteralString = """
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


@dataclass(frozen=True, slots=True)
class OperatorTask:
    """A task, and how it ended."""

    task_id: int
    kind: Literal["refresh", "warm"]
    argument: dict[str, Any]
    asked_by: str
    state: Literal["waiting", "running", "ended"]
    asked_at: str
    started_at: str | None
    ended_at: str | None
    outcome: Annotated[str | None, Field(description="In words; null: it has not ended.")]


class QueuedTask(NamedTuple):
    """A task in the queue; ``is_new``: False if it was waiting already."""

    task_id: int
    is_new: bool


def ask_invalidation(connection: Connection, pattern: str, asked_by: str) -> int:
    """Ask every cache to drop the entries that ``pattern`` matches; return the invalidation's id."""
    row = connection.execute("SELECT frontview.request_invalidation(%s, %s)", (pattern, asked_by)).fetchone()
    return int(row[0]) if row else 0


def await_watermark(connecting: Connecting, invalidation_id: int, seconds: float) -> str | None:
    """Return the watermark from which the invalidation holds, None if no drain has processed it in that time.

    :param connecting: opens a connection for one query, so that none is held while waiting.
    """
    until = time.monotonic() + seconds
    while True:
        with connecting() as connection:
            row = connection.execute(HOLDS_FROM, (invalidation_id,)).fetchone()
        if row is not None:
            return str(row[0])
        if time.monotonic() >= until:
            return None
        time.sleep(POLL_SECONDS)


def ask_refresh(connection: Connection, view: str, asked_by: str) -> QueuedTask:
    """Ask the leader to refresh all tiers of a view."""
    return _ask_task(connection, "refresh", {"view": view}, asked_by)


def ask_warming(
    connection: Connection, asked_by: str, *, user_ids: Sequence[UserKey] = (), most_active: int | None = None
) -> list[QueuedTask]:
    """Ask the leader to warm the caches with the answers of these users, or of the most active ones."""
    if most_active is not None:
        return [_ask_task(connection, "warm", {"most_active": most_active}, asked_by)]
    users = as_json(user_ids)
    return [_ask_task(connection, "warm", {"user_ids": part}, asked_by) for part in _parts(users)]


def as_json(user_ids: Sequence[UserKey]) -> list[UserKey]:
    """Return users as JSON values, each once and in order, so that the same users always make the same task."""
    return in_order(set(user_ids))


def _parts(users: Sequence[UserKey]) -> list[list[UserKey]]:
    """Return the users of each task; a task has as many as its row of the index can hold."""
    parts: list[list[UserKey]] = []
    room = 0
    for user in users:
        size = len(json.dumps(user, ensure_ascii=False).encode()) + 2
        if size > room or len(parts[-1]) == USERS_A_TASK:
            parts.append([])
            room = MOST_BYTES_A_TASK
        parts[-1].append(user)
        room -= size
    return parts


def _ask_task(connection: Connection, kind: str, argument: Mapping[str, Any], asked_by: str) -> QueuedTask:
    values = (kind, Jsonb(argument), asked_by)
    row = connection.execute("SELECT task_id, is_new FROM frontview.request_task(%s, %s, %s)", values).fetchone()
    return QueuedTask(*row) if row else QueuedTask(0, False)


def read_task(connection: Connection, task_id: int) -> OperatorTask | None:
    """Return a task; None: there is no task of that id, or it has been deleted since it ended."""
    found = read_rows(connection, OperatorTask, TASK, task_id)
    return found[0] if found else None


def stored_view(connection: Connection, name: str) -> str | None:
    """Return the name under which a view is stored, given that or the one that the project declares; None: no view.

    The stored name of a declared view ends in the number of the declaration that made it, and no declared view may have
    a name that is another one's with a number.
    """
    installed = active_declaration(connection)
    declared = installed.view(name) if installed else None
    known = name if declared is None else view_name(declared.proven, declared.number)
    return known if known in known_views(connection) else None


def known_views(connection: Connection) -> list[str]:
    """Return the names of all maintained views in the database."""
    return [row[0] for row in connection.execute("SELECT DISTINCT view FROM frontview.view_state ORDER BY view")]
