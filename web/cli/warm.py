"""``frontview warm``: asks that users' answers be put into every worker's cache; exit code 1 if that was waited for and
went wrong.
"""

import getpass
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from models import load_settings
from models.user_key import UserKey
from web.cli.token import UserKeyType

if TYPE_CHECKING:
    from refresher.leadership import Connection

USERS_A_TASK = 50  # waiting tasks are unique by their argument, and a row of that index holds 2,700 bytes
LOOK_SECONDS = 0.1
WAIT_SECONDS = 30.0
ASK = "SELECT task_id FROM frontview.request_task('warm', %s, %s)"
ENDED = "SELECT task_id, argument, outcome FROM frontview.operator_task WHERE task_id = ANY (%s) ORDER BY task_id"


@click.command()
@click.option("--user", "users", multiple=True, type=UserKeyType(), metavar="ID", help="This user; may be repeated.")
@click.option("--most-active", type=click.IntRange(1, 10_000), metavar="N", help="The N users who read most.")
@click.option("--wait", is_flag=True, help="Wait until the leader has planned it; exit code 1 unless it was.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks as one JSON object.")
def warm(users: tuple[UserKey, ...], most_active: int | None, wait: bool, as_json: bool) -> None:
    """Have users' answers in the cache of every worker, for five minutes.

    Answers are right without it: this is for users who are about to come. The leader plans what there is room for, and
    the workers fill it within seconds, as far as their share of database time goes.
    """
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415

    arguments = _arguments(users, most_active)
    with connect(direct_url(load_settings()), "frontview-warm") as connection:
        tasks = [_ask(connection, argument) for argument in arguments]
        found = _await_end(connection, tasks) if wait else _look(connection, tasks)
    if as_json:
        click.echo(json.dumps({"tasks": found}))
    else:
        for task in found:
            click.echo(f"Task {task['task_id']}: {task['outcome'] or 'waits for the leader'}")
    sys.exit(wait and not all(str(task["outcome"]).startswith("planned") for task in found))


def _arguments(users: tuple[UserKey, ...], most_active: int | None) -> list[dict[str, Any]]:
    """Return the argument of each task; a usage error where neither or both were named."""
    if bool(users) == (most_active is not None):
        raise click.UsageError("Name users by --user or --most-active, and only one of these.")
    if most_active is not None:
        return [{"most_active": most_active}]
    each = sorted(set(users))
    return [{"user_ids": each[at : at + USERS_A_TASK]} for at in range(0, len(each), USERS_A_TASK)]


def _ask(connection: "Connection", argument: dict[str, Any]) -> int:
    from psycopg.types.json import Jsonb  # noqa: PLC0415

    ((task_id,),) = connection.execute(ASK, (Jsonb(argument), _asked_by())).fetchall()
    return int(task_id)


def _asked_by() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"


def _look(connection: "Connection", tasks: list[int]) -> list[dict[str, Any]]:
    rows = connection.execute(ENDED, (tasks,)).fetchall()
    return [{"task_id": task_id, "argument": argument, "outcome": outcome} for task_id, argument, outcome in rows]


def _await_end(connection: "Connection", tasks: list[int]) -> list[dict[str, Any]]:
    """Return the tasks when all have ended; an error where that takes too long."""
    due = time.monotonic() + WAIT_SECONDS
    while True:
        found = _look(connection, tasks)
        if all(task["outcome"] is not None for task in found):
            return found
        if time.monotonic() >= due:
            raise click.ClickException("No leader took it up; it waits for one. Start one with `python -m refresher`.")
        time.sleep(LOOK_SECONDS)
