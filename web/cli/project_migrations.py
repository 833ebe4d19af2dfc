"""The migrations of a project: its revisions upwards, one transaction each, and one declaration back.

Invariant: what fails leaves the database at the revision before, which is said; migrating again goes on from there.
"""

from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from models.errors import FrontviewError, MigrationError
from models.schema_version import BUNDLED_PREFIX, PROJECT_PREFIX, VERSION_TABLE
from views_sql.operations.revisions import Revision, revisions_of
from web.cli.migrate import configuration, run

if TYPE_CHECKING:
    from models.connection import Connection

Told = Callable[[str], None]
APPLIED = f"SELECT version_num FROM {VERSION_TABLE} WHERE starts_with(version_num, '{PROJECT_PREFIX}')"  # noqa: S608  # nosec B608  # names are ours
BUNDLED = f"SELECT version_num FROM {VERSION_TABLE} WHERE starts_with(version_num, '{BUNDLED_PREFIX}')"  # noqa: S608  # nosec B608  # names are ours
VERSIONS = "SELECT to_regclass(%s) IS NOT NULL"


def upgrade_project(project: Path, told: Told) -> None:
    """Bring a database to the newest revision of the core and of a project.

    :raises MigrationError: in words, with the revision that failed and where the database is now.
    """
    from alembic import command  # noqa: PLC0415

    revisions = revisions_of(project)
    if not revisions:
        raise MigrationError("The project has no revision yet; run `frontview plan --write` first.")
    applied = position(revisions)
    waiting = revisions[applied:]
    if not waiting:
        told("The database is at the project's newest revision.")
    _run(project, command.upgrade, "heads", waiting, told, "applied")


def downgrade(project: Path, told: Told) -> None:
    """Take back the declaration that the newest applied revision belongs to.

    :raises MigrationError: nothing of the project is applied, or a step failed.
    """
    from alembic import command  # noqa: PLC0415

    revisions = revisions_of(project)
    applied = revisions[: position(revisions)]
    if not applied:
        raise MigrationError("No declaration is applied, so there is none to take back.")
    going = [it for it in applied if it.declaration == applied[-1].declaration]
    before = going[0].down_revision
    _run(project, command.downgrade, before or "project@base", going[::-1], told, "taken back")


def is_halfway(revisions: list[Revision], applied: int, recorded: int) -> bool:
    """Return whether a declaration is applied, or taken back, only in part.

    :param applied: how many of the revisions the database has.
    :param recorded: the number of its newest declaration; 0: there is none.
    """
    if not applied:
        return False
    newest, waiting = revisions[applied - 1].declaration, revisions[applied:]
    return newest != recorded or bool(waiting and waiting[0].declaration == newest)


def position(revisions: list[Revision]) -> int:
    """Return how many of a project's revisions the configured database has.

    :raises MigrationError: it has others.
    """
    from models import load_settings  # noqa: PLC0415
    from models.embedded import direct_url  # noqa: PLC0415
    from models.engine import connect  # noqa: PLC0415

    with connect(direct_url(load_settings()), "frontview-migrate") as connection:
        return position_in(connection, revisions)


def position_in(connection: "Connection", revisions: list[Revision]) -> int:
    """Return how many of a project's revisions a database has.

    :raises MigrationError: it has others, or those of the bundled application.
    """
    if connection.execute(VERSIONS, (VERSION_TABLE,)).fetchone() != (True,):
        return 0
    if connection.execute(BUNDLED).fetchone():
        raise MigrationError(
            "The database holds the bundled application, that of `frontview demo`; a project needs one without it: set "
            "FRONTVIEW_DATABASE_URL to another database."
        )
    row = connection.execute(APPLIED).fetchone()
    if row is None:
        return 0
    names = [it.revision for it in revisions]
    if row[0] not in names:
        raise MigrationError(
            f"The database is at revision {row[0]}, which is not in revisions/: this is another project's database, "
            "or its newest files are missing here."
        )
    return names.index(row[0]) + 1


_OTHER_WAY = {"applied": "frontview migrate --back", "taken back": "frontview migrate"}


def _run(project: Path, action: Callable[..., Any], target: str, steps: list[Revision], told: Told, done: str) -> None:
    """Run Alembic's command, and say after each transaction which files it has done."""
    config, left, waited = configuration(project=project), list(steps), list[Revision]()

    def on_transaction(remaining: list[Any]) -> None:
        while len(left) > len(remaining):
            told(f"{left.pop(0).path.name}: {done}")

    def pause(seconds: float) -> None:
        if left and left[0] not in waited:
            waited.append(left[0])
            told(f"{left[0].path.name}: waits for a lock, and tries again until it has it, up to 30 times")
        sleep(seconds)

    config.attributes |= {"on_transaction": on_transaction, "pause": pause}
    try:
        run(action, config, target)
    except Exception as error:
        failed = f"{left[0].path.name} failed" if left else "the migration failed"
        raise MigrationError(f"{failed}: {_reason(error)} {_where(steps, left, _OTHER_WAY[done])}") from None


def _where(steps: list[Revision], left: list[Revision], other_way: str) -> str:
    """Return where the database is now. What was not begun is not to be taken back: `--back` would take another one."""
    if count := len(steps) - len(left):
        kept = f"The {count} before it stay as they are" if count > 1 else "The one before it stays as it is"
        return f"{kept}; mend the reason and run the same command again, or `{other_way}`."
    return "Nothing was changed; mend the reason and run the same command again."


def _reason(error: Exception) -> str:
    if isinstance(error, FrontviewError):
        return str(error)
    cause = getattr(error, "orig", None) or error
    said = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause).splitlines()[0]
    return f"{' '.join(said.split()).rstrip('.')}."
