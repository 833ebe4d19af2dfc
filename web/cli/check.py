"""``frontview check``: reads a project's declaration and prints every fault of it; exit code 1 if there is one."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from views_sql.declaration.application import Application
    from views_sql.declaration.fault import Fault

NO_PROJECT = (
    "There is no project here: the current directory has no frontview.toml. Name a folder that has one, or set "
    "FRONTVIEW_PROJECT."
)
NOT_ASKED = "No database was asked, since FRONTVIEW_DATABASE_URL is not set: tables, columns and types are unchecked."


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print faults and outcome as one JSON object.")
def check(folder: Path | None, as_json: bool) -> None:
    """Check the declaration in DIR: `frontview.toml` and, if there are any, `views/*.toml`.

    Without DIR it is the folder that FRONTVIEW_PROJECT names, else the current directory. Every fault is one line with
    its file and its place in it; exit code 1 if there is one.
    """
    from views_sql.declaration.fault import DeclarationError  # noqa: PLC0415
    from views_sql.declaration.files import find_project  # noqa: PLC0415
    from views_sql.declaration.project import read_project  # noqa: PLC0415

    if (project := find_project(folder or load_settings().project, Path.cwd())) is None:
        raise click.ClickException(NO_PROJECT)
    try:
        application = read_project(project)
    except DeclarationError as error:
        _print(as_json, [*map(str, error.faults), _counted(error.faults)], error.faults)
        sys.exit(1)
    _print(as_json, [_well_formed(application), NOT_ASKED], ())


def _print(as_json: bool, lines: "Sequence[str]", faults: "Sequence[Fault]") -> None:
    if as_json:
        click.echo(json.dumps({"faults": [asdict(fault) for fault in faults], "database": False}))
        return
    for line in lines:
        click.echo(line)


def _counted(faults: "Sequence[Fault]") -> str:
    return "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"


def _well_formed(application: "Application") -> str:
    """Return the verdict about the files alone."""
    views, measures = len(application.views), sum(len(view.measures) for view in application.views)
    counts = (f"{count} {what}{'s' * (count != 1)}" for count, what in ((views, "view"), (measures, "measure")))
    return f"frontview.toml: {', '.join(counts)}: well formed"
