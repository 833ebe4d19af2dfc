"""``frontview plan``: what a changed declaration would change in the database, and the revisions that change it."""

import json
import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from models import load_settings
from web.cli.check import NO_PROJECT

if TYPE_CHECKING:
    from views_sql.declaration.application import Application
    from views_sql.operations.plan import Change, Plan
    from views_sql.operations.revisions import Revision
    from views_sql.operations.steps import Step
    from views_sql.proof.verdict import Verdict


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Write the revisions into the project's folder.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the statements as they will run.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as one JSON object.")
def plan(folder: Path | None, write: bool, as_sql: bool, as_json: bool) -> None:
    """Compare the declaration in DIR with what the database has, and say what happens to each view.

    Without DIR it is the folder that FRONTVIEW_PROJECT names, else the current directory. PostgreSQL judges the
    declaration first, as `frontview check` does. `--write` writes the files that `frontview migrate` runs; review them
    and commit them. Nothing in the database changes.
    """
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from models.schema_version import newest_of_core  # noqa: PLC0415
    from views_sql.declaration.fault import DeclarationError  # noqa: PLC0415
    from views_sql.declaration.files import find_project  # noqa: PLC0415
    from views_sql.declaration.project import read_project  # noqa: PLC0415
    from views_sql.operations.database import greatest_number, newest_declaration, sealed_views  # noqa: PLC0415
    from views_sql.operations.plan import plan as planned  # noqa: PLC0415
    from views_sql.operations.revisions import revisions_of  # noqa: PLC0415
    from views_sql.operations.steps import steps as steps_of  # noqa: PLC0415
    from views_sql.proof.judge import judge  # noqa: PLC0415
    from web.cli.project_migrations import is_halfway, position_in  # noqa: PLC0415

    settings = load_settings()
    if (project := find_project(folder or settings.project, Path.cwd())) is None:
        raise click.ClickException(NO_PROJECT)
    try:
        application = read_project(project)
    except DeclarationError as error:
        _refuse([*map(str, error.faults)], as_json)
    written = revisions_of(project)
    with connect(direct_url(settings), "frontview-plan") as connection:
        applied = position_in(connection, written)
        old = newest_declaration(connection)
        if is_halfway(written, applied, old.number if old else 0):
            _halfway(written[applied - 1], write=write)
        sealed, taken = sealed_views(connection), greatest_number(connection)
        verdict = judge(connection, application, priced=not as_sql)
    if verdict.proven is None:
        _refuse([*map(str, verdict.faults)], as_json)
    found = planned(application, verdict.proven, old, newest_of_core(), taken)
    _require_same_keys(found)
    steps = steps_of(found)
    if as_json:
        click.echo(json.dumps(_as_json(found, steps, verdict)))
    elif as_sql:
        for line in sql_lines(steps):
            click.echo(line)
    else:
        for line in lines(found, steps, application, verdict):
            click.echo(line)
    if steps and (waiting := written[applied:]):
        _waiting(waiting[0].path.name, write=write)
    elif steps and (kept := _sealed(found, sealed)):
        _refuse_to_drop(kept, write=write)
    elif write and steps:
        _write(project, found, steps, as_json)


def _halfway(last: "Revision", *, write: bool) -> None:
    """Refuse to write in the middle of a declaration, whose files are still needed; without writing, say so."""
    said = (
        f"declaration {last.declaration} is applied in part, up to revisions/{last.path.name}: keep its files, and run "
        "`frontview migrate` again, or `frontview migrate --back`"
    )
    if write:
        raise click.ClickException(f"{said}, before others are written.")
    click.echo(f"{said}; the plan compares with the declaration that is recorded.", err=True)


def _waiting(name: str, *, write: bool) -> None:
    """Refuse to write beside a revision that is not applied; without writing, say that there is one."""
    if write:
        raise click.ClickException(
            f"revisions/{name} is not applied yet: run `frontview migrate`, or delete the files that are not applied, "
            "before others are written."
        )
    click.echo(f"revisions/{name} is not applied yet; the plan compares with what is applied.", err=True)


def _sealed(found: "Plan", sealed: Container[str]) -> list[str]:
    """Return the views whose sealed days would be dropped, with those of hidden views."""
    from views_sql.declaration.proven import ProvenView  # noqa: PLC0415
    from views_sql.generation.declared_view import maintained_names  # noqa: PLC0415

    gone = [(it.proven, it.number) for it in found.gone]
    names = [maintained_names(view, number) for view, number in gone if isinstance(view, ProvenView)]
    return [together[-1] for together in names if any(name in sealed for name in together)]


def _refuse_to_drop(kept: list[str], *, write: bool) -> None:
    """Refuse to write what `frontview migrate` would refuse to run; without writing, say so."""
    unseal = ", ".join(f"`frontview unseal {name}`" for name in kept)
    said = (
        f"Days of {', '.join(kept)} are sealed, which perhaps nothing else has, so no migration replaces or drops it: "
        f"run {unseal} while its rows are there, or leave the declaration of the view as it is"
    )
    if write:
        raise click.ClickException(f"{said}. Nothing was written.")
    click.echo(f"{said}.", err=True)


def _refuse(faults: list[str], as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"faults": faults}))
    else:
        for line in faults:
            click.echo(line)
        click.echo("Nothing was planned. `frontview check` says more.", err=True)
    sys.exit(1)


def _require_same_keys(found: "Plan") -> None:
    if found.old is not None and found.old.proven.key_kind != found.new.proven.key_kind:
        raise click.ClickException(
            f"The keys are of the kind {found.new.proven.key_kind}, and the database was installed for "
            f"{found.old.proven.key_kind}: the kind is fixed by the first revision."
        )


def _write(project: Path, found: "Plan", steps: "list[Step]", as_json: bool) -> None:
    """Write the files; none overwrites another."""
    from views_sql.operations.revisions import FOLDER, files_of, revisions_of  # noqa: PLC0415

    folder = project / FOLDER
    folder.mkdir(exist_ok=True)
    for name, text in files_of(steps, found.new, revisions_of(project)):
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
        if not as_json:
            click.echo(f"wrote {FOLDER}/{name}")
    if not as_json:
        click.echo("Review and commit them; then run `frontview migrate`.")


def lines(found: "Plan", steps: "list[Step]", application: "Application", verdict: "Verdict") -> list[str]:
    """Return the lines that describe a plan."""
    from views_sql.declaration.resolved import resolved  # noqa: PLC0415
    from views_sql.proof.words import lines as of_verdict  # noqa: PLC0415

    if not steps:
        return ["The database is as frontview.toml declares it: there is nothing to do."]
    before = f"declaration {found.old.number}" if found.old else "nothing"
    said = [f"Installed is {before}; this would be declaration {found.new.number} ({found.new.hash})."]
    if found.old and resolved(found.old.declared) == resolved(application):
        said.append("The declaration itself is the same: this version generates other SQL, or a table has changed.")
    said += [f"  {_named(change)}: {change.action}" for change in found.changes]
    if found.old:
        said.append(
            f"It is made beside declaration {found.old.number}, which answers until the refresher has filled it; what "
            "only that one has is dropped a day later."
        )
    said += ["", "Steps, one transaction each; one that waits a second for a lock lets others pass and tries again:"]
    said += [f"  {step.what}: {len(step.upgrade)} statements; {step.lock}" for step in steps]
    return [*said, "", *of_verdict(application, verdict)[:-1]]


def _named(change: "Change") -> str:
    return change.name if change.kind in {"view", "facts"} else f"{change.kind} {change.name}"


def sql_lines(steps: "list[Step]") -> list[str]:
    """Return all statements as a script, a transaction a step."""
    said = []
    for step in steps:
        said += [f"-- {step.what}", "BEGIN;"]
        said += [f"{statement.strip().rstrip(';')};" for statement in step.upgrade]
        said += ["COMMIT;", ""]
    return said


def _as_json(found: "Plan", steps: "list[Step]", verdict: "Verdict") -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    return {
        "installed": found.old.number if found.old else None,
        "number": found.new.number if steps else None,
        "hash": found.new.hash,
        "changes": [{change.kind: change.name, "action": change.action} for change in found.changes],
        "steps": [{"what": it.what, "lock": it.lock, "statements": list(it.upgrade)} for it in steps],
        "prices": [asdict(price) for price in verdict.prices],
        "advice": [asdict(advice) for advice in verdict.advice],
    }
