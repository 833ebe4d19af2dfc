"""Makes what a declaration of this package says, and drops it: the operations of the bundled application's revisions.

Invariant: the statements are generated while the migration runs, since declaration and generator come in one package; a
project's revisions hold theirs as text. All of them run in the transaction of the migration.
"""

from pathlib import Path

from alembic.operations import MigrateOperation, Operations

from models.connection import Connection
from models.schema_version import newest_of_core
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.project import read_project
from views_sql.operations.database import newest_declaration
from views_sql.operations.plan import Change, Plan, plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

ROOT = Path(__file__).resolve().parents[2]


@Operations.register_operation("install_declaration", "run")
class InstallDeclaration(MigrateOperation):
    """Makes everything that is declared in a folder, over tables that are there."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @classmethod
    def run(cls, operations: Operations, folder: str) -> None:
        """Run it; the folder is relative to the root of this code."""
        operations.invoke(cls(folder))


@Operations.register_operation("remove_declaration", "run")
class RemoveDeclaration(MigrateOperation):
    """Drops everything of the declaration that is installed."""

    @classmethod
    def run(cls, operations: Operations) -> None:
        """Run it."""
        operations.invoke(cls())


@Operations.implementation_for(InstallDeclaration)
def install(operations: Operations, operation: InstallDeclaration) -> None:
    """Make what is declared; see :func:`make_declared`."""
    make_declared(_driver_connection(operations), ROOT / operation.folder)


@Operations.implementation_for(RemoveDeclaration)
def remove(operations: Operations, _operation: RemoveDeclaration) -> None:
    """Drop what is installed."""
    drop_declared(_driver_connection(operations))


def make_declared(connection: Connection, folder: Path) -> None:
    """Have PostgreSQL judge the first declaration of a database, and make what it says.

    :raises DeclarationError: the tables are not those that it is for.
    """
    declared = read_project(folder)
    verdict = judge(connection, declared, priced=False)
    if verdict.proven is None:
        raise DeclarationError(verdict.faults)
    for step in steps(plan(declared, verdict.proven, None, newest_of_core())):
        _run(connection, step.upgrade)


def drop_declared(connection: Connection) -> None:
    """Drop what the database says is declared, the last that was made first; its tables may have changed since."""
    installed = newest_declaration(connection)
    if installed is not None:
        made = tuple(Change("create", None, part) for part in installed.everything)
        for step in reversed(steps(Plan(None, installed, made))):
            _run(connection, step.downgrade)


def _run(connection: Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def _driver_connection(operations: Operations) -> Connection:
    connection: Connection = operations.get_bind().connection.dbapi_connection  # type: ignore[assignment]
    return connection
