"""``frontview migrate``: ``alembic upgrade heads``, from any directory.

Invariant: nothing else of Frontview imports alembic (0.8 s).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.errors import FrontviewError

if TYPE_CHECKING:
    from models.connection import Connection

ROLES = ("frontview_owner", "frontview_refresher", "frontview_web")
MISSING_ROLES = "SELECT r FROM unnest(%s::text[]) r WHERE to_regrole(r) IS NULL"
ROOT = Path(__file__).resolve().parent.parent.parent


class MigrationError(FrontviewError):
    """The migrations cannot be run; says why."""


@click.command()
def migrate() -> None:
    """Bring the database to the newest migrations; does nothing when it is there."""
    upgrade()
    click.echo("The database is at the newest migrations.")
    for line in give_rights():
        click.echo(line)


def upgrade(config_file: Path = ROOT / "alembic.ini") -> None:
    """Run all migrations that the configured database lacks, in one transaction.

    :raises MigrationError: the revision files are not here, or do not fit the database.
    """
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    if not config_file.exists():
        raise MigrationError(f"There is no {config_file}: run this from a checkout of Frontview.")
    try:
        command.upgrade(Config(str(config_file)), "heads")
    except CommandError as error:
        raise MigrationError(f"The database cannot be migrated: {error}") from None


def give_rights() -> list[str]:
    """Give the roles what they lack, those created since the migration, too; return what there is to say about it."""
    from models import load_settings  # noqa: PLC0415
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-migrate") as connection:
        if not _owns(connection):
            return []
        given = connection.execute("SELECT frontview.grant_rights()").fetchone()
        missing = [name for (name,) in connection.execute(MISSING_ROLES, (list(ROLES),))]
    said = [f"Rights given to roles: {given[0]}."] if given and given[0] else []
    if missing:
        said.append(
            f"There is no role {', '.join(missing)}: everything runs as one role. To separate them, let an "
            "administrator create them (docs/security.md) and run this again."
        )
    return said


def _owns(connection: "Connection") -> bool:
    """Whether this role owns what is installed; one that does not has nothing to give."""
    row = connection.execute(
        "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'frontview'"
    ).fetchone()
    return bool(row and row[0])
