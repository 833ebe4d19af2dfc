"""Our Alembic operations, which a revision calls as ``op.create_sql_object(…)`` and so on.

A revision names (object, version) and nothing else; :mod:`views_sql.generation` has the details. An operation runs a
list of statements. Operations do not reverse themselves: a downgrade calls the opposite one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.operations import MigrateOperation, Operations

from views_sql.generation import rights, sql_objects
from views_sql.generation.names import dollar_quoted, literal


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


def run_statements_of(statements: Sequence[str], unless_standing: tuple[int, str] | None = None) -> list[str]:
    """Run DDL that a project's revision holds as text, statement by statement.

    :param unless_standing: the number and hash of a declaration, while which has its objects, nothing is done.
    """
    return [it if unless_standing is None else _unless_standing(*unless_standing, it) for it in statements]


def _unless_standing(number: int, hashed: str, statement: str) -> str:
    standing = f"frontview.is_standing({int(number)}, {literal(hashed)})"
    run = f"BEGIN IF NOT {standing} THEN EXECUTE {dollar_quoted(statement)}; END IF; END"
    return f"DO {dollar_quoted(run)}"


OPERATIONS: tuple[Callable[..., list[str]], ...] = (
    sql_objects.create_user_key,
    sql_objects.drop_user_key,
    sql_objects.create_sql_object,
    sql_objects.drop_sql_object,
    rights.allow,
)


def _register(statements_of: Callable[..., list[str]]) -> None:
    def run(cls: type[Statements], operations: Operations, *args: Any, **kwargs: Any) -> None:
        operations.invoke(cls(statements_of(*args, **kwargs)))

    name = statements_of.__name__.removesuffix("_of")
    invocable = type(name, (Statements,), {"run": classmethod(run), "__doc__": statements_of.__doc__})
    Operations.register_operation(name, "run")(invocable)


for _operation in (*OPERATIONS, run_statements_of):
    _register(_operation)
