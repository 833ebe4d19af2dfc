"""What operators ask of the leader: takes the waiting tasks in their order, does each once, and says how it ended.

Invariant: a task that somebody began and nobody ended is begun again by the next term, and by the same one only told
as failed, so that what takes its connection down every time does so once a term.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from models.connection import Connection
from refresher.refreshing.maintenance import Maintenance

log = structlog.get_logger(__name__)

FORGET_SECONDS = 10.0
LOST = "failed: connection lost"

NEXT = """
SELECT task_id, kind, argument, asked_by FROM frontview.operator_task
WHERE ended_at IS NULL ORDER BY task_id LIMIT 1
"""
BEGIN = "UPDATE frontview.operator_task SET started_at = clock_timestamp() WHERE task_id = %s AND ended_at IS NULL"
END = """
UPDATE frontview.operator_task SET ended_at = clock_timestamp(), outcome = %s WHERE task_id = %s AND ended_at IS NULL
"""
# Of a worker that has gone, the reads of the last 15 minutes are still shown. Of refreshes, each tier's last one stays.
FORGET = (
    "DELETE FROM frontview.worker WHERE seen_at < now() - interval '16 minutes'",
    "DELETE FROM frontview.refresh_log WHERE refresh_id IN (SELECT r.refresh_id FROM frontview.refresh_log r WHERE "
    "r.started_at < now() - interval '30 days' AND EXISTS (SELECT FROM frontview.refresh_log n WHERE n.view = r.view "
    "AND n.tier = r.tier AND n.refresh_id > r.refresh_id) LIMIT 10000)",
    "DELETE FROM frontview.operator_task WHERE ended_at < now() - interval '7 days'",
    "DELETE FROM frontview.invalidation WHERE drain_id IS NOT NULL AND asked_at < now() - interval '7 days'",
    "DELETE FROM frontview.sign_in_code WHERE expires_at <= now()",
)

# Does what a task's argument asks for, in autocommit, and returns how it ended, in words.
Doer = Callable[[Connection, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Task:
    """One row of ``operator_task`` that has not ended."""

    task_id: int
    kind: str
    argument: dict[str, Any]
    asked_by: str


class OperatorTasks:
    """A job of the scheduler; runs on the session of ``maintenance``, so never beside a refresh.

    :param doers: by kind, for all kinds but ``refresh``, which is the maintenance's own.
    """

    def __init__(self, maintenance: Maintenance, doers: Mapping[str, Doer]) -> None:
        self._maintenance, self._doers = maintenance, doers
        self._begun: dict[int, int] = {}  # tasks begun here and not ended, with the epoch
        self._forget_at = 0.0

    def run_waiting(self) -> None:
        """Do what waits, and forget what is old, if this process leads."""
        self._maintenance.run_as_leader(self._run_waiting)

    def _run_waiting(self, connection: Connection, epoch: int) -> None:
        while self._maintenance.goes_on(epoch) and (task := _next_task(connection)) is not None:
            if self._begun.get(task.task_id) == epoch:
                self._end(connection, task, LOST)
            else:
                self._run(connection, epoch, task)
        if time.monotonic() >= self._forget_at and self._maintenance.goes_on(epoch):
            self._forget_at = time.monotonic() + FORGET_SECONDS
            for statement in FORGET:
                connection.execute(statement)

    def _run(self, connection: Connection, epoch: int, task: Task) -> None:
        self._begun[task.task_id] = epoch
        connection.execute(BEGIN, (task.task_id,))
        outcome = self._do(connection, epoch, task)
        if self._maintenance.goes_on(epoch):  # else it may have been cancelled for that: the next leader begins it anew
            self._end(connection, task, outcome)

    def _do(self, connection: Connection, epoch: int, task: Task) -> str:
        try:
            if task.kind == "refresh":
                return self._maintenance.refresh_by_hand(connection, epoch, str(task.argument.get("view")))
            if (do := self._doers.get(task.kind)) is not None:
                return do(connection, task.argument)
            return f"failed: nothing here does {task.kind!r}"
        except psycopg.Error as error:
            if connection.broken:
                raise
            return f"failed: {error.sqlstate}"
        except Exception as error:  # a defect of one kind of task must not stop the others
            log.error("operator_task_failed", task_id=task.task_id, kind=task.kind, exc_info=error)
            return f"failed: {type(error).__name__}"

    def _end(self, connection: Connection, task: Task, outcome: str) -> None:
        connection.execute(END, (outcome, task.task_id))
        self._begun.pop(task.task_id, None)
        log.info("operator_task", task_id=task.task_id, kind=task.kind, asked_by=task.asked_by, outcome=outcome)


def _next_task(connection: Connection) -> Task | None:
    row = connection.execute(NEXT).fetchone()
    return None if row is None else Task(*row)
