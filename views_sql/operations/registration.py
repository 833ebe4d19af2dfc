"""Our Alembic operations, which a revision calls as ``op.create_sql_object(…)`` and so on.

A revision names (object, version) and nothing else; :mod:`views_sql.generation` has the details. An operation runs a
list of statements. Operations do not reverse themselves: a downgrade calls the opposite one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.operations import MigrateOperation, Operations

from models.connection import Connection
from models.schema_version import newest_of_core
from views_sql.declaration.fault import DeclarationError
from views_sql.declaration.maintained_view import MaintainedView, Source
from views_sql.declaration.project import read_project
from views_sql.generation import capture, merged_reads, rights, sql_objects, tiers
from views_sql.generation.names import dollar_quoted, literal
from views_sql.operations.plan import plan
from views_sql.operations.steps import steps
from views_sql.proof.judge import judge

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Statements(MigrateOperation):
    """DDL that is run in order, in the transaction of the migration."""

    statements: list[str]


@Operations.implementation_for(Statements)
def run_statements(operations: Operations, operation: Statements) -> None:
    """Run the statements; ``%`` is doubled, because the driver takes it for a parameter."""
    connection = operations.get_bind()
    for statement in operation.statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def capture_changes(*, template_version: int, **source: Any) -> list[str]:
    """Log the changed keys of a table under a source's name, by statement triggers on it and its partitions.

    :param template_version: version of the file ``capture_v<version>.sql``, from which the trigger function is made.
    :param source: the fields of :class:`Source`.
    """
    return capture.capture_changes(Source(**source), template_version)


def replace_capture(*, template_version: int, **source: Any) -> list[str]:
    """Give a captured source's triggers a function of another version; every change is logged meanwhile."""
    return capture.replace_capture(Source(**source), template_version)


def create_maintained_view(*, template_version: int, **view: Any) -> list[str]:
    """Create a maintained view: live relation, unpopulated tiers, unique indexes, merged read functions.

    :param template_version: version of the files ``merged_…_v<version>.sql``.
    :param view: the fields of :class:`MaintainedView`.
    """
    return tiers.create_maintained_view(MaintainedView(**view), template_version)


def replace_maintained_view(*, template_version: int, **view: Any) -> list[str]:
    """Replace the installed version of a maintained view by this one, of the same sources and key."""
    return tiers.replace_maintained_view(MaintainedView(**view), template_version)


def replace_merged_reads(*, template_version: int, **view: Any) -> list[str]:
    """Replace a view's merged read functions by those of this version; the tiers stay."""
    return merged_reads.replace_merged_reads(MaintainedView(**view), template_version)


def run_statements_of(statements: Sequence[str], unless_standing: tuple[int, str] | None = None) -> list[str]:
    """Run DDL that a project's revision holds as text, statement by statement.

    :param unless_standing: the number and hash of a declaration, while which has its objects, nothing is done.
    """
    return [it if unless_standing is None else _unless_standing(*unless_standing, it) for it in statements]


def _unless_standing(number: int, hashed: str, statement: str) -> str:
    standing = f"frontview.is_standing({int(number)}, {literal(hashed)})"
    run = f"BEGIN IF NOT {standing} THEN EXECUTE {dollar_quoted(statement)}; END IF; END"
    return f"DO {dollar_quoted(run)}"


@Operations.register_operation("install_declaration", "declared")
@Operations.register_operation("remove_declaration", "taken_back")
class BundledDeclaration(MigrateOperation):
    """What a declaration that comes with this code makes, over tables that are there; or without it."""

    def __init__(self, folder: str, *, remove: bool) -> None:
        self.folder, self.remove = folder, remove

    @classmethod
    def declared(cls, operations: Operations, folder: str) -> None:
        """Make everything that the declaration in a folder of this code says."""
        operations.invoke(cls(folder, remove=False))

    @classmethod
    def taken_back(cls, operations: Operations, folder: str) -> None:
        """Drop everything that the declaration in a folder of this code made."""
        operations.invoke(cls(folder, remove=True))


@Operations.implementation_for(BundledDeclaration)
def run_declaration(operations: Operations, operation: BundledDeclaration) -> None:
    """Have PostgreSQL judge the declaration, and run the statements of each step.

    :raises DeclarationError: the tables are not those that it is for.
    """
    connection = operations.get_bind().connection.driver_connection
    for statement in bundled_statements(connection, ROOT / operation.folder, remove=operation.remove):
        connection.execute(statement.encode())


def bundled_statements(connection: Connection, folder: Path, *, remove: bool) -> list[str]:
    """Return what makes a declaration's objects over tables that are there, or what drops them.

    :raises DeclarationError: the tables are not those that it is for.
    """
    declared = read_project(folder)
    verdict = judge(connection, declared, priced=False)
    if verdict.proven is None:
        raise DeclarationError(tuple(verdict.faults))
    made = steps(plan(declared, verdict.proven, None, newest_of_core()))
    if remove:
        return [statement for step in reversed(made) for statement in step.downgrade]
    return [statement for step in made for statement in step.upgrade]


OPERATIONS: tuple[Callable[..., list[str]], ...] = (
    sql_objects.create_user_key,
    sql_objects.drop_user_key,
    sql_objects.create_sql_object,
    sql_objects.drop_sql_object,
    sql_objects.replace_sql_object,
    capture_changes,
    capture.stop_capture,
    replace_capture,
    create_maintained_view,
    tiers.drop_maintained_view,
    replace_maintained_view,
    replace_merged_reads,
    rights.allow,
    rights.disallow,
)


def _register(statements_of: Callable[..., list[str]]) -> None:
    def run(cls: type[Statements], operations: Operations, *args: Any, **kwargs: Any) -> None:
        operations.invoke(cls(statements_of(*args, **kwargs)))

    name = statements_of.__name__.removesuffix("_of")
    invocable = type(name, (Statements,), {"run": classmethod(run), "__doc__": statements_of.__doc__})
    Operations.register_operation(name, "run")(invocable)


for _operation in (*OPERATIONS, run_statements_of):
    _register(_operation)
