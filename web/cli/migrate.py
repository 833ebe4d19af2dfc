"""``frontview migrate``: ``alembic upgrade heads``, from any directory.

Invariant: nothing else of Frontview imports alembic (0.8 s).
"""

from pathlib import Path

import click

from models.errors import FrontviewError

ROOT = Path(__file__).resolve().parent.parent.parent


class MigrationError(FrontviewError):
    """The migrations cannot be run; says why."""


@click.command()
def migrate() -> None:
    """Bring the database to the newest migrations; does nothing when it is there."""
    upgrade()
    click.echo("The database is at the newest migrations.")


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
