"""``frontview warm``: requests users' answers in every worker's cache; with ``--wait``, exit code 1 unless planned."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from web.cli.operator import asked_by, operator_connection, user_of

if TYPE_CHECKING:
    from web.operators.operator_requests import OperatorTask

PLANNED = "planned"  # The outcome of a task that succeeded begins with this word.


@click.command()
@click.option("--user", "users", multiple=True, metavar="ID", help="Warm this user; may be repeated.")
@click.option("--most-active", type=click.IntRange(1, 10_000), metavar="N", help="Warm the N users who read most.")
@click.option("--wait", is_flag=True, help="Wait until the leader has planned it; exit code 1 unless it did.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as one JSON object.")
def warm(users: tuple[str, ...], most_active: int | None, wait: bool, as_json: bool) -> None:
    """Keep users' answers in the cache of every worker for five minutes.

    Answers are exact without this command: it is for users who are about to come. The leader plans as many answers as
    the caches have room for, and the workers compute them within seconds, within their share of database time.
    """
    from web.cli.refresh import await_end  # noqa: PLC0415
    from web.operators.operator_requests import ask_warming, read_task  # noqa: PLC0415

    if bool(users) == (most_active is not None):
        raise click.UsageError("Choose users by either --user or --most-active.")
    with operator_connection() as connection:
        keys = [user_of(connection, user) for user in users]
        requested = ask_warming(connection, asked_by(), user_ids=keys, most_active=most_active)
        read = await_end if wait else read_task
        tasks = [task for one in requested if (task := read(connection, one.task_id)) is not None]
    if as_json:
        click.echo(json.dumps({"tasks": [asdict(task) for task in tasks]}))
    else:
        for task in tasks:
            click.echo(_line(task))
    sys.exit(wait and not all(str(task.outcome).startswith(PLANNED) for task in tasks))


def _line(task: "OperatorTask") -> str:
    ((kind, whom),) = task.argument.items()
    words = f"the {whom:,} most active" if kind == "most_active" else f"{len(whom)} user{'s' * (len(whom) != 1)}"
    return f"Task {task.task_id}, warming of {words}: {task.outcome or task.state}"
