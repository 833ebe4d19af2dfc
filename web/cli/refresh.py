"""``frontview refresh``: asks the leader to refresh a view now; with ``--wait``, exit code 1 unless it did."""

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from web.cli.operator import asked_by, has_leader, operator_connection

if TYPE_CHECKING:
    from models.connection import Connection
    from web.operators.operator_requests import OperatorTask

TASK_CHECK_SECONDS = 0.1  # How often ``--wait`` checks the task.
LEADERLESS_SECONDS = 10.0  # Longer than a new leader needs to take over.
DONE = ("refreshed", "populated", "moved")  # Outcomes of a refresh that succeeded.


@click.command()
@click.argument("view")
@click.option("--wait", is_flag=True, help="Wait until the refresh has ended; exit code 1 unless it succeeded.")
@click.option("--json", "as_json", is_flag=True, help="Print the task as one JSON object.")
def refresh(view: str, wait: bool, as_json: bool) -> None:
    """Refresh all tiers of VIEW now, regardless of the refresh policy.

    Reads are exact without this command. A request for a view whose requested refresh has not begun adds no second one.
    """
    from web.operators.operator_requests import ask_refresh, known_views, read_task, stored_view  # noqa: PLC0415

    with operator_connection() as connection:
        if (stored := stored_view(connection, view)) is None:
            known = ", ".join(known_views(connection))
            raise click.BadParameter(f"no view {view!r}; there are {known}", param_hint="VIEW")
        task_id, is_new = ask_refresh(connection, stored, asked_by())
        task = await_end(connection, task_id) if wait else read_task(connection, task_id)
        leaderless = not has_leader(connection)
    if task is None:
        raise click.ClickException(f"Task {task_id} is gone; the database was restored to an older state.")
    if as_json:
        click.echo(json.dumps(asdict(task) | {"already_waiting": not is_new}))
    else:
        click.echo(_line(task, is_new, leaderless))
    sys.exit(wait and task.outcome not in DONE)


def await_end(connection: "Connection", task_id: int) -> "OperatorTask | None":
    """Wait until the task has ended and return it; None if it was deleted.

    :raises click.ClickException: there was no leader for :data:`LEADERLESS_SECONDS`.
    """
    from web.operators.operator_requests import read_task  # noqa: PLC0415

    led_at = time.monotonic()
    while True:
        task = read_task(connection, task_id)
        if task is None or task.state == "ended":
            return task
        if has_leader(connection):
            led_at = time.monotonic()
        elif time.monotonic() - led_at > LEADERLESS_SECONDS:
            raise click.ClickException(f"No refresher leads; task {task_id} waits for one.")
        time.sleep(TASK_CHECK_SECONDS)


def _line(task: "OperatorTask", is_new: bool, leaderless: bool) -> str:
    what = f"Task {task.task_id}, refresh of {task.argument['view']}"
    if task.state == "ended":
        return f"{what}: {task.outcome}"
    again = "" if is_new else ", requested earlier"
    return f"{what}: {task.state}{again}" + ("; no refresher leads, so it waits for one" if leaderless else "")
