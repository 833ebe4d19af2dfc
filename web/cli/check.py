"""``frontview check``: reads a project's declaration and asks PostgreSQL about it; exit code 1 if there is a fault."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.settings import Settings
    from views_sql.declaration.application import Application
    from views_sql.declaration.fault import Fault
    from views_sql.proof.verdict import Verdict

NO_PROJECT = (
    "There is no project here: the current directory has no frontview.toml. Name a folder that has one, or set "
    "FRONTVIEW_PROJECT."
)
NOT_ASKED = "No database was asked, since FRONTVIEW_DATABASE_URL is not set: tables, columns and types are unchecked."


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def check(folder: Path | None, as_json: bool) -> None:
    """Check the declaration in DIR: `frontview.toml` and, if there are any, `views/*.toml`.

    Without DIR it is the folder that FRONTVIEW_PROJECT names, else the current directory. First the files are read;
    then, if FRONTVIEW_DATABASE_URL is set, PostgreSQL judges tables, columns, expressions, keys and rights, and says
    what the views will cost. Nothing in the database changes. Every fault is one line with its file and its place in
    it; exit code 1 if there is one.
    """
    from views_sql.declaration.fault import DeclarationError  # noqa: PLC0415
    from views_sql.declaration.files import find_project  # noqa: PLC0415
    from views_sql.declaration.project import read_project  # noqa: PLC0415

    settings = load_settings()
    if (project := find_project(folder or settings.project, Path.cwd())) is None:
        raise click.ClickException(NO_PROJECT)
    try:
        application = read_project(project)
    except DeclarationError as error:
        lines = [*map(str, error.faults), _counted(len(error.faults), "fault")]
        _print({"faults": error.faults} if as_json else lines)
        sys.exit(1)
    if settings.database_url is None:
        _print({"faults": ()} if as_json else [_well_formed(application), NOT_ASKED])
    else:
        _judge(settings, application, as_json)


def _judge(settings: "Settings", application: "Application", as_json: bool) -> None:
    """Print what PostgreSQL says about a declaration; exit code 1 if it finds a fault."""
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from views_sql.proof.judge import judge  # noqa: PLC0415
    from views_sql.proof.words import lines  # noqa: PLC0415

    with connect(direct_url(settings), "frontview-check") as connection:
        verdict = judge(connection, application)
    _print({"faults": verdict.faults, "verdict": verdict} if as_json else lines(application, verdict))
    sys.exit(bool(verdict.faults))


def _print(said: "Sequence[str] | dict[str, Any]") -> None:
    """Print lines, or an object of faults and, if a database was asked, its verdict."""
    if isinstance(said, dict):
        said = [json.dumps(_as_json(said["faults"], said.get("verdict")))]
    for line in said:
        click.echo(line)


def _as_json(faults: "Sequence[Fault]", verdict: "Verdict | None") -> dict[str, Any]:
    found: dict[str, Any] = {"database_asked": verdict is not None, "faults": [asdict(fault) for fault in faults]}
    if verdict is not None:
        for part in ("warnings", "advice", "prices"):
            found[part] = [asdict(it) for it in getattr(verdict, part)]
    return found


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _well_formed(application: "Application") -> str:
    """Return the verdict about the files alone."""
    measures = sum(len(view.measures) for view in application.views)
    counted = [_counted(len(application.views), "view"), _counted(measures, "measure")]
    counted += [_counted(len(application.dashboards), "dashboard")]
    counted += [_counted(len(application.lists), "list")] if application.lists else []
    return f"frontview.toml: {', '.join(counted)}: well formed"
