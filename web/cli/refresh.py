"""``frontview refresh``: asks the leader to refresh a view now; exit code 1 if that was waited for and went wrong."""

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from web.cli.operator import asked_by, operator_connection, somebody_leads

if TYPE_CHECKING:
    from models.connection import Connection
    from web.operators.operator_requests import OperatorTask

LOOK_SECONDS = 0.1
LEADERLESS_SECONDS = 10.0  # longer than one leader takes over from another
DONE = ("refreshed", "populated", "moved")


@click.command()
@click.argument("view")
@click.option("--wait", is_flag=True, help="Wait for its end; exit code 1 unless it was refreshed.")
@click.option("--json", "as_json", is_flag=True, help="Print the task as one JSON object.")
def refresh(view: str, wait: bool, as_json: bool) -> None:
    """Refresh all tiers of VIEW now, whatever the policy says.

    Reads are exact without it. A refresh that was asked for and has not begun is not asked for twice.
    """
    from web.operators.operator_requests import ask_refresh, known_views, read_task  # noqa: PLC0415

    with operator_connection() as connection:
        if view not in (known := known_views(connection)):
            raise click.BadParameter(f"no view {view!r}; there are {', '.join(known)}", param_hint="VIEW")
        task_id, is_new = ask_refresh(connection, view, asked_by())
        task = await_end(connection, task_id) if wait else read_task(connection, task_id)
        leaderless = not somebody_leads(connection)
    if task is None:
        raise click.ClickException(f"Task {task_id} is gone; the database was put back to an older state.")
    if as_json:
        click.echo(json.dumps(asdict(task) | {"already_waiting": not is_new}))
    else:
        click.echo(_line(task, is_new, leaderless))
    sys.exit(wait and task.outcome not in DONE)


def await_end(connection: "Connection", task_id: int) -> "OperatorTask | None":
    """Return the task when it has ended; an error where nobody leads."""
    from web.operators.operator_requests import read_task  # noqa: PLC0415

    led_at = time.monotonic()
    while True:
        task = read_task(connection, task_id)
        if task is None or task.state == "ended":
            return task
        if somebody_leads(connection):
            led_at = time.monotonic()
        elif time.monotonic() - led_at > LEADERLESS_SECONDS:
            raise click.ClickException(f"No refresher leads; task {task_id} waits for one.")
        time.sleep(LOOK_SECONDS)


def _line(task: "OperatorTask", is_new: bool, leaderless: bool) -> str:
    what = f"Task {task.task_id}, refresh of {task.argument['view']}"
    if task.state == "ended":
        return f"{what}: {task.outcome}"
    again = "" if is_new else ", asked for before"
    return f"{what}: {task.state}{again}" + ("; no refresher leads, so it waits for one" if leaderless else "")
