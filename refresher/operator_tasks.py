"""Operators' tasks: the leader takes them in their order, runs each once, and records its outcome.

Invariant: a task that was started and not ended is started again in the next term, but in the same term it is only
recorded as failed; so a task that always loses its connection does so once a term.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog

from models.connection import Connection
from refresher.leader.leader_session import LeaderSession
from refresher.leader.leadership import Term

log = structlog.get_logger(__name__)

FORGET_SECONDS = 10.0  # How often old rows are deleted.
LOST = "failed: connection lost"

NEXT = """
SELECT task_id, kind, argument, asked_by FROM frontview.operator_task
WHERE ended_at IS NULL ORDER BY task_id LIMIT 1
"""
START = "UPDATE frontview.operator_task SET started_at = clock_timestamp() WHERE task_id = %s AND ended_at IS NULL"
END = """
UPDATE frontview.operator_task SET ended_at = clock_timestamp(), outcome = %s WHERE task_id = %s AND ended_at IS NULL
"""
# The reads of the last 15 minutes are shown even of a worker that has ended. The last refresh of each tier is kept.
FORGET = (
    "DELETE FROM frontview.worker WHERE seen_at < now() - interval '16 minutes'",
    "DELETE FROM frontview.refresh_log WHERE refresh_id IN (SELECT r.refresh_id FROM frontview.refresh_log r WHERE "
    "r.started_at < now() - interval '30 days' AND EXISTS (SELECT FROM frontview.refresh_log n WHERE n.view = r.view "
    "AND n.tier = r.tier AND n.refresh_id > r.refresh_id) LIMIT 10000)",
    "DELETE FROM frontview.operator_task WHERE ended_at < now() - interval '7 days'",
    "DELETE FROM frontview.invalidation WHERE drain_id IS NOT NULL AND asked_at < now() - interval '7 days'",
    "DELETE FROM frontview.sign_in_code WHERE expires_at <= now()",
)

# Runs a task of one kind in autocommit, given the leader's connection and term and the task's argument; returns the
# outcome in words.
TaskRunner = Callable[[Connection, Term, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Task:
    """One row of ``operator_task`` that has not ended."""

    task_id: int
    kind: str
    argument: dict[str, Any]
    asked_by: str


class OperatorTasks:
    """A job of the scheduler.

    :param session: that of the refreshes, so that no task runs beside a refresh.
    :param runners: by kind of task.
    """

    def __init__(self, session: LeaderSession, runners: Mapping[str, TaskRunner]) -> None:
        self._session, self._runners = session, runners
        self._started: dict[int, Term] = {}  # tasks that this process started and did not end
        self._forget_at = 0.0

    def run_waiting(self) -> None:
        """Run the waiting tasks and delete old rows, if this process leads."""
        self._session.run(self._run_waiting)

    def _run_waiting(self, connection: Connection, term: Term) -> None:
        while self._session.goes_on(term) and (task := _next_task(connection)) is not None:
            if self._started.get(task.task_id) == term:
                self._end(connection, task, LOST)
            else:
                self._run(connection, term, task)
        if time.monotonic() >= self._forget_at and self._session.goes_on(term):
            self._forget_at = time.monotonic() + FORGET_SECONDS
            for statement in FORGET:
                connection.execute(statement)

    def _run(self, connection: Connection, term: Term, task: Task) -> None:
        self._started[task.task_id] = term
        connection.execute(START, (task.task_id,))
        outcome = self._outcome(connection, term, task)
        if self._session.goes_on(term):  # otherwise it may have been cancelled, and the next leader starts it again
            self._end(connection, task, outcome)

    def _outcome(self, connection: Connection, term: Term, task: Task) -> str:
        try:
            if (run := self._runners.get(task.kind)) is not None:
                return run(connection, term, task.argument)
            return f"failed: this leader cannot run tasks of kind {task.kind!r}"
        except psycopg.Error as error:
            if connection.broken:
                raise
            return f"failed: {error.sqlstate}"
        except Exception as error:  # a defect of one kind of task must not stop the others
            log.error("operator_task_failed", task_id=task.task_id, kind=task.kind, exc_info=error)
            return f"failed: {type(error).__name__}"

    def _end(self, connection: Connection, task: Task, outcome: str) -> None:
        connection.execute(END, (outcome, task.task_id))
        self._started.pop(task.task_id, None)
        log.info("operator_task", task_id=task.task_id, kind=task.kind, asked_by=task.asked_by, outcome=outcome)


def _next_task(connection: Connection) -> Task | None:
    row = connection.execute(NEXT).fetchone()
    return None if row is None else Task(*row)
