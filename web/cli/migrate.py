"""``frontview migrate``: runs ``alembic upgrade heads`` from any directory, with a project's revisions too.

Invariant: no other module of the command line imports alembic, which takes 0.8 s.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import MigrationError
from web.cli.check import NO_PROJECT

if TYPE_CHECKING:
    from alembic.config import Config

    from models.connection import Connection

WAIT_CHECK_SECONDS = 0.25
ROOT = Path(__file__).resolve().parent.parent.parent


@click.command()
@click.option("--back", is_flag=True, help="Take the newest declaration of the project back.")
@click.option("--wait", "wait_seconds", type=click.FloatRange(min=0), help="Wait so long until it answers, else fail.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def migrate(back: bool, wait_seconds: float | None, as_json: bool) -> None:
    """Bring the database to the newest migrations; does nothing if it already has them.

    These are Frontview's own and then the project's, each of which has a transaction of its own. The project is the
    folder that FRONTVIEW_PROJECT names, else the current directory if it has a `frontview.toml`; without either, and
    without FRONTVIEW_DATABASE_URL, the bundled application is made on the embedded PostgreSQL. A changed declaration
    is made beside the one that answers, and takes its place when the refresher has given each of its views contents;
    `--wait SECONDS` waits for that. `--back` takes the newest declaration back, down to a database without one; the
    tables that it captured are then as they were before. Within a day, the one before answers again at once, and what
    was taken back is dropped a day later.
    """
    from models import load_settings  # noqa: PLC0415
    from views_sql.declaration.files import find_project  # noqa: PLC0415
    from web.cli.project_migrations import downgrade, upgrade_project  # noqa: PLC0415

    settings = load_settings()
    project = find_project(settings.project, Path.cwd())
    steps: list[str] = []

    def told(line: str) -> None:
        steps.append(line)
        if not as_json:
            click.echo(line)

    if project is None and (back or settings.database_url is not None):
        raise click.ClickException(f"{NO_PROJECT} For the bundled application run `frontview demo`.")
    if project is None:
        upgrade()
        told("The database is at the newest migrations.")
    elif back:
        downgrade(project, told)
    else:
        upgrade_project(project, told)
    for line in grant_rights():
        told(line)
    waits = [] if project is None else _waiting(wait_seconds or 0.0)
    for line in waits:
        told(line)
    if as_json:
        click.echo(json.dumps({"project": None if project is None else str(project), "steps": steps}))
    if waits and wait_seconds is not None:
        raise click.ClickException("The newest declaration does not answer yet.")


def _waiting(seconds: float) -> list[str]:
    """Return lines about declarations that are not active yet after that number of seconds."""
    from models import load_settings  # noqa: PLC0415
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from web.operators.declarations import declarations  # noqa: PLC0415

    until = time.monotonic() + seconds
    with connect(direct_url(load_settings()), "frontview-migrate") as connection:
        while True:
            waits = [it for it in declarations(connection) if it.state == "waiting"]
            if not waits or time.monotonic() >= until:
                return [f"Declaration {it.number} {it.what_next}." for it in waits]
            time.sleep(WAIT_CHECK_SECONDS)


def configuration(config_file: Path = ROOT / "alembic.ini", project: Path | None = None) -> "Config":
    """Return Alembic's configuration: of the core and the bundled application, or of the core and a project.

    :raises MigrationError: the revision files are missing.
    """
    from alembic.config import Config  # noqa: PLC0415

    if not config_file.exists():
        raise MigrationError(f"There is no {config_file}: run this from a checkout of Frontview.")
    config = Config(str(config_file))
    if project is not None:
        folders = (ROOT / "alembic" / "versions", project.resolve() / "revisions")
        config.set_main_option("version_locations", "\n".join(str(it).replace("%", "%%") for it in folders))
    return config


def upgrade(config_file: Path = ROOT / "alembic.ini") -> None:
    """Run all migrations that the configured database lacks, in one transaction.

    :raises MigrationError: the revision files are missing, or do not fit the database; nothing was changed.
    """
    from alembic import command  # noqa: PLC0415

    run(command.upgrade, configuration(config_file), "heads")


def run(action: Callable[..., Any], config: "Config", target: str) -> None:
    """Run one of Alembic's commands.

    :raises MigrationError: what it refused, in words.
    """
    import psycopg.errors  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import ProgrammingError  # noqa: PLC0415

    try:
        action(config, target)
    except CommandError as error:
        raise MigrationError(f"The database cannot be migrated: {error}") from None
    except ProgrammingError as error:
        cause = error.orig
        if not isinstance(cause, (psycopg.errors.DuplicateTable, psycopg.errors.DuplicateObject)):
            raise
        raise MigrationError(
            f"The database cannot be migrated, and nothing was changed: {cause.diag.message_primary}. Frontview's "
            "tables need free names in the schema public: use another database."
        ) from None


def grant_rights() -> list[str]:
    """Grant the roles the rights that they lack, for roles may be younger than the migration; return lines to print."""
    from models import load_settings  # noqa: PLC0415
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415
    from web.doctor.roles import MISSING_ROLES, ROLES  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-migrate") as connection:
        if not _owns(connection):
            return []
        given = connection.execute("SELECT frontview.grant_rights()").fetchone()
        missing = [name for (name,) in connection.execute(MISSING_ROLES, (ROLES,))]
    lines = [f"Rights given to roles: {given[0]}."] if given and given[0] else []
    if missing:
        lines.append(
            f"There is no role {', '.join(missing)}: everything runs as one role. To separate them, let an "
            "administrator create them (docs/security.md) and run this again."
        )
    return lines


def _owns(connection: "Connection") -> bool:
    """Return whether this role owns the installed objects; another role has no rights to grant."""
    row = connection.execute(
        "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'frontview'"
    ).fetchone()
    return bool(row and row[0])
