"""``frontview migrate``: runs ``alembic upgrade heads`` from any directory.

Invariant: no other module of the command line imports alembic, which takes 0.8 s.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.errors import MigrationError

if TYPE_CHECKING:
    from models.connection import Connection

ROOT = Path(__file__).resolve().parent.parent.parent


@click.command()
def migrate() -> None:
    """Bring the database to the newest migrations; does nothing if it already has them."""
    upgrade()
    click.echo("The database is at the newest migrations.")
    for line in grant_rights():
        click.echo(line)


def upgrade(config_file: Path = ROOT / "alembic.ini") -> None:
    """Run all migrations that the configured database lacks, in one transaction.

    :raises MigrationError: the revision files are missing, or do not fit the database; nothing was changed.
    """
    import psycopg.errors  # noqa: PLC0415
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import ProgrammingError  # noqa: PLC0415

    if not config_file.exists():
        raise MigrationError(f"There is no {config_file}: run this from a checkout of Frontview.")
    try:
        command.upgrade(Config(str(config_file)), "heads")
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
